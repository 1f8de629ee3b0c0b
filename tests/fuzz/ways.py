"""Ways to give bytes to what reads them, with what must hold of any answer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from zlib import crc32

from firmware_bridge.events import MachineEvent, Noise, ReadingTaken
from floor.errors import ConfigError

MOST_WORDS = 1_400
"""No sentence about a wrong input is longer: it goes into logs, pages and metrics' neighbours."""


def text(data: bytes) -> str:
    """Return bytes as a text, whatever they are."""
    return data.decode("utf-8", "replace")


def pieces(data: bytes) -> list[bytes]:
    """Cut at up to six places; the same bytes are always cut at the same."""
    seed, size = crc32(data), len(data) + 1
    cuts = sorted((seed >> 4 * n) * 2_654_435_761 % size for n in range(seed % 7))
    return [data[begin:end] for begin, end in pairwise([0, *cuts, len(data)])]


def stream(
    new: Callable[[], Any], verb: str = "receive_data", passed_over: tuple[type, ...] = ()
) -> Callable[[bytes], None]:
    """A parser of a stream says the same however its input is cut, and not more than it was given."""

    def run(data: bytes) -> None:
        whole, cut = getattr(new(), verb), getattr(new(), verb)
        said = [one for one in whole(data) if not isinstance(one, passed_over)]
        again = [one for piece in pieces(data) for one in cut(piece) if not isinstance(one, passed_over)]
        assert said == again, "it depends on how it is cut"
        assert len(said) <= len(data) + 1

    return run


def sums(new: Callable[[], Any]) -> Callable[[bytes], None]:
    """A reader of a file comes to the same sum however the file is cut."""

    def run(data: bytes) -> None:
        whole, cut = new(), new()
        whole.receive_data(data)
        for piece in pieces(data):
            cut.receive_data(piece)
        assert outcome(whole.close) == outcome(cut.close), "it depends on how it is cut"

    return run


def outcome(call: Callable[[], object]) -> str:
    """Return what comes of a call, an error of ours or a value, so that two can be compared."""
    try:
        return repr(call())
    except Exception as error:
        if type(error).__module__.startswith(("builtins", "struct")):
            raise
        return repr(error)


def each(*calls: Callable[[Any], object], given: Callable[[bytes], Any] = bytes) -> Callable[[bytes], None]:
    """Every one of several functions takes the input."""

    def run(data: bytes) -> None:
        for call in calls:
            call(given(data))

    return run


def lines(data: bytes, most: int = 60) -> list[bytes]:
    """Take an input for several messages, one a line."""
    return data.split(b"\n", most - 1)


def followed(new: Callable[[], Callable[[bytes, float], Sequence[MachineEvent]]]) -> Callable[[bytes], None]:
    """What follows a machine over several messages: no counter falls, and no noise is long."""

    def run(data: bytes) -> None:
        receive, before = new(), dict[Any, int]()
        for at_s, line in enumerate(lines(data)):
            for event in receive(line, at_s * 0.7):
                if isinstance(event, ReadingTaken):
                    assert all(event.counters.get(name, 0) >= amount for name, amount in before.items())
                    assert all(0 <= amount < 1 << 62 for amount in event.counters.values())
                    before |= event.counters
                elif isinstance(event, Noise):
                    assert len(event.detail) <= 400

    return run


def said(call: Callable[[str], object]) -> Callable[[bytes], None]:
    """A file that people write is read, or refused with what is wrong and what is right, in few words."""

    def run(data: bytes) -> None:
        refused: ConfigError | None = None
        try:
            call(text(data))
        except ConfigError as error:
            refused = error
        assert refused is None or (refused.problem and refused.remedy and len(str(refused)) <= MOST_WORDS)

    return run


def talk(step: Callable[[bytes | None], object], replies: Sequence[bytes], most: int = 200) -> object:
    """Play a card that replies with these; return the verdict of the talk."""
    left, turn = iter(replies), step(None)
    for _ in range(most):
        if not isinstance(turn, bytes):
            return turn
        turn = step(next(left, None))
    raise AssertionError("the talk does not end")


def noted(call: Callable[[], object], *allowed: type[Exception]) -> None:
    """Call, and let only these errors pass."""
    with contextlib.suppress(*allowed):
        call()
