"""The oracle sees each rule that is broken: the product's own code is changed, and a seed is lived with it.

By hand, with the same result: `JournalStore.position` without `min(acknowledged, seq)` ends the gateway's
process in seed 6; `Gatherer._end_cut_off` without effect leaves sessions open in seeds 10 and 17; the clock's
older way, in which the smallest difference ever seen vouched for it, lets sessions wait for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import pytest

from booking_api.metering.plan import Head, plan
from floor import access, session
from floor.access import Denied, Granted, Lease
from floor.meter import Quantity
from floor.session_effects import OpenRelay
from floor.wire.journal import JournalBatch
from gateway.clock import SystemClock
from gateway.metering import Mark, SessionMeter
from gateway.tab import Tab
from tests.simulation.campaign import live
from tests.simulation.world import Plan

COUNTERS, WALL_MS, CLOSE = SessionMeter.counters, SystemClock.wall_ms, Tab.close
DECIDE, STEP = access.decide, session.step
CALM = Plan(1, 6, faults=False)
STRANGERS = Plan(2, 30, faults=False)
"""Some tap where nobody is before them."""


@dataclass(frozen=True)
class Break:
    """What is broken, where, by what; and the rule of the oracle that must tell."""

    what: str
    target: str
    by: Callable[..., Any]
    told_by: str
    plan: Plan = CALM


async def start_nothing(self: object, lease: Lease) -> bool:
    return True


def counts_twice(self: SessionMeter, at_ms: int) -> dict[Quantity, int]:
    return {quantity: 2 * amount for quantity, amount in COUNTERS(self, at_ms).items()}


def grants_too_long(request: access.Request) -> access.Decision:
    decision = DECIDE(request)
    if isinstance(decision, Denied):
        return decision
    return Granted(replace(decision.lease, max_duration_s=2 * decision.lease.max_duration_s))


def grants_all(request: access.Request) -> access.Decision:
    decision = DECIDE(request)
    if isinstance(decision, Granted):
        return decision
    lease = Lease(request.session_id, request.machine, "x", "x", "b" * 32, "t", "X", request.now_ms, 60)
    return Granted(lease)


def leaves_relays_closed(*given: Any) -> session.Step:
    state, effects = STEP(*given)
    return state, tuple(effect for effect in effects if not isinstance(effect, OpenRelay))


def skips_gaps(head: Head, applied: Any, batch: JournalBatch) -> Any:
    first = batch.entries[0]
    return plan(Head(first.seq - 1, first.previous), {}, batch)


def lasts_by_the_wall_clock(self: Tab, lease: Lease, now: Mark, *rest: Any) -> Any:
    elapsed_ms = max(0, self._services.clock.wall_ms() - lease.granted_ms)
    return CLOSE(self, lease, Mark(elapsed_ms, {Quantity.MACHINE_TIME_MS: elapsed_ms}), *rest)


def nothing(*_: object) -> None:
    return None


def a_minute_late(self: SystemClock) -> int:
    return WALL_MS(self) + 60_000


STORM = Plan(3, 10)
LIMITED = Plan(3, 6, faults=False, gateways=3, people=6, limit_micro=500_000)
BREAKS = [
    Break("a start is recorded", "gateway.tab.Tab.open", start_nothing, "every_use_is_one_session"),
    Break("an end is recorded", "gateway.tab.Tab.close", nothing, "every_session_is_billed_once"),
    Break(
        "a price is of the time",
        "gateway.metering.SessionMeter.counters",
        counts_twice,
        "every_session_is_billed_once",
    ),
    Break(
        "a gap in the journal waits",
        "booking_api.metering.ingest.plan",
        skips_gaps,
        "every_use_is_one_session",
        STORM,
    ),
    Break("a lease has an end", "floor.access.decide", grants_too_long, "no_lease_is_outlived"),
    Break("a limit ends a session", "gateway.tab.Tab.watch", nothing, "no_limit_is_passed", LIMITED),
    Break("a stranger is refused", "floor.access.decide", grants_all, "no_power_without_a_tap", STRANGERS),
    Break("an end takes power", "floor.session.step", leaves_relays_closed, "watched"),
    Break(
        "checkpoints are kept",
        "gateway.tab.Tab.mark",
        nothing,
        "no_session_is_longer_or_shorter",
        Plan(4, 15),
    ),
    Break(
        "a session lasts by the monotonic clock",
        "gateway.tab.Tab.close",
        lasts_by_the_wall_clock,
        "no_session_is_longer_or_shorter",
        Plan(8, 10),
    ),
    Break(
        "an entry is dated once",
        "gateway.clock.SystemClock.wall_ms",
        a_minute_late,
        "entries_keep_their_times",
    ),
    Break(
        "a clock says how wrong it is",
        "gateway.clock.SystemClock.error_ms",
        lambda self: 50,
        "sessions_are_dated_within_their_error",
        Plan(6, 12),
    ),
]


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.what.replace(" ", "-"))
def test_a_broken_rule_is_told(broken: Break) -> None:
    with mock.patch(broken.target, broken.by):
        lived = live(broken.plan)
    assert any(words.startswith(broken.told_by) for words in lived.contradictions), lived.contradictions[:10]
