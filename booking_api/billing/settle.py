"""Sessions that ended become charges. What cannot be priced for certain becomes an exception that says why.

Works on rows as the tables hold them, many at once: this is the hot path of ingest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.billing.bill import Billed, bill
from booking_api.billing.past import Past
from booking_api.billing.visits import PriceList, price_lists, readings_of, session_due, since_of
from booking_api.db import one_of, zone_of
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.metering.models import BootClock
from booking_api.sessions.models import SessionState
from floor.meter import Reading

Row = dict[str, Any]
NO_START = "Its start has not arrived."
NO_CLOCK = "The gateway did not know the time when it began."


@dataclass(frozen=True, slots=True)
class _Known:
    """What settling a set of sessions looks up, read at once."""

    machines: Mapping[str, tuple[str | None, str | None, str]]
    members: Mapping[str, date]
    accounts: frozenset[str]
    prices: Mapping[str, PriceList]
    readings: Mapping[str, Sequence[Reading]]
    clocks: Mapping[tuple[str, str], tuple[int, int]]


def settle(
    session: Session, rows: Sequence[Row], now_ms: int, *, trust_gateway: bool = False
) -> dict[str, int]:
    """Price and post sessions that have ended; the rows are changed, and the caller writes them.

    `trust_gateway` accepts a session from a gateway that its machine is not assigned to: an operator's word.
    Returns what sessions that were priced before cost now, in micro-units, where that is something else.
    """
    if not rows:
        return {}
    known = _look_up(session, rows)
    dues: list[Past] = []
    for row in rows:
        repair_time(row, known.clocks.get((row["gateway"], row["boot_id"])))
        problem = _problem(row, known, trust_gateway)
        tariff = known.machines[row["machine"]][1] if not problem else None
        _done(row, problem)
        if tariff is None:
            continue
        if tariff not in known.prices:
            _done(row, f"No version of the tariff {tariff} was in force when it began.")
            continue
        shown, since = known.readings.get(row["id"], ()), known.members[row["member"]]
        memo = known.machines[row["machine"]][2]
        dues.append(Past(session_due(row, shown, known.prices[tariff], since, memo, now_ms), ()))
    billed = bill(session, dues, now_ms) if dues else Billed()
    waiting = {one.due.visit.id for one in dues}
    for row in rows:
        if row["id"] in waiting:
            _take(row, billed)
    return billed.changed


def repair_time(row: Row, boot: tuple[int, int] | None) -> None:
    """Date a session that began before its gateway knew the time, once the gateway has learnt it."""
    if row["clock_error_ms"] is None and boot is not None:
        row["started_ms"], row["clock_error_ms"] = boot[0] + row["start_monotonic_ms"], boot[1]
    if row["stop_type"] is not None:
        row["ended_ms"] = row["started_ms"] + row["elapsed_ms"]


def _done(row: Row, problem: str) -> None:
    row["state"] = SessionState.EXCEPTION if problem else SessionState.PRICED
    row["exception"] = problem[:400]
    row["total_micro"] = None if problem else 0


def _take(row: Row, billed: Billed) -> None:
    """Take over what a session costs."""
    problem = billed.problems.get(row["id"], "")
    _done(row, problem)
    if not problem:
        charges = billed.charges[row["id"]]
        row["tariff_version"], row["commodity"] = charges[0]["tariff_version"], charges[0]["commodity"]
        row["total_micro"] = sum(charge["total_micro"] for charge in charges)


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


def _look_up(session: Session, rows: Sequence[Row]) -> _Known:
    wanted = select(Machine).where(col(Machine.id).in_({row["machine"] for row in rows}))
    machines = {
        machine.id: (machine.gateway, machine.tariff, machine.name) for machine in session.exec(wanted)
    }
    accounts = {row["account"] for row in rows}
    members = {row["member"] for row in rows}
    own = select(Member.account).where(one_of(Member.account, accounts))
    shared = select(Account.id).where(one_of(Account.id, accounts))
    return _Known(
        machines,
        since_of(session, members, zone_of(session)),
        frozenset([*session.exec(own), *session.exec(shared)]),
        price_lists(session, {tariff for _, tariff, _ in machines.values() if tariff}),
        readings_of(session, {row["id"] for row in rows}),
        _clocks(session, rows),
    )


def _clocks(session: Session, rows: Sequence[Row]) -> dict[tuple[str, str], tuple[int, int]]:
    boots = {row["boot_id"] for row in rows if row["clock_error_ms"] is None}
    if not boots:
        return {}
    found = session.exec(select(BootClock).where(col(BootClock.boot_id).in_(boots)))
    return {(clock.gateway, clock.boot_id): (clock.offset_ms, clock.clock_error_ms) for clock in found}
