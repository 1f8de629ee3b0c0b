"""What a machine or a gateway did over a time: states laid over each other, the strongest showing. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple


class Use(StrEnum):
    """What is shown of an instant, the weakest first: where two hold, the later one of this list shows.

    A session that is known covers a gateway's silence: its journal told of it later. `in_use` is a session of
    which nobody says whether the machine worked; `busy` and `powered_idle` are by Prometheus.
    """

    FREE = "free"
    RESERVED_UNUSED = "reserved_unused"
    UNKNOWN = "unknown"
    OFFLINE = "offline"
    IN_USE = "in_use"
    BUSY = "busy"
    POWERED_IDLE = "powered_idle"
    UNREACHABLE = "unreachable"
    LOCKED_OUT = "locked_out"


class Span(NamedTuple):
    """A state from an instant (UTC ms) to before another."""

    use: Use
    from_ms: int
    until_ms: int


SHAPES: dict[Use, tuple[tuple[int, int], ...]] = {
    Use.RESERVED_UNUSED: ((7, 3),),
    Use.UNKNOWN: ((0, 10),),
    Use.OFFLINE: ((4, 2),),
    Use.IN_USE: ((0, 10),),
    Use.BUSY: ((0, 10),),
    Use.POWERED_IDLE: ((3, 7),),
    Use.UNREACHABLE: ((0, 4),),
    Use.LOCKED_OUT: ((0, 4), (6, 4)),
}
"""Where in its line a state is drawn: from and how high, so that no colour is needed to tell them apart."""
_USES = tuple(Use)
_RANKS = {use: rank for rank, use in enumerate(_USES)}


def lay(spans: Iterable[Span], from_ms: int, until_ms: int, ground: Use = Use.FREE) -> list[Span]:
    """Return spans that follow each other without gap or overlap from one instant to the other.

    Where nothing was said the ground shows.
    """
    turns: list[tuple[int, int, int]] = []
    for one in spans:
        begins, ends, rank = max(one.from_ms, from_ms), min(one.until_ms, until_ms), _RANKS[one.use]
        if begins < ends:
            turns += [(begins, rank, 1), (ends, rank, -1)]
    turns.sort()
    told: list[Span] = []
    held = [0] * len(_USES)
    held[_RANKS[ground]] = 1
    mask = 1 << _RANKS[ground]  # of the ranks that are held: its highest bit shows
    at_ms = began_ms = from_ms
    shown = _RANKS[ground]
    for turn_ms, rank, step in [*turns, (until_ms, 0, 0)]:
        if turn_ms > at_ms:
            now = mask.bit_length() - 1
            if now != shown and at_ms > began_ms:
                told.append(Span(_USES[shown], began_ms, at_ms))
                began_ms = at_ms
            shown, at_ms = now, turn_ms
        held[rank] += step
        mask = mask | 1 << rank if held[rank] else mask & ~(1 << rank)
    if until_ms > began_ms:
        told.append(Span(_USES[shown], began_ms, until_ms))
    return told


def gaps(watched: Sequence[tuple[int, int]], from_ms: int, until_ms: int) -> list[Span]:
    """Return the times in which no server watched; `watched` in order."""
    found: list[Span] = []
    at_ms = from_ms
    for begins, ends in watched:
        if begins > at_ms:
            found.append(Span(Use.UNKNOWN, at_ms, min(begins, until_ms)))
        at_ms = max(at_ms, ends)
    if at_ms < until_ms:
        found.append(Span(Use.UNKNOWN, at_ms, until_ms))
    return found


def totals(spans: Iterable[Span]) -> dict[Use, int]:
    """Return the milliseconds of each state."""
    sums: Counter[Use] = Counter()
    for one in spans:
        sums[one.use] += one.until_ms - one.from_ms
    return dict(sums)


def paths(spans: Sequence[Span], from_ms: int, until_ms: int, width: int = 1000) -> list[tuple[Use, str]]:
    """Return an SVG path of each state, of bars on a line `width` long and 10 high; none is shorter than 1.

    Bars that touch are one, so that a year's drawing is no longer than its line.
    """
    drawn: dict[Use, list[tuple[int, int]]] = {}
    scale = width / max(1, until_ms - from_ms)
    for use, begins, ends in spans:
        if use is Use.FREE:
            continue
        left, right = int((begins - from_ms) * scale), int((ends - from_ms) * scale)
        right = right if right > left else left + 1
        bars = drawn.setdefault(use, [])
        if bars and left <= bars[-1][1]:
            bars[-1] = bars[-1][0], max(bars[-1][1], right)
        else:
            bars.append((left, right))
    return [(use, _bars(use, drawn[use])) for use in Use if use in drawn]


def _bars(use: Use, bars: Sequence[tuple[int, int]]) -> str:
    parts = [
        f"M{left} {top}h{right - left}v{high}h-{right - left}z"
        for top, high in SHAPES[use]
        for left, right in bars
    ]
    return "".join(parts)


def sign(use: Use) -> str:
    """Return the path of a state's sign, 10 by 10."""
    return _bars(use, [(0, 10)]) if use in SHAPES else ""
