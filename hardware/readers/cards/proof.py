"""A card's proof, one exchange at a time: given a reply, the next command or the verdict.

Commands and replies are APDUs (ISO/IEC 7816-4:2020, section 5): a reply is data and two bytes of status.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

MOST_EXCHANGES = 16
"""No proof here takes more than ten; whoever talks on for longer has proven nothing."""

OK = 0x9000
"""ISO/IEC 7816-4, section 5.6: done."""

_STATUS_BYTES = 2

_T = TypeVar("_T")
Steps = Generator[bytes, bytes | None, _T]
"""Yields commands, is sent replies (None for a silent card), returns a result or raises Unproven."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The card holds its key. `counter` is that of an NTAG 424's message; None after an authentication."""

    counter: int | None = None


@dataclass(frozen=True, slots=True)
class NotProven:
    """Nothing was proven; `reason` is for technicians. `silent`: the card may only have been taken away."""

    reason: str
    silent: bool = False


Verdict = Proven | NotProven


class Unproven(Exception):
    """What a card replied proves nothing. It never leaves a Proof. `status`: by which the card refused."""

    def __init__(self, reason: str, silent: bool = False, status: int | None = None) -> None:
        super().__init__(reason)
        self.verdict = NotProven(reason, silent)
        self.status = status


class Proof:
    """A talk with one card. Total and bounded: whatever the card replies, a verdict comes, and soon."""

    def __init__(self, steps: Steps[Proven]) -> None:
        self._steps = steps
        self._exchanges = 0

    def step(self, reply: bytes | None = None) -> bytes | Verdict:
        """Take the reply to the last command (None: none came) and return the next command or the verdict.

        The first call takes none; after a verdict there is no further one.
        """
        if self._exchanges == MOST_EXCHANGES:
            self._steps.close()
            return NotProven("the card talks on and on")
        self._exchanges += 1
        try:
            return self._steps.send(reply)
        except StopIteration as done:
            proven: Proven = done.value
            return proven
        except Unproven as unproven:
            return unproven.verdict


def expect(reply: bytes | None, status: int, size: int | None = None) -> bytes:
    """Return the data of a reply with this status and as many bytes; raises Unproven."""
    if reply is None:
        raise Unproven("the card fell silent", silent=True)
    got = int.from_bytes(reply[-_STATUS_BYTES:], "big") if len(reply) >= _STATUS_BYTES else None
    data = reply[:-_STATUS_BYTES]
    if got != status:
        said = "the card refused" if got is None else f"the card refused with status {got:04X}"
        raise Unproven(said, status=got)
    if size is not None and len(data) != size:
        raise Unproven(f"the card sent {len(data)} bytes in place of {size}")
    return data
