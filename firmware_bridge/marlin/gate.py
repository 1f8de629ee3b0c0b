"""Between a host and its Marlin: who is answered, what may pass, what is held back. Pure.

A host counts `ok`s, one for each line, and numbers its lines; Marlin wants the numbers without a gap. So a
line passes as it came; a refused one is replaced by `M105` under its own number, so that its `ok` (with the
temperatures) comes in its turn and no number is missing; and a question of the gate's own goes out only while
no line of the host waits for its `ok`, because a Resend throws away what came behind the bad line. While a
question of the gate's own is not answered, lines of the host are kept back, in order. An `ok` that noise ate
is noticed by the next M105, which alone is answered with temperatures: what went before it is done.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from firmware_bridge.events import Noise
from firmware_bridge.marlin.lines import AT_ONCE, MAX_LINE, WAITS_FOR_HEAT, Line, numbered, read_line
from firmware_bridge.marlin.parser import (
    Busy,
    Capability,
    CurrentFile,
    Fact,
    Failed,
    Firmware,
    Greeting,
    Heard,
    NotPrinting,
    Ok,
    Printing,
    PrintTime,
    Resend,
    Said,
    UnknownCommand,
)

MAX_KEPT = 256
MAX_SENT = 512
MAX_WANTED = 16
QUIET_S = 2.0
LOST_S = 10.0
IN_PLACE = "M105"
SAVING = "Writing to file"
SPEAKS = "M118"
TOO_LONG = b"echo:Makerfloor: a line is too long\nok\n"
TOO_MANY = b"echo:Makerfloor: a line is lost, wait for each ok\nok\n"

_MINE = (Firmware, Capability, Printing, NotPrinting, CurrentFile, PrintTime, UnknownCommand)


@dataclass(slots=True)
class _Sent:
    """A line that waits for its ok: of the host (`line`), of one that left, or of the gate's own.

    `heat` says that it is an M105.
    """

    line: Line | None = None
    number: int | None = None
    own: bool = False
    left: bool = False
    executes: bool = False
    heat: bool = False


@dataclass(slots=True)
class Passed:
    """What is to be written to either side, what was refused, and which lines went to be done."""

    machine: bytearray = field(default_factory=bytearray)
    host: bytearray = field(default_factory=bytearray)
    refused: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class Answered:
    """What a line of the machine comes to: the host's part, the fact, and lines of a host that are done."""

    host: bytes
    fact: Fact
    done: tuple[Line, ...] = ()


class Gate:
    """One machine and at most one host. `running` says that a job goes on, which needs nobody any more."""

    def __init__(self, authorised: bool = True) -> None:
        self.authorised = authorised
        self.running = False
        self.held = False
        self.asked = self.answered = 0
        self._rest = bytearray()
        self._overlong = False
        self._kept: deque[Line] = deque()
        self._sent: deque[_Sent] = deque()
        self._wanted: deque[str] = deque()
        self._stopped_at_s: float | None = None
        self._own_at_s = 0.0
        self._host_at_s = float("-inf")
        self._saving = False

    @property
    def waiting(self) -> int:
        """Lines of a host that went to the machine to be done, and that it has not answered."""
        return sum(sent.executes for sent in self._sent)

    @property
    def heating(self) -> bool:
        """Whether the line that the machine works on waits for a heater, which some do without a `busy`."""
        line = self._sent[0].line if self._sent and self._sent[0].executes else None
        return line is not None and line.code in WAITS_FOR_HEAT

    @property
    def kept(self) -> int:
        """Lines of the host that are held back."""
        return len(self._kept)

    @property
    def full(self) -> bool:
        """Whether the host has to wait: no more of it should be read."""
        return len(self._kept) >= MAX_KEPT

    def idle(self, at_s: float, for_s: float) -> bool:
        """Whether the line is free for a question, and no line of the host came for so long, or is held."""
        if self._sent or self._wanted:
            return False
        return self.held or (not self._kept and at_s - self._host_at_s >= for_s)

    def ask(self, *lines: str) -> int:
        """Put lines of the gate's own in the queue; they are answered once `answered` has reached the result.

        They go out with the next `pump`. What is too much is dropped, and counts as answered.
        """
        for line in lines[: MAX_WANTED - len(self._wanted)]:
            self._wanted.append(line)
            self.asked += 1
        return self.asked

    def urgent(self, line: str, at_s: float) -> bytes:
        """Return bytes that stop something, past whatever waits."""
        self._own(_Sent(own=True))
        self._own_at_s = at_s
        self.asked += 1
        return f"{line}\n".encode()

    def _own(self, sent: _Sent) -> None:
        if len(self._sent) < MAX_SENT:
            self._sent.append(sent)

    def stopped(self, at_s: float) -> None:
        """Refuse work until the host pauses or begins anew: what follows is the rest of what was stopped."""
        self._stopped_at_s = at_s
        self.held = False

    def host_left(self) -> None:
        """Begin anew with another host: what is still answered is the last one's."""
        for sent in self._sent:
            sent.left = True
        self._kept.clear()
        self._rest.clear()
        self._overlong = self.held = False
        self._stopped_at_s = None

    def from_host(self, data: bytes, at_s: float) -> Passed:
        """Take bytes of the host, however they are cut."""
        passed = Passed()
        for byte in data:
            if byte in b"\r\n":
                raw, overlong = bytes(self._rest), self._overlong
                self._rest.clear()
                self._overlong = False
                if overlong:
                    passed.host += TOO_LONG
                elif line := read_line(raw):
                    self._take(line, passed, at_s)
            elif len(self._rest) < MAX_LINE:
                self._rest.append(byte)
            else:
                self._overlong = True
        self.pump(passed, at_s)
        return passed

    def _take(self, line: Line, passed: Passed, at_s: float) -> None:
        self._host_at_s = at_s
        if line.code in AT_ONCE and (self._kept or self.held or self._own_waits):
            line = replace(line, number=None)  # its own would be out of turn
            passed.machine += f"{line.text}\n".encode()
            self._own(_Sent(line, executes=True))
            passed.lines.append(line)
        elif self.full:
            passed.host += TOO_MANY
        else:
            self._kept.append(line)

    @property
    def _own_waits(self) -> bool:
        return any(sent.own for sent in self._sent)

    def pump(self, passed: Passed, at_s: float) -> None:
        """Let out what may go now: lines of the host in order, a question where the line is free."""
        if self._own_waits:
            if at_s - self._own_at_s < LOST_S:
                return
            self._sent = deque(sent for sent in self._sent if not sent.own)  # thrown away with a Resend
            self.answered = self.asked - len(self._wanted)
        while self._kept and not self._wanted and not self.held and len(self._sent) < MAX_SENT:
            self._pass(self._kept.popleft(), passed, at_s)
        if self._wanted and not self._sent:
            text = self._wanted.popleft()
            passed.machine += f"{text}\n".encode()
            self._own(_Sent(own=True, heat=text == IN_PLACE))
            self._own_at_s = at_s

    def _pass(self, line: Line, passed: Passed, at_s: float) -> None:
        if line.code == "M110":
            self._stopped_at_s = None
        allowed = line.harmless or self._may_work(at_s)
        if allowed and line.code != SPEAKS:  # the machine would say to us whatever a file wants it to say
            executes = not self._saving
            self._saving = self._saving and line.code != "M29"
            passed.machine += line.raw.strip() + b"\n"
            self._sent.append(_Sent(line, line.number, executes=executes, heat=line.code == IN_PLACE))
            if executes:
                passed.lines.append(line)
            return
        if not allowed:
            passed.refused.append("".join(sign if sign.isprintable() else " " for sign in line.text[:80]))
        body = numbered(line.number, IN_PLACE) if line.number is not None else IN_PLACE.encode()
        passed.machine += body + b"\n"
        self._sent.append(_Sent(line, line.number, heat=True))

    def _may_work(self, at_s: float) -> bool:
        if self._stopped_at_s is not None:
            if at_s - self._stopped_at_s < QUIET_S:
                self._stopped_at_s = at_s
                return False
            self._stopped_at_s = None
        return self.authorised or self.running

    def from_machine(self, heard: Heard, at_s: float) -> Answered:
        """Take a line of the machine: who gets it, and what was done."""
        fact, head = heard.fact, self._sent[0] if self._sent else None
        mine = head is not None and (head.own or head.left)
        match fact:
            case Ok():
                return self._done(heard.raw, fact)
            case Greeting():
                self._forget()
            case Failed(_, fatal):
                if fatal:
                    self._forget()
            case Resend(number):
                self._resent(number)
            case Busy():
                self._own_at_s = at_s  # whatever it works on, our question stands behind it
            case Said(text) if text.startswith(SAVING):
                self._saving = True
            case Noise():
                pass
            case _ if isinstance(fact, _MINE) and mine:
                return Answered(b"", fact)
        return Answered(heard.raw, fact)

    def _done(self, raw: bytes, fact: Ok) -> Answered:
        if not self._sent:
            return Answered(raw, fact)
        count = 1
        if fact.temperatures:
            count += next((index for index, sent in enumerate(self._sent) if sent.heat), 0)
        done = [self._sent.popleft() for _ in range(count)]
        self.answered += sum(sent.own for sent in done)
        mine = done[-1].own or done[-1].left
        lines = tuple(sent.line for sent in done if sent.executes and sent.line)
        return Answered(b"" if mine else raw, fact, lines)

    def _resent(self, number: int) -> None:
        """Forget what the machine threw away: the line with that number, and all that went out behind it."""
        for index, sent in enumerate(self._sent):
            if sent.number is not None and sent.number >= number:
                while len(self._sent) > index:
                    self._sent.pop()
                return

    def _forget(self) -> None:
        self._sent.clear()
        self._wanted.clear()
        self._kept.clear()
        self.answered = self.asked
        self._saving = self.held = False
