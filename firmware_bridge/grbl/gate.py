"""Between a sender and its GRBL: who asked what, who is answered, what may pass. Pure: bytes in, bytes out.

A sender counts answers, and the bytes that each line took of the machine's buffer. So a line passes whole,
as it came (but `\\r\\n` becomes `\\n`, since GRBL 1.1 would answer both); a refused line is answered in its
turn; and of the status reports the sender gets those that it asked for, and none that the gate asked for.
Sources: gnea/grbl v1.1 doc/markdown/interface.md ("Streaming a G-Code Program to Grbl", "Real-time Status
reports") and commands.md ("Grbl v1.1 Realtime commands"); 0x80 to 0x87 also grblHAL.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from firmware_bridge.events import Noise
from firmware_bridge.grbl.parser import Acknowledged, Build, Fact, Greeting, Heard, Report, Said, Setting

MAX_LINE = 512
MAX_WAITING = 1024
REPORT_S = 1.0
QUIET_S = 2.0
RESET = 0x18
ASKS = frozenset(b"?\x80\x87")
STARTS = frozenset(b"~\x81")
LOCKED = b"error:9\r\n"
OVERFLOW = b"error:11\r\n"

_QUERY = re.compile(r"\$([$#GINX+]|I\+|E[A-Z]{1,3}|CD|SS|HELP|A|S)?|\[ESP4[02]0\].*|")
_COMMENT = re.compile(r"\([^)]*\)|;.*|\s")
_WORD = re.compile(r"([A-Z])([+-]?\d*\.?\d+)")
_STILL = re.compile(r"M5|M9|S0|F.*|N.*|G(17|18|19|20|21|40|49|5[4-9]|61|80|90|90\.1|91|91\.1|93|94)")


def is_query(line: str) -> bool:
    """Whether a line only asks, or unlocks, or is empty: it passes at any time and is no work."""
    return bool(_QUERY.fullmatch(_COMMENT.sub("", line).upper()))


def moves_nothing(line: str) -> bool:
    """Whether a line of G-code only sets modes that neither move a machine nor switch a laser on."""
    bare = _COMMENT.sub("", line).upper()
    words = [f"{letter}{float(number):g}" for letter, number in _WORD.findall(bare)]
    return _WORD.sub("", bare) == "" and all(_STILL.fullmatch(word) for word in words)


class _Owner(Enum):
    """Whose line it is that waits for its answer; LEFT is work of a sender that has gone."""

    WORK = auto()
    QUERY = auto()
    OWN = auto()
    LEFT = auto()
    REFUSED = auto()


@dataclass(slots=True)
class Passed:
    """What is to be written to either side, and what came of the sender's bytes.

    `worked` are the lines that passed and are more than queries; `reset` is whether a reset passed.
    """

    machine: bytearray = field(default_factory=bytearray)
    sender: bytearray = field(default_factory=bytearray)
    refused: list[str] = field(default_factory=list)
    worked: list[str] = field(default_factory=list)
    reset: bool = False


class Gate:
    """One machine and at most one sender. Without `authorised` the sender may ask and stop, but not work."""

    def __init__(self, authorised: bool = True) -> None:
        self.authorised = authorised
        self._line = bytearray()
        self._overlong = False
        self._after_cr = False
        self._waiting: deque[tuple[_Owner, bytes]] = deque()
        self._asked_at_s: float | None = None
        self._wanted = False
        self._last_ask_s = float("-inf")
        self._stopped_at_s: float | None = None

    @property
    def waiting(self) -> int:
        """Lines of work that passed, and that the machine has not answered."""
        return sum(owner in (_Owner.WORK, _Owner.LEFT) for owner, _ in self._waiting)

    @property
    def own_waiting(self) -> bool:
        """Whether a line of the gate's own is not answered."""
        return any(owner is _Owner.OWN for owner, _ in self._waiting)

    def ask(self, at_s: float, every_s: float) -> bytes:
        """Ask for a report, unless one is on its way, or was asked for less than `every_s` ago."""
        if at_s - self._last_ask_s < every_s or self._in_flight(at_s):
            return b""
        self._last_ask_s = self._asked_at_s = at_s
        return b"?"

    def own_line(self, line: bytes) -> bytes:
        """Send a line of the gate's own; its answer does not reach the sender."""
        self._waiting.append((_Owner.OWN, b""))
        return line + b"\n"

    def stopped(self, at_s: float) -> None:
        """Take note that the gate's side reset the machine: the rest of the sender's job must not follow."""
        self._stopped_at_s = at_s

    def sender_changed(self) -> None:
        """Begin anew with another sender: what was asked, and what is still answered, are the last one's."""
        theirs = {_Owner.WORK: _Owner.LEFT, _Owner.QUERY: _Owner.OWN}
        left = [(theirs.get(owner, owner), answer) for owner, answer in self._waiting]
        self._waiting = deque(one for one in left if one[0] is not _Owner.REFUSED)
        self._line.clear()
        self._overlong = self._after_cr = self._wanted = False

    def from_sender(self, data: bytes, at_s: float) -> Passed:
        """Take bytes of the sender, however they are cut."""
        passed = Passed()
        for byte in data:
            if byte in b"\r\n":
                if byte != 0x0A or not self._after_cr:
                    self._end_of_line(passed, at_s)
                self._after_cr = byte == 0x0D
                continue
            self._after_cr = False
            if byte in b"?!~\x18" or byte >= 0x80:
                self._realtime(byte, passed, at_s)
            elif len(self._line) < MAX_LINE:
                self._line.append(byte)
            else:
                self._overlong = True
        return passed

    def _realtime(self, byte: int, passed: Passed, at_s: float) -> None:
        if byte in ASKS:
            if byte == ord("?") and self._in_flight(at_s):
                self._wanted = True  # one report is on its way and will do for both, as GRBL itself does it
                return
            self._wanted, self._asked_at_s, self._last_ask_s = True, at_s, at_s
        elif byte in STARTS and not self._may_work(at_s):
            passed.refused.append("resume")
            return
        elif byte == RESET:
            self._line.clear()
            self._stopped_at_s = None
            passed.reset = True
        passed.machine.append(byte)

    def _end_of_line(self, passed: Passed, at_s: float) -> None:
        line, overlong = bytes(self._line), self._overlong
        self._line.clear()
        self._overlong = False
        text = line.decode("ascii", "replace")
        query = is_query(text)
        if overlong or len(self._waiting) >= MAX_WAITING:
            self._answer(OVERFLOW, passed)  # whoever waits for no answer may lose one
        elif query or self._may_work(at_s) or (self._stopped_at_s is None and moves_nothing(text)):
            self._waiting.append((_Owner.QUERY if query else _Owner.WORK, b""))
            passed.machine += line + b"\n"
            if not query:
                passed.worked.append(text)
        else:
            passed.refused.append(text[:80])
            self._answer(LOCKED, passed)

    def _may_work(self, at_s: float) -> bool:
        if self._stopped_at_s is not None:
            # what follows a stop without a pause is the rest of the job that was stopped
            if at_s - self._stopped_at_s < QUIET_S:
                self._stopped_at_s = at_s
                return False
            self._stopped_at_s = None
        return self.authorised

    def _answer(self, answer: bytes, passed: Passed) -> None:
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append((_Owner.REFUSED, answer))
        passed.sender += self._due()

    def _due(self) -> bytes:
        due = bytearray()
        while self._waiting and self._waiting[0][0] is _Owner.REFUSED:
            due += self._waiting.popleft()[1]
        return bytes(due)

    def from_machine(self, heard: Heard) -> tuple[bytes, Fact | None]:
        """Take a line of the machine; return the sender's part of it, and its fact unless that is no news."""
        head = self._waiting[0][0] if self._waiting else None
        match heard.fact:
            case Report():
                mine = self._asked_at_s is not None and not self._wanted
                self._asked_at_s, self._wanted = None, False
                return (b"" if mine else heard.raw), heard.fact
            case Acknowledged():
                if head is None:
                    return heard.raw, None
                self._waiting.popleft()
                raw = heard.raw if head in (_Owner.WORK, _Owner.QUERY) else b""
                return raw + self._due(), heard.fact if head in (_Owner.WORK, _Owner.LEFT) else None
            case Greeting():
                self._waiting.clear()
                self._asked_at_s, self._wanted = None, False
            case Setting() | Build() | Said() | Noise() if head is _Owner.OWN:
                return b"", heard.fact
        return heard.raw, heard.fact

    def _in_flight(self, at_s: float) -> bool:
        return self._asked_at_s is not None and at_s - self._asked_at_s < REPORT_S
