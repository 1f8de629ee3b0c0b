"""Jobs, pauses and counters of a Ruida, second by second; and its settings' safe side."""

from __future__ import annotations

from contextlib import aclosing
from typing import TypeVar

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobStarted,
    MachineEvent,
    Noise,
    ReadingTaken,
)
from firmware_bridge.ruida import codec
from firmware_bridge.ruida.driver import RuidaDriver, RuidaSettings
from firmware_bridge.ruida.parser import Value
from firmware_bridge.ruida.tracker import MOVES, RUNS, Tracker
from firmware_bridge.transports.scripted import ScriptedDatagrams, ScriptedTransports
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

E = TypeVar("E")
RUNNING, PAUSED, IDLE = RUNS | MOVES, RUNS | 0x2, 0x2


class Machine:
    """Tells a tracker twice a second what a controller would say."""

    def __init__(self, work: int = 1000, count: int = 5) -> None:
        ids = iter("abcdefgh")
        self.tracker = Tracker(lambda: next(ids))
        self.at_s, self.work, self.count = 0.0, work, count
        self.seen: list[MachineEvent] = []
        self.say(IDLE)

    def say(self, bits: int, seconds: float = 0.5, works: bool = False, tube: int = 0) -> None:
        for half in range(int(seconds * 2)):
            self.at_s += 0.5
            self.work += works and half % 2
            for place, value in ((codec.WORK_TIME, self.work), (codec.JOB_COUNT, self.count), (0x0411, tube)):
                self.seen += self.tracker.receive(Value(place, value), self.at_s)
            self.seen += self.tracker.receive(Value(codec.STATUS, bits), self.at_s)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.seen if isinstance(event, kind)]

    def reading(self) -> dict[Quantity, int]:
        return dict(self.tracker.reading().counters)


def test_a_job_is_timed_by_the_counter_and_done_when_it_was_counted() -> None:
    machine = Machine()
    machine.say(RUNNING, 60, works=True)
    machine.count += 1
    machine.say(IDLE, 3)
    assert machine.of(JobStarted) == [JobStarted("a", "job of Ruida", None)]
    assert machine.of(JobEnded) == [JobEnded("a", JobOutcome.DONE, 60_000)]
    assert machine.reading()[Quantity.JOB_TIME_MS] == 60_000
    assert machine.reading()[Quantity.BUSY_TIME_MS] == 60_000
    assert Quantity.LASER_TIME_MS not in machine.reading()
    assert [event.activity for event in machine.of(ActivityChanged)] == [
        Activity.IDLE,
        Activity.BUSY,
        Activity.IDLE,
    ]


def test_jobs_one_after_the_other_are_two_and_a_blink_is_none() -> None:
    machine = Machine()
    machine.say(RUNNING, 10, works=True)
    machine.say(IDLE, 0.5)
    machine.say(RUNNING, 10, works=True)  # nothing was counted: the same job
    machine.count += 1
    machine.say(IDLE, 0.5)
    machine.say(RUNNING, 10, works=True)
    machine.say(IDLE, 3)
    assert [event.outcome for event in machine.of(JobEnded)] == [JobOutcome.DONE, JobOutcome.UNKNOWN]
    assert [event.job_time_ms for event in machine.of(JobEnded)] == [20_000, 10_000]


def test_a_controller_that_counts_at_the_beginning_proves_no_end() -> None:
    machine = Machine()
    machine.say(RUNNING, 2, works=True)
    machine.count += 1
    machine.say(RUNNING, 5, works=True)
    machine.say(IDLE, 3)
    assert [event.outcome for event in machine.of(JobEnded)] == [JobOutcome.UNKNOWN]


def test_a_stop_cancels_and_a_new_job_forgets_it() -> None:
    machine = Machine()
    for _ in range(2):
        machine.say(RUNNING, 4, works=True)
        if not machine.of(JobEnded):
            machine.tracker.stop_asked(machine.at_s)
        machine.say(IDLE, 3)
    assert [event.outcome for event in machine.of(JobEnded)] == [JobOutcome.CANCELLED, JobOutcome.UNKNOWN]


def test_a_pause_is_told_after_a_while_or_at_once_when_asked_for() -> None:
    machine = Machine()
    machine.say(RUNNING, 5)
    machine.say(RUNS, 1.5)  # it pierces
    machine.say(RUNNING, 1)
    assert Activity.HELD not in [event.activity for event in machine.of(ActivityChanged)]
    machine.say(RUNS, 3)
    assert machine.of(ActivityChanged)[-1] == ActivityChanged(Activity.HELD, "paused")
    machine.say(RUNNING, 1)
    assert not machine.tracker.paused
    machine.tracker.pause_asked(True, machine.at_s)
    machine.say(PAUSED, 0.5)
    assert machine.tracker.paused
    quiet = Machine()  # one that never says that it moves, as MeerK40t's emulator
    quiet.say(RUNS, 60)
    assert quiet.of(ActivityChanged)[-1].activity is Activity.BUSY


def test_moves_and_other_bits_are_no_job() -> None:
    machine = Machine()
    machine.say(MOVES | 0x16, 5)
    machine.say(22, 5)
    assert not machine.of(JobStarted)
    assert ActivityChanged(Activity.IDLE, "moves without a job") in machine.seen
    assert machine.reading()[Quantity.BUSY_TIME_MS] == 0


def test_without_a_counter_what_was_seen_counts_and_pauses_do_not() -> None:
    machine = Machine(work=0)
    machine.say(RUNNING, 30)
    machine.say(RUNS, 30)
    machine.say(RUNNING, 30)
    machine.say(IDLE, 3)
    (ended,) = machine.of(JobEnded)
    assert 60_000 <= ended.job_time_ms <= 63_000
    assert machine.reading()[Quantity.JOB_TIME_MS] == ended.job_time_ms


def test_a_counter_that_comes_late_is_not_counted_twice() -> None:
    machine = Machine()
    machine.say(RUNNING, 30)
    machine.say(IDLE, 3)
    assert 29_500 <= machine.reading()[Quantity.JOB_TIME_MS] <= 30_500
    machine.work += 31
    machine.say(IDLE, 3)
    assert 30_500 <= machine.reading()[Quantity.JOB_TIME_MS] <= 31_500
    assert machine.reading()[Quantity.JOBS] == 1


def test_counters_that_restart_fall_back_or_jump_bill_what_is_proven() -> None:
    machine = Machine(work=600_000)
    machine.say(RUNNING, 10, works=True, tube=400_000)
    machine.work = 0
    machine.say(RUNNING, 10, works=True, tube=0)
    assert machine.reading()[Quantity.JOB_TIME_MS] == 20_000
    machine.work = 500_000
    machine.say(RUNNING, 1, tube=9)
    assert machine.reading()[Quantity.JOB_TIME_MS] == 20_000
    assert machine.reading()[Quantity.LASER_TIME_MS] == 9_000
    assert [noise.detail[:4] for noise in machine.of(Noise)] == ["0411", "0402"]


def test_a_name_is_of_the_job_that_follows_at_once() -> None:
    machine = Machine()
    for wait_s in (5, 30):
        machine.tracker.named("LAMP", machine.at_s)
        machine.say(IDLE, wait_s)
        machine.say(RUNNING, 2)
        machine.say(IDLE, 3)
    machine.say(RUNNING, 2)
    assert [event.name for event in machine.of(JobStarted)] == ["LAMP", "job of Ruida", "job of Ruida"]


def test_a_job_that_was_lost_from_sight_goes_on_or_has_ended() -> None:
    machine = Machine()
    machine.say(RUNNING, 5, works=True)
    for minutes in (1, 2):
        machine.tracker.lost()
        machine.at_s += minutes * 60
        machine.work += minutes * 60
        machine.count += minutes - 1
        machine.say(RUNNING, 5, works=True)
    assert [event.job_id for event in machine.of(JobStarted)] == ["a", "b"]
    (ended,) = machine.of(JobEnded)
    assert (ended.outcome, ended.words) == (JobOutcome.DONE, "it ended while there was no connection")
    assert machine.reading()[Quantity.JOB_TIME_MS] == (5 + 60 + 5 + 120 + 5) * 1000
    assert machine.reading()[Quantity.BUSY_TIME_MS] < 16_000
    machine.tracker.lost()
    machine.say(IDLE, 1)
    assert machine.of(JobEnded)[-1].words == "its end was not seen"


def answer(place: int, value: int) -> bytes:
    digits = bytes(value >> shift & 0x7F for shift in (28, 21, 14, 7, 0))
    return codec.swizzled(b"\xda\x01" + place.to_bytes(2, "big") + digits, codec.MAGIC)


async def test_a_recorded_connection_plays_and_the_question_is_that_of_a_capture() -> None:
    # the question for the card, its ACK and its answer: Roger Clark's capture of an RDC6442G
    # (rogerclark.net/network-aware-laser-cutter-security); 04 11: a makerspace's logger, see ruida_sim.py
    ack, card = bytes.fromhex("c6"), bytes.fromhex("d4090df78fa109c389")
    tube = bytes.fromhex("d4098d1989892d9fb1")
    board = codec.swizzled(b"\xda\x01\x05\x7fRDC6442G\0", codec.MAGIC)
    idle = [answer(codec.WORK_TIME, 1), answer(codec.JOB_COUNT, 1), tube, answer(codec.STATUS, 0)]
    script: list[bytes | None] = []
    for packet in (card, board, tube, *idle):
        script += [None, ack, packet]  # None: nothing had come before the question
    packets = ScriptedDatagrams([script])  # type: ignore[list-item]
    driver = RuidaDriver(
        RuidaSettings(url="udp://laser.lan"),
        transports=ScriptedTransports(packets=packets),
        backoff=Backoff(0.001, 0.001),
    )
    seen: list[MachineEvent] = []
    async with aclosing(driver.events()) as events:
        async for event in events:
            seen.append(event)
            if event == ActivityChanged(Activity.IDLE, "idle"):
                break
    assert seen[0] == Identified("Ruida RDC6442G", "RDC6442G, tube time at 0411")
    assert packets.sent[0] == bytes.fromhex("0261d4890df7")
    assert len(packets.sent) == 7
    assert not [event for event in seen if isinstance(event, Noise | ReadingTaken)]


@pytest.mark.parametrize("magic", sorted(codec.MAGICS - {codec.MAGIC}))
def test_another_magic_shows_in_its_ack_and_the_first_question_starts_nothing(magic: int) -> None:
    wire = codec.swizzled(codec.question(codec.CARD_ID), codec.MAGIC)
    moves = {0x80, 0x88, 0x89, 0x8A, 0x8B, 0xA0, 0xA8, 0xA9, 0xAA, 0xAB}
    for one in codec.commands(codec.plain(wire, magic)):
        assert one[0] not in (0xD7, 0xD8, 0xD9, 0xDA, 0xE8)
        assert one[0] not in moves or len(one) == 1  # without its coordinates
    byte = codec.swizzled(codec.ACK, magic)
    assert codec.magic_of_ack(byte[0]) == magic
    assert codec.plain(byte, codec.MAGIC)[0] not in (0xCC, 0xCD, 0xCE, 0xCF)
