"""A hand-over splits what is metered exactly: nothing is charged twice, and nothing is lost."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from firmware_bridge.events import ActivityChanged, JobEnded, JobStarted, ReadingTaken
from floor.meter import Counters, Quantity, add
from floor.words import Activity, JobOutcome
from gateway.machine import MachineSide

Said = tuple[int, object]
GRAMS, BUSY = Quantity.FILAMENT_MG, Quantity.BUSY_TIME_MS


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Said], list[int]]:
    """What a machine says over ten minutes, and when it is handed over; its counters may start anew."""
    own_time = draw(st.booleans())
    times = sorted(draw(st.lists(st.integers(0, 600_000), max_size=14)))
    said: list[Said] = []
    for at_ms in times:
        counters = {GRAMS: draw(st.integers(0, 1 << 40))} | ({BUSY: at_ms} if own_time else {})
        event: object = draw(
            st.sampled_from(
                [
                    ReadingTaken(counters),
                    ActivityChanged(draw(st.sampled_from(Activity))),
                    JobStarted("1", "gear.gcode", None),
                    JobEnded("1", JobOutcome.DONE, 1),
                ]
            )
        )
        said.append((at_ms, event))
    return said, sorted(draw(st.lists(st.integers(0, 600_000), max_size=4)))


def metered(said: list[Said], handed: list[int]) -> list[Counters]:
    """Meter a machine from 0 to ten minutes in sessions that follow each other at these instants."""
    side, parts = MachineSide("m", has_driver=True), []
    side.measure(0)
    steps = [(at_ms, 1, event) for at_ms, event in said] + [(at_ms, 0, None) for at_ms in handed]
    for at_ms, _, event in sorted(steps, key=lambda step: step[:2]):
        if event is None:
            parts.append(side.used(at_ms))
            side.meter = None
            side.measure(at_ms)
        else:
            side.hear(event, at_ms, "s")
    return [*parts, side.used(600_000)]


BUSY_FROM_THE_START = (0, ActivityChanged(Activity.BUSY))


@given(histories())
@example(([BUSY_FROM_THE_START, (1, ReadingTaken({GRAMS: 0, BUSY: 1}))], [1]))
@example(([BUSY_FROM_THE_START, (90, ReadingTaken({BUSY: 70})), (95, ReadingTaken({BUSY: 75}))], [30, 92]))
def test_the_parts_of_a_session_that_is_handed_over_are_the_whole(
    history: tuple[list[Said], list[int]],
) -> None:
    said, handed = history
    parts, (whole,) = metered(said, handed), metered(said, [])
    together: Counters = {}
    for part in parts:
        together = add(together, part)
    nothing = {quantity: amount for quantity, amount in together.items() if amount}
    assert nothing == {quantity: amount for quantity, amount in whole.items() if amount}
    assert together[Quantity.MACHINE_TIME_MS] == 600_000


@given(st.lists(st.integers(0, 9_000), max_size=4))
def test_a_look_at_the_meter_changes_nothing_of_what_is_billed(looks: list[int]) -> None:
    side = MachineSide("m", has_driver=True)
    side.measure(0)
    side.hear(ActivityChanged(Activity.BUSY), 0, "s")
    for at_ms in sorted(looks):
        side.used(at_ms)
    side.hear(ReadingTaken({BUSY: 9_000}), 9_000, "s")
    assert side.used(9_500)[BUSY] == 9_000


def test_a_job_that_is_claimed_brings_its_busy_time_once() -> None:
    """The machine works for somebody else, then on a job, and only then shows its own busy time."""
    for first_ms in (150, 350):  # before the claim, and after it
        side = MachineSide("m", has_driver=True)
        side.hear(ActivityChanged(Activity.BUSY), 0, None)
        side.hear(JobStarted("1", "gear.gcode", None), 100, None)
        steps = [(first_ms, ReadingTaken({BUSY: first_ms})), (200, None), (400, ReadingTaken({BUSY: 400}))]
        for at_ms, event in sorted(steps, key=lambda step: step[0]):
            if event is None:
                side.measure(at_ms, whole_job=True)
            else:
                side.hear(event, at_ms, None)
        assert side.used(400)[BUSY] == 300
