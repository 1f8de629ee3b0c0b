"""Follows what a transaction changes through the mapper, and writes it down as one act before the commit."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial
from typing import Any

from sqlalchemy import event, insert, select, update
from sqlalchemy.orm import Mapper, PassiveFlag, object_mapper
from sqlalchemy.orm.attributes import get_history
from sqlmodel import Session, SQLModel, col

from booking_api.audit import chain
from booking_api.audit.acting import ACTOR, Actor
from booking_api.audit.models import AuditAct, AuditHead, AuditPart
from booking_api.audit.tables import DERIVED, EVERYBODY, NOT_RECORDED, PERSONS, is_secret
from booking_api.db import DATA, after_commit, follow_savepoints
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import LedgerPosting

_GATHERED = "audit"
TEXT_MAX = 500
"""Longer texts are cut: the log says what changed, and is no second copy of price lists."""
ENTRIES_MAX = 20
"""So many entries of the books are named one by one; of more, the first, the last and their number."""
ADDED, CHANGED, REMOVED = "added", "changed", "removed"


@dataclass(slots=True)
class Change:
    """What was done to one thing, so far in this transaction."""

    kind: str
    object: str
    about: str
    change: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Gathered:
    """What a transaction has changed so far. `erased` are persons whose values are not written down."""

    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    notes: list[Change] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)

    def copy(self) -> Gathered:
        """Return a copy to which may be added; no change in it is changed itself."""
        return Gathered(dict(self.changes), list(self.notes), list(self.entries), set(self.erased))


follow_savepoints(_GATHERED, Gathered.copy)


def gathered(session: Session) -> Gathered:
    """Return what a session has gathered."""
    found: Gathered = session.info.setdefault(_GATHERED, Gathered())
    return found


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is to know of a table: its key's attributes, all attributes, and which names the person."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    about: tuple[str, ...]


@cache
def _shape(mapper: Mapper[Any]) -> _Shape:
    table = str(mapper.local_table.name)  # type: ignore[attr-defined] # a mapped table has a name
    told = (attribute.key for attribute in mapper.column_attrs)
    columns = tuple(name for name in told if (table, name) not in DERIVED)
    key = tuple(mapper.get_property_by_column(column).key for column in mapper.primary_key)
    about: tuple[str, ...] = tuple(name for name in ("member", "account") if name in columns)
    if table in {"member", "account"}:
        about = ("id",)
    elif table in PERSONS:
        about = (*about, "id")
    return _Shape(table, key, columns, about)


@event.listens_for(Session, "after_flush")
def _after_flush(session: Session, _context: object) -> None:
    actor: Actor | None = session.info.get(ACTOR)
    if actor is None:
        return
    for rows, change in ((session.new, ADDED), (session.dirty, CHANGED), (session.deleted, REMOVED)):
        for row in rows:
            shape = _shape(object_mapper(row))
            is_ours = actor.is_staff or shape.table in EVERYBODY
            if is_ours and shape.table not in NOT_RECORDED:
                _take(gathered(session), shape, row, change)


def _take(into: Gathered, shape: _Shape, row: SQLModel, change: str) -> None:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in shape.columns:
        history = get_history(row, name, PassiveFlag.PASSIVE_NO_INITIALIZE)
        old = history.deleted[0] if history.deleted else None
        new = getattr(row, name)
        if change == CHANGED and (not (history.added or history.deleted) or old == new):
            continue
        if change != ADDED:
            before[name] = _shown(name, old if change == CHANGED else new)
        if change != REMOVED:
            after[name] = _shown(name, new)
    if change == CHANGED and not after:
        return
    object = " ".join(str(getattr(row, name)) for name in shape.key if not is_secret(name))[:200]
    about = next((str(found) for name in shape.about if (found := getattr(row, name))), "")
    _merge(into, Change(shape.table, object, about, change, before, after))


def _merge(into: Gathered, new: Change) -> None:
    """Add to what an earlier flush of this transaction said of the same thing."""
    key = new.kind, new.object
    old = into.changes.get(key)
    if old is None:
        into.changes[key] = new
    elif new.change == REMOVED and old.change == ADDED:
        del into.changes[key]
    else:
        if new.change == CHANGED and old.change == ADDED:
            new.change = ADDED
            new.before = {}
        elif new.change == ADDED and old.change == REMOVED:
            new.change = CHANGED
        new.before |= old.before
        new.after = old.after | new.after if new.change != REMOVED else {}
        into.changes[key] = new


def _shown(name: str, value: Any) -> Any:
    """Return a value as the log keeps it: no secret, nothing long, and of JSON's kinds."""
    if is_secret(name):
        return None if value is None else "•"
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}… ({len(text)} characters)"


@event.listens_for(Session, "before_commit")
def _before_commit(session: Session) -> None:
    actor: Actor | None = session.info.get(ACTOR)
    if actor is None or session.in_nested_transaction():
        return
    session.flush()
    done: Gathered | None = session.info.pop(_GATHERED, None)
    if done is not None and (done.changes or done.notes or done.entries):
        _write(session, actor, done)


def _write(session: Session, actor: Actor, done: Gathered) -> None:
    query = select(col(AuditHead.seq), col(AuditHead.hash)).where(col(AuditHead.id) == 1).with_for_update()
    seq, previous = session.connection().execute(query).one()
    seq += 1
    act = {
        "seq": seq,
        "at_ms": actor.at_ms,
        "floor_ms": actor.floor_ms,
        "via": actor.via,
        "member": actor.member,
        "act": actor.act,
    }
    about = next((change.about for change in (*done.changes.values(), *done.notes) if change.about), "")
    about = about or _payer(session, done.entries)
    said = [*_said_by(actor, about), *done.changes.values(), *done.notes, *_entries(done.entries)]
    parts = [_part(seq, n, change, change.about in done.erased) for n, change in enumerate(said)]
    hash = chain.act_hash(previous, act, parts)
    session.connection().execute(insert(AuditAct), [act | {"previous": previous, "hash": hash}])
    session.connection().execute(insert(AuditPart), parts)
    moved = update(AuditHead).where(col(AuditHead.id) == 1).values(seq=seq, hash=hash)
    session.connection().execute(moved)
    after_commit(session, partial(chain.publish, session.info[DATA], seq, hash))


def _said_by(actor: Actor, about: str) -> Iterable[Change]:
    """Return who acted, and why: two parts, for each may name another person."""
    named = {"name": actor.name} | ({"token": actor.token} if actor.token else {})
    yield Change("actor", actor.member, actor.member, "acted", {}, named)
    if actor.reason:
        yield Change("reason", "", about, "said", {}, {"reason": actor.reason})


def _payer(session: Session, entries: list[str]) -> str:
    """Return whose account entries are on: a reason says of them what the entry's memo says; "" for many."""
    account, mine = col(LedgerPosting.account), member_account("")
    named = col(LedgerPosting.entry).in_(entries[:ENTRIES_MAX]) & account.startswith(mine)
    found = session.connection().execute(select(account).where(named).distinct()).scalars().all()
    return found[0].removeprefix(mine) if len(found) == 1 else ""


def _entries(ids: list[str]) -> Iterable[Change]:
    if len(ids) <= ENTRIES_MAX:
        return [Change("ledger_entry", id, "", "posted") for id in ids]
    return [Change("ledger_entry", ids[0], "", "posted", {}, {"entries": len(ids), "last": ids[-1]})]


def _part(act: int, n: int, change: Change, is_erased: bool) -> dict[str, Any]:
    values = {"before": change.before, "after": change.after}
    body = json.dumps({key: found for key, found in values.items() if found}, ensure_ascii=False)
    salt = secrets.token_hex(16)
    return {
        "act": act,
        "n": n,
        "kind": change.kind,
        "object": change.object,
        "change": change.change,
        "about": change.about,
        "salt": "" if is_erased else salt,
        "body": "" if is_erased else body,
        "body_hash": chain.body_hash(salt, body),
    }
