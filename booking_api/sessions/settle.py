"""Sessions that ended become charges. What cannot be priced for certain becomes an exception that says why.

Works on rows as the tables hold them, many at once: this is the hot path of ingest.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import ROUNDING, machine_income, member_account
from booking_api.ledger.models import ChargeLine
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.metering.models import BootClock
from booking_api.sessions.models import SessionReading, SessionState
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.pricing import Priced, price_session
from floor.errors import ConfigError
from floor.ledger import Entry, EntryKind, Posting
from floor.meter import Quantity, Reading
from floor.tariff import Tariff

Row = dict[str, Any]
NO_START = "Its start has not arrived."
NO_CLOCK = "The gateway did not know the time when it began."


@dataclass(frozen=True, slots=True)
class _Known:
    """What settling a set of sessions looks up, read at once."""

    machines: Mapping[str, tuple[str | None, str | None, str]]
    members: frozenset[str]
    accounts: frozenset[str]
    versions: Mapping[str, Sequence[Tariff]]
    readings: Mapping[str, Sequence[Reading]]
    clocks: Mapping[tuple[str, str], tuple[int, int]]


@dataclass(slots=True)
class _Posted:
    entries: list[Entry] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)


def settle(session: Session, rows: Sequence[Row], now_ms: int, *, trust_gateway: bool = False) -> None:
    """Price and post sessions that have ended; the rows are changed, and the caller writes them.

    `trust_gateway` accepts a session from a gateway that its machine is not assigned to: an operator's word.
    """
    if not rows:
        return
    known, posted = _look_up(session, rows), _Posted()
    for row in rows:
        repair_time(row, known.clocks.get((row["gateway"], row["boot_id"])))
        problem = _problem(row, known, trust_gateway) or _charge(row, known, posted, now_ms)
        row["state"] = SessionState.EXCEPTION if problem else SessionState.PRICED
        row["exception"] = problem[:400]
    ledger.post(session, posted.entries)
    if posted.lines:
        session.execute(insert(ChargeLine), posted.lines)


def repair_time(row: Row, boot: tuple[int, int] | None) -> None:
    """Date a session that began before its gateway knew the time, once the gateway has learnt it."""
    if row["clock_error_ms"] is None and boot is not None:
        row["started_ms"], row["clock_error_ms"] = boot[0] + row["start_monotonic_ms"], boot[1]
    if row["stop_type"] is not None:
        row["ended_ms"] = row["started_ms"] + row["elapsed_ms"]


def _problem(row: Row, known: _Known, trust_gateway: bool) -> str:
    if not row["machine"]:
        return NO_START
    machine = known.machines.get(row["machine"])
    if machine is None:
        return f"The machine {row['machine']} is not known here."
    if machine[0] != row["gateway"] and not trust_gateway:
        return f"It came from the gateway {row['gateway']}, to which {row['machine']} does not belong."
    if row["member"] not in known.members:
        return f"The member {row['member']} is not known here."
    if row["account"] not in known.accounts:
        return f"The account {row['account']} is not known here."
    return NO_CLOCK if row["clock_error_ms"] is None else ""


def _charge(row: Row, known: _Known, posted: _Posted, now_ms: int) -> str:
    """Price one session and add what it posts; return why it cannot be, or ""."""
    _, tariff, name = known.machines[row["machine"]]
    if tariff is None:
        row["total_micro"] = 0
        return ""
    try:
        priced = price_session(_readings(row, known), known.versions.get(tariff, ()), row["tier"])
    except LookupError:
        return f"No version of the tariff {tariff} was in force when it began."
    except (ValueError, ConfigError) as error:
        return f"It cannot be priced: {error}."
    row["tariff_version"], row["commodity"] = priced.version, priced.commodity
    row["total_micro"] = priced.total_micro
    lines = [_line_row(row, n, version, line) for n, (version, line) in enumerate(priced.lines, 1)]
    if priced.total_micro or priced.accrued_micro:
        entry = _entry(row, priced, name, digest_lines(lines), now_ms)
        row["entry"] = entry.id
        posted.entries.append(entry)
    posted.lines += [{**line, "entry": row["entry"]} for line in lines]
    return ""


def _readings(row: Row, known: _Known) -> list[Reading]:
    start, elapsed = row["started_ms"], row["elapsed_ms"]
    between = [
        Reading(start + reading.at_ms, reading.counters)
        for reading in known.readings.get(row["id"], ())
        if reading.at_ms <= elapsed
    ]
    return [Reading(start, {}), *between, Reading(start + elapsed, _counters(row["counters"]))]


def _counters(table: Mapping[str, int]) -> dict[Quantity, int]:
    return {Quantity(name): amount for name, amount in table.items()}


def _line_row(row: Row, n: int, version: str, line: Any) -> Row:
    return {
        "session": row["id"],
        "n": n,
        "tariff_version": version,
        "tier": row["tier"],
        "component": line.component,
        "unit": line.unit,
        "metered": str(line.metered),
        "billed": str(line.billed),
        "price_micro": str(line.price_micro),
        "amount_micro": line.amount_micro,
        "bound": line.bound,
    }


def digest_lines(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return the SHA-256 of charge lines; it stands in the entry, so that the chain covers them too."""
    keys = ("tariff_version", "tier", "component", "unit", "metered", "billed", "price_micro", "amount_micro")
    body = [[line[key] for key in (*keys, "bound")] for line in lines]
    return "lines:" + hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()


def _entry(row: Row, priced: Priced, machine_name: str, detail: str, now_ms: int) -> Entry:
    postings = [
        Posting(member_account(row["account"]), priced.commodity, priced.total_micro),
        Posting(machine_income(row["machine"]), priced.commodity, -priced.accrued_micro),
    ]
    if priced.rounding_micro:
        postings.append(Posting(ROUNDING, priced.commodity, -priced.rounding_micro))
    return Entry(
        id=make_id(now_ms),
        kind=EntryKind.CHARGE,
        source=f"session:{row['id']}",
        occurred_ms=row["ended_ms"],
        posted_ms=now_ms,
        postings=tuple(postings),
        memo=machine_name,
        detail=detail,
    )


def _look_up(session: Session, rows: Sequence[Row]) -> _Known:
    ids = {row["id"] for row in rows}
    wanted = select(Machine).where(col(Machine.id).in_({row["machine"] for row in rows}))
    machines = {
        machine.id: (machine.gateway, machine.tariff, machine.name) for machine in session.exec(wanted)
    }
    members = select(Member.id).where(col(Member.id).in_({row["member"] for row in rows}))
    accounts = select(Member.account).where(col(Member.account).in_({row["account"] for row in rows}))
    versions = tariffs.versions(session, {tariff for _, tariff, _ in machines.values() if tariff})
    return _Known(
        machines,
        frozenset(session.exec(members)),
        frozenset(session.exec(accounts)),
        {tariff: [tariffs.parsed(v.text, v.id) for v in kept] for tariff, kept in versions.items()},
        _readings_of(session, ids),
        _clocks(session, rows),
    )


def _readings_of(session: Session, ids: set[str]) -> dict[str, list[Reading]]:
    """Return checkpoints by session in order; `at_ms` counts from the session's start."""
    columns = (SessionReading.session, SessionReading.elapsed_ms, SessionReading.counters)
    order = (SessionReading.session, SessionReading.elapsed_ms, SessionReading.epoch, SessionReading.seq)
    query = select(*columns).where(col(SessionReading.session).in_(ids)).order_by(*map(col, order))
    found: dict[str, list[Reading]] = {}
    for id, elapsed_ms, counters in session.exec(query):
        found.setdefault(id, []).append(Reading(elapsed_ms, _counters(counters)))
    return found


def _clocks(session: Session, rows: Sequence[Row]) -> dict[tuple[str, str], tuple[int, int]]:
    boots = {row["boot_id"] for row in rows if row["clock_error_ms"] is None}
    if not boots:
        return {}
    found = session.exec(select(BootClock).where(col(BootClock.boot_id).in_(boots)))
    return {(clock.gateway, clock.boot_id): (clock.offset_ms, clock.clock_error_ms) for clock in found}
