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
from gateway.clock import SystemClock
from gateway.metering import SessionMeter
from tests.simulation.campaign import live
from tests.simulation.world import Plan

COUNTERS, WALL_MS, DECIDE, STEP = SessionMeter.counters, SystemClock.wall_ms, access.decide, session.step


@dataclass(frozen=True)
class Break:
    """What is broken, where, by what; and the rule of the oracle that must tell."""

    what: str
    target: str
    by: Callable[..., Any]
    told_by: str
    plan: Plan = Plan(1, 25, faults=False)


async def start_nothing(self: object, lease: Lease) -> bool:
    return True


def counts_twice(self: SessionMeter, at_ms: int) -> dict[Quantity, int]:
    return {quantity: 2 * amount for quantity, amount in COUNTERS(self, at_ms).items()}


def grants_too_long(request: access.Request) -> access.Decision:
    decision = DECIDE(request)
    if isinstance(decision, Denied):
        return decision
    return Granted(replace(decision.lease, max_duration_s=10 * decision.lease.max_duration_s))


def grants_all(request: access.Request) -> access.Decision:
    decision = DECIDE(request)
    if isinstance(decision, Granted):
        return decision
    lease = Lease(request.session_id, request.machine, "x", "x", "b" * 32, "t", "X", request.now_ms, 60)
    return Granted(lease)


def leaves_relays_closed(*given: Any) -> session.Step:
    state, effects = STEP(*given)
    return state, tuple(effect for effect in effects if not isinstance(effect, OpenRelay))


BREAKS = [
    Break("a start is recorded", "gateway.tab.Tab.open", start_nothing, "every_use_is_one_session"),
    Break("an end is recorded", "gateway.tab.Tab.close", lambda *_: None, "every_session_is_billed_once"),
    Break("a price is of the time", "gateway.metering.SessionMeter.counters", counts_twice, "every_session_is_billed"),
    Break("an entry is applied once", "booking_api.metering.ingest.plan", lambda head, applied, batch: plan(
        Head(batch.entries[0].seq - 1, batch.entries[0].previous), {}, batch), "watched", Plan(3, 25)),
    Break("a lease has an end", "floor.access.decide", grants_too_long, "no_lease_is_outlived"),
    Break("a stranger is refused", "floor.access.decide", grants_all, "no_power_without_a_tap"),
    Break("an end takes power", "floor.session.step", leaves_relays_closed, "watched"),
    Break("checkpoints are kept", "gateway.tab.Tab.mark", lambda *_: None, "no_session_is_longer_or_shorter", Plan(1, 30)),
    Break("a session lasts by the monotonic clock", "gateway.clock.SystemClock.monotonic_ms",
          lambda self: WALL_MS(self) % 10**12, "no_session_is_longer_or_shorter", Plan(4, 30)),
    Break("an entry is dated once", "gateway.clock.SystemClock.wall_ms", lambda self: WALL_MS(self) + 60_000,
          "entries_keep_their_times"),
    Break("a clock says how wrong it is", "gateway.clock.SystemClock.error_ms", lambda self: 50,
          "sessions_are_dated_within_their_error", Plan(3, 30)),
]  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.what.replace(" ", "-"))
def test_a_broken_rule_is_told(broken: Break) -> None:
    with mock.patch(broken.target, broken.by):
        lived = live(broken.plan)
    assert any(words.startswith(broken.told_by) for words in lived.contradictions), lived.contradictions[:10]
