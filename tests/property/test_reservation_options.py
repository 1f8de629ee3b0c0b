"""What may be picked may be booked: the options of a day agree with the decision on each slot of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from floor.reservation import calendar, options
from floor.reservation.decide import decide
from floor.reservation.load import read_policies
from floor.reservation.terms import Known, Offer, Reservation, Slot, Turned, Wanted

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS = 3_600_000
RULES = """
hours = { daily = "08:00-23:00" }
[windows.evening]
days = "daily"
from = "18:00"
to = "24:00"
[policy.plain]
machines = "saw-*"
buffer = "15 min"
gap = "30 min"
one_at_a_time = true
over_midnight = false
[[policy.plain.limits]]
per = "day"
most = "3 h"
over = "all"
[policy.strict]
machines = "laser-*"
length_min = "30 min"
length_max = "4 h"
step = "30 min"
starts_every = "30 min"
priority = [["patron"], ["member"]]
[[policy.strict.limits]]
per = "rolling"
window = "12 h"
most = "5 h"
[policy.strict.windows.evening]
tiers = ["member"]
length_max = "1 h"
[policy.wall]
machines = "mill-*"
lengths = ["45 min", "2 h"]
within_hours = "begin"
ahead = "36 h"
[[blocks]]
name = "Cleaning"
kind = "maintenance"
machines = "mill-*"
days = ["daily"]
from = "12:00"
to = "12:30"
"""
POLICIES = read_policies(RULES, "reservations.toml", BERLIN)
DAYS = (date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 3))
quarters = st.integers(0, 95)
taken = st.tuples(
    st.sampled_from(["laser-1", "saw-1", "mill-1"]),
    st.sampled_from(["ada", "grace"]),
    quarters,
    st.integers(1, 12),
)
machines = st.sampled_from(["laser-1", "saw-1", "mill-1"])


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(DAYS),
    machines,
    st.lists(taken, max_size=5),
    st.sampled_from(["", "member", "patron"]),
    st.data(),
)
def test_options_agree_with_decisions(
    day: date, machine: str, there: list[tuple[str, str, int, int]], tier: str, data: st.DataObject
) -> None:
    begin, end = calendar.midnights(day, day + timedelta(days=1), BERLIN)
    made = [
        Reservation(str(n), Slot(at, begin + q * 900_000, begin + (q + k) * 900_000), who, 0, tier="member")
        for n, (at, who, q, k) in enumerate(there)
    ]
    offer = Offer(Slot(machine, begin + 20 * HOUR_MS, begin + 21 * HOUR_MS), "grace", begin + HOUR_MS)
    known = Known(tuple(made), offers=(offer,))
    now_ms = begin - HOUR_MS * data.draw(st.integers(-12, 40))
    wanted = Wanted(
        Slot(machine, begin, end), "ada", tier, now_ms, changes=data.draw(st.sampled_from(["", "0"]))
    )
    row = options.Row(POLICIES, wanted, known, BERLIN, options.grid_ms(POLICIES.of(machine).rules))
    starts = row.starts()
    for start in data.draw(st.lists(st.sampled_from(starts), max_size=12)) if starts else ():
        for ends in range(start.at_ms + row.grid_ms, end + 1, row.grid_ms):
            decision = decide(POLICIES, replace(wanted, slot=Slot(machine, start.at_ms, ends)), known, BERLIN)
            assert isinstance(decision, Turned) == (start.why(ends) is not None), (start, ends, decision)
