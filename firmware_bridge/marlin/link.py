"""The line to one Marlin while it is open: carries bytes between machine, gate, tracker and host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.events import JobRefused, MachineEvent, Noise
from firmware_bridge.marlin.gate import Gate, Passed
from firmware_bridge.marlin.parser import Greeting, MarlinParser, NotPrinting, Printing, Temperatures
from firmware_bridge.marlin.tracker import Tracker
from firmware_bridge.proxy import nobody
from firmware_bridge.pump import Put
from firmware_bridge.transports import Stream

REFUSED_S = 5.0
BY_ITSELF = (Temperatures, Printing, NotPrinting, Noise)
"""What is said or comes while a line waits, whether the machine works on it or not."""
HELLO = b"start\necho:Makerfloor: the printer is connected\n"
CANCEL = b"//action:cancel\n"
TAP_FIRST = b"echo:Makerfloor: tap your badge first\n" + CANCEL
STOPPED = b"echo:Makerfloor: the print was stopped, begin anew\n" + CANCEL


@dataclass(slots=True)
class Link:
    """One open line. `news` is set with whatever is heard, `ready` when a host may come.

    `progress_s` is when the machine last said something, of its work if a line waits.
    """

    stream: Stream
    gate: Gate
    tracker: Tracker
    clock: Callable[[], float]
    put: Put
    parser: MarlinParser = field(default_factory=MarlinParser)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    to_sender: Callable[[bytes], None] = field(default=nobody)
    greetings: int = 0
    progress_s: float = 0.0
    refused_at_s: float = float("-inf")

    def tell(self, events: list[MachineEvent]) -> None:
        """Hand events on. A print of a host that runs needs nobody any more."""
        for event in events:
            self.put(event)
        self.gate.running = self.tracker.host_prints

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so; it is looked at whenever the machine said something."""
        while not done():
            self.news.clear()
            await self.news.wait()

    async def listen(self, deadline_s: float) -> None:
        """Read once. Raises MachineUnreachable on loss, or when nothing comes in time."""
        data = await self.stream.read(deadline_s)
        at_s = self.clock()
        for heard in self.parser.receive_data(data):
            if isinstance(heard.fact, Greeting):
                self.greetings += 1
                if self.tracker.job:
                    self.gate.stopped(at_s)
            answered = self.gate.from_machine(heard, at_s)
            self.to_sender(answered.host)
            for line in answered.done:
                self.tell(self.tracker.done(line, at_s))
            waits = self.gate.waiting > 0
            works = waits and (self.gate.heating or not isinstance(heard.fact, BY_ITSELF))
            if works or not waits:
                self.progress_s = at_s
            self.tell(self.tracker.receive(answered.fact, at_s, works))
        self.news.set()
        await self.pump()

    async def pump(self) -> None:
        """Let out what may go now."""
        passed = Passed()
        self.gate.pump(passed, self.clock())
        await self._let(passed)

    async def ask(self, *lines: str) -> int:
        """Ask something of our own; the result is what the gate's `answered` will reach with the answer."""
        ticket = self.gate.ask(*lines)
        await self.pump()
        return ticket

    def has_answered(self, ticket: int) -> Callable[[], bool]:
        """Return whether our questions up to one are answered, to be waited for."""
        return lambda: self.gate.answered >= ticket

    def was_reset(self) -> Callable[[], bool]:
        """Return whether the machine started anew since now, to be waited for."""
        before = self.greetings
        return lambda: self.greetings != before

    async def urge(self, *lines: str) -> None:
        """Send lines past whatever waits."""
        at_s = self.clock()
        await self.stream.write(b"".join(self.gate.urgent(line, at_s) for line in lines))

    def answer_to(self, send: Callable[[bytes], None]) -> None:
        """Give `send` what is for the sender, from now on."""
        self.to_sender = send

    def greet(self) -> bytes:
        """Return what a host waits for: no reset follows the opening of a proxy, but a `start` does."""
        return HELLO

    def sender_left(self) -> None:
        """Take note that the host has gone."""
        self.gate.host_left()
        self.tracker.host_left()
        self.tell([])

    async def from_sender(self, data: bytes) -> bytes:
        """Pass on what a host wrote, as far as it may pass; wait while too much of it is held back."""
        await self.until(lambda: not self.gate.full)
        passed = self.gate.from_host(data, self.clock())
        await self._let(passed)
        return bytes(passed.host)

    async def _let(self, passed: Passed) -> None:
        at_s = self.clock()
        for line in passed.lines:
            self.tell(self.tracker.passed(line, at_s))
        if passed.refused:
            self._refused(passed.refused[0], at_s)
        if passed.machine:
            await self.stream.write(bytes(passed.machine))

    def _refused(self, text: str, at_s: float) -> None:
        burst, self.refused_at_s = at_s - self.refused_at_s <= REFUSED_S, at_s
        if burst:
            return
        if self.gate.authorised:
            self.to_sender(STOPPED)
        else:
            self.to_sender(TAP_FIRST)
            self.put(JobRefused(f"nobody is authorised, and this was sent: {text}"))
