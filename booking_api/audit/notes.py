"""What the mapper does not see: an act that changes no row, a bulk statement, an entry of the books."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session

from booking_api.audit import acting
from booking_api.audit.acting import ACTOR, Actor
from booking_api.audit.recording import Change, gathered


def note(
    session: Session, kind: str, object: str, change: str, /, *, about: str = "", **values: str | int | None
) -> None:
    """Record in this transaction that its actor did something; nobody's act is not recorded.

    `kind` and `object` name the thing, `change` says in a word what was done, `about` is the person whom the
    values concern. Only in sessions of `Database.write`.
    """
    if session.info.get(ACTOR) is not None:
        gathered(session).notes.append(Change(kind, object[:200], about, change[:32], {}, dict(values)))


def signed_in(session: Session, member: str, name: str, now_ms: int) -> None:
    """Record that somebody of staff signed in; `now_ms` is real time. They are this transaction's actor."""
    actor = acting.signing_in(member, name, now_ms)
    if actor is not None:
        session.info[ACTOR] = actor
        note(session, "browser_session", member, "signed in", about=member)


def posted(session: Session, entries: Iterable[str]) -> None:
    """Record that the actor, one of staff, posted these entries of the books."""
    actor: Actor | None = session.info.get(ACTOR)
    if actor is not None and actor.is_staff:
        gathered(session).entries.extend(entries)
