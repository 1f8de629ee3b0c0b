"""Readers in a thread: what it says is bounded, it ends with its device, and one that hangs has no twin."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable
from functools import partial

import pytest

from hardware.events import ReaderNoise
from hardware.readers.frame import Alive
from hardware.readers.records import Records, record
from hardware.readers.threaded import Line, ThreadDevice

DEADLINE_S = 20


def heard(device: ThreadDevice) -> bytes:
    assert select.select([device], [], [], DEADLINE_S)[0]
    return device.read(240)


def test_what_fails_in_the_thread_fails_at_the_device() -> None:
    def work(line: Line) -> None:
        line.say(b"one")
        raise OSError("the wire is cut")

    device = ThreadDevice(work, threading.Lock())
    assert heard(device) == b"one"
    with pytest.raises(OSError, match="the wire is cut"):
        heard(device)
    device.close()


def test_a_closed_device_ends_its_thread_and_the_next_one_takes_its_turn() -> None:
    ended = threading.Event()

    def work(line: Line) -> None:
        try:
            while True:
                line.say(line.wait(5))
        finally:
            ended.set()

    turn = threading.Lock()
    ThreadDevice(work, turn).close()
    assert ended.wait(DEADLINE_S)
    device = ThreadDevice(partial(Line.say, data=b"next"), turn)
    assert heard(device) == b"next"
    device.close()


def test_a_thread_that_hangs_is_not_joined_by_another() -> None:
    release, turn = threading.Event(), threading.Lock()
    hung = ThreadDevice(lambda _: (release.wait(DEADLINE_S), None)[1], turn)
    hung.close()
    worked: list[Line] = []
    device = ThreadDevice(worked.append, turn)
    with pytest.raises(OSError, match="still waits for an answer"):
        heard(device)
    release.set()
    device.close()
    assert worked == []


def test_a_flood_that_nobody_reads_is_lost_whole_and_waits_for_nobody() -> None:
    done = threading.Event()
    one = record(ReaderNoise("x" * 300))

    def flood(line: Line) -> None:
        for _ in range(20_000):
            line.say(one)
        done.set()
        line.wait(DEADLINE_S)

    device = ThreadDevice(flood, threading.Lock())
    assert done.wait(DEADLINE_S)
    parser, kept = Records(), 0
    read: Callable[[], bytes] = partial(device.read, 240)
    while data := read():
        kept += len(parser.receive_data(data))
    assert 0 < kept < 5000
    assert parser.receive_data(record(Alive())) == [Alive()]
    device.close()
