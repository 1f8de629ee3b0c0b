"""Somebody who taps a hundred times a second: the next is served, and what is written down stays bounded."""

from __future__ import annotations

from collections import Counter

import pytest

from floor.words import DenialReason
from gateway.taps import REFUSALS_MOST
from tests.kit.gateway import EVE, Bench

TAPS = 1_000


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.journal.close()


async def test_a_hundred_refused_taps_a_second_fill_no_journal_and_keep_nobody_out(bench: Bench) -> None:
    for _ in range(TAPS):
        bench.clock.pass_s(0.01)
        await bench.tap(EVE)
    written = Counter(await bench.kinds())
    assert written["tap_refused"] == REFUSALS_MOST
    assert written["alarm_raised"] == 1, "staff are told once a minute"
    taps = bench.metrics.taps.labels("laser", DenialReason.UNKNOWN_BADGE)
    assert taps._value.get() == TAPS, "each is counted all the same"
    await bench.tap()
    assert bench.relay.is_on
    bench.clock.pass_s(60)
    await bench.tap(EVE)
    assert Counter(await bench.kinds())["tap_refused"] == REFUSALS_MOST + 1
