"""The page of sessions that were left open: what is known of each, what it would cost, its end by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Form
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts.models import Account
from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.db import start_again
from booking_api.gateways.models import Gateway
from booking_api.members.models import Member
from booking_api.problems import status_of
from booking_api.sessions.ending import end_lost
from booking_api.sessions.lost import silent
from booking_api.sessions.models import MachineSession
from booking_api.web.moments import instant
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.sentences import said
from booking_api.web.statement import machine_names, metered_words
from floor.errors import Refused

router = Router(prefix="/workshop/sessions", include_in_schema=False)
Keeps = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Moment = Annotated[str, Form(max_length=19)]
Words = Annotated[str, Form(max_length=200)]
Shown = Annotated[str, Form(max_length=40)]
FIELD = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed for a session, and what came of it: `shown` names the price that was shown.

    `total_micro` is None where it can be given no price: `words` say why. `changed`: another was shown.
    """

    id: str
    end: str
    reason: str
    shown: str = ""
    total_micro: int | None = None
    commodity: str = ""
    elapsed_ms: int = 0
    words: str = ""
    problem: str = ""
    changed: bool = False


@router.get("")
def lost(who: Keeps, session: Reading, page: Paged) -> Response:
    """Show the sessions of which nothing was heard for a while."""
    return _show(session, page)


@router.post("/{id}/end")
def end(
    who: Keeps, session: Writing, page: Paged, id: str, end: Moment, reason: Words = "", shown: Shown = ""
) -> Response:
    """Show what a session would cost that ends then; end it so where that was `shown` before."""
    asked, now_ms = Asked(id, end, reason.strip()), page.context.clock.now_ms()
    try:
        used = next(
            (one for one in silent(session, page.context.live.snapshot(), now_ms) if one.id == id), None
        )
        if used is None:
            raise Refused("session_heard", "It has ended, or its gateway was heard of again.")
        proven = _field(page, used.started_ms + used.elapsed_ms)
        at_ms = None if end == proven else instant(end, page.f)
        used = end_lost(session, id, reason, who.id, now_ms, at_ms)
    except Refused as refused:
        start_again(session)
        problem = said(refused.sentence, page.f)
        return _show(session, page, replace(asked, problem=problem), status_of(refused.code))
    price = f"{used.elapsed_ms} {used.total_micro} {used.commodity}"
    if shown == price:
        return RedirectResponse("/workshop/sessions?notice=session_ended", 303)
    asked = replace(
        asked,
        shown=price,
        total_micro=used.total_micro,
        commodity=used.commodity or "",
        elapsed_ms=used.elapsed_ms,
        words=said(used.exception, page.f),
        changed=bool(shown),
    )
    start_again(session)
    return _show(session, page, asked)


def _show(session: Session, page: Page, asked: Asked | None = None, status: int = 200) -> Response:
    rows = silent(session, page.context.live.snapshot(), page.context.clock.now_ms())
    people = select(Member).where(col(Member.id).in_({row.member for row in rows}))
    accounts = select(Account.id, Account.name).where(col(Account.id).in_({row.account for row in rows}))
    values = {
        "rows": [(row, *_times(page, row), metered_words(row.counters, page.f)) for row in rows],
        "people": {one.id: one for one in session.exec(people)},
        "accounts": dict(session.exec(accounts).all()),
        "gateways": _heard(session, page),
        "names": machine_names(session),
        "asked": asked,
        "listed": {row.id for row in rows},
    }
    return page.answer("lost_sessions.html", values, status)


def _times(page: Page, used: MachineSession) -> tuple[str, str]:
    """Return between which instants a session can end, as a field of the form has them."""
    return _field(page, used.started_ms), _field(page, used.started_ms + used.elapsed_ms)


def _field(page: Page, at_ms: int) -> str:
    return page.f.moment(at_ms).strftime(FIELD)


def _heard(session: Session, page: Page) -> dict[str, tuple[bool, int | None]]:
    """Return of each gateway whether it is in touch, and when it was heard of last."""
    present = page.context.live.snapshot().gateways
    found: dict[str, tuple[bool, int | None]] = {}
    for name, seen_ms in session.exec(select(Gateway.name, Gateway.last_seen_ms)):
        live = present.get(name)
        found[name] = (live.online, live.seen_ms) if live else (False, seen_ms)
    return found
