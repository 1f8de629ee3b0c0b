"""GRBL's jobs and meters by a fake clock: a simulated firmware with a PWM oracle, polled at 10 Hz."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from firmware_bridge.events import ActivityChanged, JobEnded, JobStarted, MachineEvent, ReadingTaken
from firmware_bridge.gauges import Gauge
from firmware_bridge.grbl.gate import Gate
from firmware_bridge.grbl.parser import GrblParser
from firmware_bridge.grbl.tracker import Tracker
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.grbl_sim import GrblSim
from tests.kit.accuracy import within


class Bench:
    """A sender that streams a job by counting answers, a gate, a tracker, and the firmware, in one clock."""

    def __init__(self, laser: bool = True, seed: int = 1, sees_lines: bool = True) -> None:
        self.sees_lines = sees_lines
        self.sim = GrblSim(laser)
        self.chance = random.Random(seed)
        self.gate, self.parser = Gate(), GrblParser()
        ids = itertools.count(1)
        self.tracker = Tracker(lambda: f"job-{next(ids)}")
        self.events: list[MachineEvent] = []
        self.answers: list[bytes] = []
        self.sent: list[int] = []
        self.hear()
        self.sim.receive(self.gate.own_line(b"$$"))
        self.hear()
        self.settle(1.0)

    def hear(self) -> None:
        for heard in self.parser.receive_data(self.sim.take()):
            mine, fact = self.gate.from_machine(heard)
            if mine.startswith((b"ok", b"error")):
                self.answers.append(mine)
                self.sent.pop(0)
            if fact is not None:
                late_s = 0.01 * self.chance.random()  # a line and a busy gateway take their time
                self.events += self.tracker.receive(fact, self.sim.now + late_s, self.gate.waiting)

    def poll(self) -> None:
        self.sim.advance(self.sim.now + 0.1 * (0.8 + 0.4 * self.chance.random()))
        self.sim.receive(self.gate.ask(self.sim.now, 0.05))
        self.hear()

    def stream(self, lines: list[str]) -> None:
        """Send a job as LightBurn does: as much as the buffer of 128 bytes takes, by counting."""
        left = iter(lines)
        line = next(left, None)
        polled = self.sim.now
        while line is not None or self.sent:
            while line is not None and sum(self.sent) + len(line) + 1 <= 127:
                passed = self.gate.from_sender(f"{line}\n".encode(), self.sim.now)
                if self.sees_lines:
                    self.tracker.sender_came(passed.worked)
                self.sent.append(len(line) + 1)
                self.sim.receive(bytes(passed.machine))
                line = next(left, None)
            self.hear()
            if self.sim.now >= polled:
                self.sim.receive(self.gate.ask(self.sim.now, 0.05))
                self.hear()
                polled = self.sim.now + 0.1 * (0.8 + 0.4 * self.chance.random())
            self.sim.advance(
                min(polled, self.sim.now + (self.sim.plan[0].left_s + 1e-9 if self.sim.plan else 0.1))
            )
        while self.sim.plan:
            self.poll()

    def settle(self, seconds: float = 6.0) -> None:
        until = self.sim.now + seconds
        while self.sim.now < until:
            self.poll()

    def counters(self) -> dict[Quantity, int]:
        return dict(self.tracker.reading().counters)

    def of(self, kind: type[MachineEvent]) -> list[MachineEvent]:
        return [event for event in self.events if isinstance(event, kind)]


def pulsed() -> list[str]:
    """Dashes of 0.3 s with light, 0.2 s without, for about two minutes."""
    lines = ["G21 G91", "M4 S0 F600"]
    for _ in range(240):
        lines += ["G1 X3 S800", "G1 X2 S0"]
    return [*lines, "M5", "M2"]


def vector() -> list[str]:
    """Outlines of 40 mm with a travel between them."""
    lines = ["G21 G90", "M4 S900 F1200"]
    for row in range(12):
        lines += [f"G0 X{row} Y0", "G1 X40 Y0 S900", "G1 X40 Y40", "G1 X0 Y40", "G1 X0 Y0"]
    return [*lines, "M5", "M2"]


def dithered(rows: int = 30) -> list[str]:
    """Some minutes of a dithered picture: runs of 20 to 60 ms, each with or without light."""
    chance = random.Random(7)
    lines = ["G21 G91", "M4 S0 F6000"]
    for row in range(rows):
        way = 1 if row % 2 else -1
        for _ in range(150):
            lines.append(f"G1X{way * chance.randint(20, 60) / 10}S{chance.choice((0, 0, 500, 255))}")
        lines.append("G1Y.1S0")
    return [*lines, "M5", "M2"]


def raster() -> list[str]:
    """A minute of a picture in rows 0.1 mm apart, in absolute coordinates, there and back."""
    chance = random.Random(3)
    lines = ["G21 G90", "M4 S0 F6000"]
    for row in range(60):
        x, way = (100.0, -1) if row % 2 else (0.0, 1)
        lines.append(f"G0 X{x} Y{row / 10}")
        while 0 <= (x := x + way * chance.choice((0.1, 0.2, 0.3, 0.5, 1.0))) <= 100:
            lines.append(f"G1 X{x:.2f} S{chance.choice((0, 300))}")
    return [*lines, "M5", "M2"]


@pytest.mark.parametrize(
    ("sees_lines", "jobs", "what"),
    [
        (
            True,
            (pulsed, vector, raster, partial(dithered, 10), partial(dithered, 30)),
            "laser-on time through the proxy",
        ),
        (False, (pulsed, vector), "laser-on time by samples"),
        (False, (partial(dithered, 150),), "laser-on time of a dithered quarter of an hour by samples"),
    ],
)
def test_the_time_of_the_laser_is_that_of_its_pin(
    sees_lines: bool, jobs: Sequence[Callable[[], list[str]]], what: str
) -> None:
    for job in jobs:
        bench = Bench(sees_lines=sees_lines)
        bench.stream(job())
        bench.settle()
        metered_as_it_was(bench, within(what))


def metered_as_it_was(bench: Bench, off_at_most: float) -> None:
    counters, truth_ms = bench.counters(), bench.sim.laser_s * 1000
    assert abs(counters[Quantity.LASER_TIME_MS] / truth_ms - 1) <= off_at_most
    assert abs(counters[Quantity.JOB_TIME_MS] / 1000 - bench.sim.run_s) <= within("job time of a GRBL")
    assert counters[Quantity.JOBS] == 1
    assert [event.outcome for event in bench.events if isinstance(event, JobEnded)] == [JobOutcome.DONE]
    assert bench.sim.overflows == 0
    fall = [event.counters for event in bench.events if isinstance(event, ReadingTaken)]
    assert all(b[name] >= a.get(name, 0) for a, b in itertools.pairwise(fall) for name in b)


def test_a_dwell_reports_idle_and_ends_no_job() -> None:
    bench = Bench()
    bench.stream(["G21 G91", "M4 S500 F600", "G1 X10", "G4 P10", "G1 X10", "M2"])
    bench.settle()
    assert len(bench.of(JobStarted)) == len(bench.of(JobEnded)) == 1
    assert abs(bench.counters()[Quantity.JOB_TIME_MS] - 12_000) < 300
    assert abs(bench.counters()[Quantity.LASER_TIME_MS] - 2_000) < 150


def test_power_that_is_said_while_idle_bills_nothing() -> None:
    bench = Bench()
    bench.stream(["M3 S1000"])
    bench.settle(60)
    assert bench.tracker.gauges == (Gauge("feed", 0, None, "mm/min"), Gauge("spindle", 1000, None, ""))
    bench.tracker.lost()
    assert bench.tracker.gauges == ()
    assert bench.counters()[Quantity.LASER_TIME_MS] == 0
    assert bench.of(JobStarted) == []


def test_a_job_without_program_end_ends_after_a_quiet_time_that_is_no_part_of_it() -> None:
    bench = Bench()
    bench.stream(["G21 G91", "M4 S500 F600", "G1 X20"])
    assert bench.of(JobEnded) == []
    bench.settle()
    (ended,) = bench.of(JobEnded)
    assert isinstance(ended, JobEnded)
    assert ended.outcome is JobOutcome.DONE
    assert abs(ended.job_time_ms - 2_000) < 300


def test_a_frame_without_light_is_no_job_to_pay_for() -> None:
    bench = Bench()
    bench.stream(["G21 G91", "M4 S0 F600", "G1 X20", "M2"])
    bench.settle()
    assert len(bench.of(JobEnded)) == 1
    assert bench.counters()[Quantity.JOBS] == 0


def test_a_router_has_jobs_and_travel_but_no_laser() -> None:
    bench = Bench(laser=False)
    bench.stream(["G21 G91", "M3 S10000 F600", "G1 X30", "M2"])
    bench.settle()
    counters = bench.counters()
    assert Quantity.LASER_TIME_MS not in counters
    assert counters[Quantity.JOBS] == 1
    assert abs(counters[Quantity.TRAVEL_UM] - 30_000) < 1_500


def test_power_off_in_a_job_fails_it_at_the_last_proof() -> None:
    bench = Bench()
    bench.stream(["G21 G91", "M4 S500 F600"])
    bench.sim.receive(bytes(bench.gate.from_sender(b"G1 X100\n", bench.sim.now).machine))
    bench.sent.append(8)
    bench.settle(4)
    bench.sim.command("power")
    bench.settle(4)
    (ended,) = bench.of(JobEnded)
    assert isinstance(ended, JobEnded)
    assert ended.outcome is JobOutcome.FAILED
    assert 3_500 < ended.job_time_ms < 4_300


@pytest.mark.parametrize(
    ("asked", "outcome", "activity"),
    [(True, JobOutcome.CANCELLED, Activity.IDLE), (False, JobOutcome.FAILED, Activity.FAULTED)],
)
def test_a_reset_that_was_asked_for_is_no_fault(asked: bool, outcome: JobOutcome, activity: Activity) -> None:
    bench = Bench()
    bench.sim.receive(bytes(bench.gate.from_sender(b"G91\nM4S9F600\nG1X99\n", bench.sim.now).machine))
    bench.sent += [1, 1, 1]
    bench.settle(2)
    if asked:
        bench.tracker.reset_asked(bench.sim.now)
        bench.sim.receive(b"\x18")
    else:
        bench.sim.alarm(3)
    bench.sent.clear()
    bench.settle(1)
    ended = [event for event in bench.events if isinstance(event, JobEnded)]
    assert [event.outcome for event in ended] == [outcome]
    assert "ALARM:3" in ended[0].words
    last = bench.of(ActivityChanged)[-1]
    assert isinstance(last, ActivityChanged)
    assert last.activity is activity
