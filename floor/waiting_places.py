"""Whose turn it is when places of a class are free: offers stand for a time and pass on by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who waits; `offered_ms` is when a place was offered to them (UTC ms), 0 for not yet."""

    id: str
    offered_ms: int = 0


def stands(one: Waiting, offer_ms: int, now_ms: int) -> bool:
    """Whether the offer to somebody may still be taken."""
    return one.offered_ms > 0 and now_ms < one.offered_ms + offer_ms


def offered(line: Sequence[Waiting], free: int, offer_ms: int, now_ms: int) -> tuple[Waiting, ...]:
    """Return the line, in its order, with the offers that have been made by now.

    Nothing needs to run at an instant: an offer that nobody took passed on when it lapsed, whoever looks.
    """
    made = list(line)
    for place, one in enumerate(made):
        if one.offered_ms:
            continue
        open_ = sum(stands(other, offer_ms, now_ms) for other in made)
        if open_ >= free:
            break
        lapsed = sorted(other.offered_ms + offer_ms for other in made if other.offered_ms)
        lapsed = [end for end in lapsed if end <= now_ms]
        wanted = free - open_
        since_ms = lapsed[-wanted] if len(lapsed) >= wanted else now_ms
        made[place] = replace(one, offered_ms=since_ms)
    return tuple(made)
