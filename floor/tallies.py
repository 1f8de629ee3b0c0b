"""What limits count of thousands of members, kept small."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from struct import Struct
from struct import error as StructError
from typing import overload

from floor.access import Tally

_FORM = Struct("<HHqqq")


class Tallies(Sequence[Tally]):
    """Tallies that are kept for thousands of members: read again at each look, small as they lie there."""

    __slots__ = ("_packed", "_words")

    def __init__(self, tallies: Iterable[Tally]) -> None:
        """Keep at most 30,000 tallies; raises ValueError for times beyond 64 bits."""
        kept = tuple(tallies)
        self._words = _shared(tuple(sorted({word for one in kept for word in one[:2]})))
        place = self._words.index
        try:
            self._packed = b"".join(_FORM.pack(place(one[0]), place(one[1]), *one[2:]) for one in kept)
        except StructError as found:
            raise ValueError(f"a time of what is counted is none: {found}") from found

    def __len__(self) -> int:
        return len(self._packed) // _FORM.size

    @overload
    def __getitem__(self, place: int) -> Tally: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Tally, ...]: ...
    def __getitem__(self, place: int | slice) -> Tally | tuple[Tally, ...]:
        return tuple(self)[place]

    def __iter__(self) -> Iterator[Tally]:
        for machine, what, *times in _FORM.iter_unpack(self._packed):
            yield Tally(self._words[machine], self._words[what], *times)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(tuple(self))


@lru_cache(256)
def _shared(words: tuple[str, ...]) -> tuple[str, ...]:
    return words
