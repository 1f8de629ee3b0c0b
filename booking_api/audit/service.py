"""What is asked of the audit log: a page, all of it, whether it still says what was written; erasure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from booking_api.audit import chain
from booking_api.audit.models import AuditAct, AuditHead, AuditPart
from booking_api.audit.recording import gathered
from booking_api.cursors import read_cursor, write_cursor
from booking_api.db import DATA
from floor.errors import Refused

CHUNK = 500
ERASED = "erased"
Problem = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which acts are wanted; what is empty or None limits nothing. Times are real UTC milliseconds."""

    member: str = ""
    about: str = ""
    kind: str = ""
    object: str = ""
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A value before and after; None where there was none."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Part:
    """What was done to one thing. `erased`: its values were those of a person who was erased."""

    kind: str
    object: str
    change: str
    about: str
    fields: tuple[Field, ...]
    erased: bool


@dataclass(frozen=True, slots=True)
class Act:
    """An act as it is shown: who, by which door, what, why, when, and what it changed."""

    seq: int
    at_ms: int
    floor_ms: int
    via: str
    member: str
    name: str
    token: str
    act: str
    reason: str
    parts: tuple[Part, ...]


def listed(
    session: Session, filters: Filters, cursor: str = "", limit: int = 50
) -> tuple[list[Act], str | None]:
    """Return acts, newest first, and the next page's cursor; raises Refused for a cursor of another kind."""
    query = _wanted(filters).order_by(col(AuditAct.seq).desc())
    if cursor:
        last = read_cursor(cursor)
        if not last.isdecimal():
            raise Refused("cursor_malformed", "This is not a cursor. Take `next` of the page before.")
        query = query.where(col(AuditAct.seq) < int(last))
    rows = session.exec(query.limit(limit + 1)).all()
    more = write_cursor(str(rows[limit - 1].seq)) if len(rows) > limit else None
    return list(_acts(session, rows[:limit])), more


def everything(session: Session, filters: Filters) -> Iterator[Act]:
    """Yield acts, oldest first, without holding all of them."""
    after = 0
    while True:
        query = _wanted(filters).where(col(AuditAct.seq) > after).order_by(col(AuditAct.seq)).limit(CHUNK)
        rows = session.exec(query).all()
        if not rows:
            return
        yield from _acts(session, rows)
        after = rows[-1].seq
        session.expunge_all()


def blank(session: Session, member: str) -> None:
    """Erase what the log says of a person, in this transaction too; the acts and the chain stay."""
    gathered(session).erased.add(member)
    mine = update(AuditPart).where(col(AuditPart.about) == member, col(AuditPart.salt) != "")
    session.execute(mine.values(salt="", body=""), execution_options={"synchronize_session": False})


def check_chain(session: Session) -> Iterator[Problem]:
    """Follow the chain to its head, and compare it with the heads that were published outside."""
    heads = dict(chain.published(session.info[DATA]))
    seq, previous = 0, chain.GENESIS
    ordered = select(AuditAct).order_by(col(AuditAct.seq)).limit(CHUNK)
    while rows := session.exec(ordered.where(col(AuditAct.seq) > seq)).all():
        parts = _parts(session, rows)
        for row in rows:
            problem = _broken(row, seq, previous, parts.get(row.seq, []))
            if problem is None and heads.pop(row.seq, row.hash) != row.hash:
                problem = "it is not what was published when it was written"
            if problem:
                yield f"audit log, act {row.seq}", problem
                return
            seq, previous = row.seq, row.hash
        session.expunge_all()
    head = session.get(AuditHead, 1)
    if head is None or (head.seq, head.hash) != (seq, previous):
        yield "audit log", f"it ends at act {seq}, but {head.seq if head else 'none'} were written"
    elif heads:
        words = "it was written and is gone: the log was cut, or an older database was restored"
        yield f"audit log, act {min(heads)}", words


def _broken(row: AuditAct, last: int, previous: str, parts: Sequence[AuditPart]) -> str | None:
    if row.seq != last + 1:
        return f"act {last + 1} is missing"
    told = row.model_dump() | {"via": row.via.value}
    if chain.act_hash(previous, told, [part.model_dump() for part in parts]) != row.hash:
        return "it is not what was written"
    for part in parts:
        blanked = not part.salt and not part.body
        if not blanked and chain.body_hash(part.salt, part.body) != part.body_hash:
            return f"the values of its part {part.n} are not what was written"
        if blanked and not part.about:
            return f"the values of its part {part.n} are gone, and concern nobody"
    return None


def _wanted(filters: Filters) -> SelectOfScalar[AuditAct]:
    query = select(AuditAct)
    if filters.member:
        query = query.where(col(AuditAct.member) == filters.member)
    if filters.from_ms is not None:
        query = query.where(col(AuditAct.at_ms) >= filters.from_ms)
    if filters.to_ms is not None:
        query = query.where(col(AuditAct.at_ms) < filters.to_ms)
    parts = [
        column == wanted
        for column, wanted in (
            (col(AuditPart.about), filters.about),
            (col(AuditPart.kind), filters.kind),
            (col(AuditPart.object), filters.object),
        )
        if wanted
    ]
    if parts:
        query = query.where(col(AuditAct.seq).in_(select(AuditPart.act).where(*parts)))
    return query


def _parts(session: Session, rows: Sequence[AuditAct]) -> dict[int, list[AuditPart]]:
    seqs = [row.seq for row in rows]
    found: dict[int, list[AuditPart]] = {}
    query = select(AuditPart).where(col(AuditPart.act).in_(seqs))
    for part in session.exec(query.order_by(col(AuditPart.act), col(AuditPart.n))):
        found.setdefault(part.act, []).append(part)
    return found


def _acts(session: Session, rows: Sequence[AuditAct]) -> Iterator[Act]:
    parts = _parts(session, rows)
    for row in rows:
        mine = parts.get(row.seq, [])
        said = {part.kind: _values(part, "after") for part in mine if part.kind in {"actor", "reason"}}
        erased = {part.kind for part in mine if not part.salt}
        name = said.get("actor", {}).get("name", "")
        yield Act(
            seq=row.seq,
            at_ms=row.at_ms,
            floor_ms=row.floor_ms,
            via=row.via.value,
            member=row.member,
            name=ERASED if "actor" in erased else name,
            token=said.get("actor", {}).get("token", ""),
            act=row.act,
            reason=ERASED if "reason" in erased else said.get("reason", {}).get("reason", ""),
            parts=tuple(_seen(part) for part in mine if part.kind not in {"actor", "reason"}),
        )


def _values(part: AuditPart, side: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(part.body).get(side, {}) if part.body else {}
    return found


def _seen(part: AuditPart) -> Part:
    before, after = _values(part, "before"), _values(part, "after")
    names = list(before | after)
    fields = tuple(Field(name, before.get(name), after.get(name)) for name in names)
    return Part(part.kind, part.object, part.change, part.about, fields, not part.salt)
