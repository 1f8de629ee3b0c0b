"""The line to one GRBL while it is open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.events import JobRefused
from firmware_bridge.grbl.gate import Gate
from firmware_bridge.grbl.parser import GrblParser, Greeting
from firmware_bridge.grbl.tracker import Tracker
from firmware_bridge.proxy import nobody
from firmware_bridge.pump import Put
from firmware_bridge.transports import Stream

GREETING = b"Grbl 1.1h ['$' for help]\r\n"
REFUSED_S = 5.0
STOPPED = b"[MSG:Makerfloor: the job was stopped, begin anew]\r\n"
TAP_FIRST = b"[MSG:Makerfloor: tap your badge first]\r\n"


@dataclass(slots=True)
class Link:
    """One open line: reads it, tells the tracker and the sender. `hurry` wakes whoever polls, `answered` is
    set when no line of our own waits, `ready` when a sender may come.
    """

    stream: Stream
    gate: Gate
    parser: GrblParser
    tracker: Tracker
    clock: Callable[[], float]
    put: Put
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    to_sender: Callable[[bytes], None] = field(default=nobody)
    greeting: bytes = b""
    greetings: int = 0
    homing: bool = False
    refused_at_s: float = float("-inf")

    async def listen(self, deadline_s: float) -> None:
        """Read once. Raises MachineUnreachable on loss, or when nothing comes in time."""
        data = await self.stream.read(deadline_s)
        at_s = self.clock()
        for heard in self.parser.receive_data(data):
            if isinstance(heard.fact, Greeting):
                self.greeting, self.greetings = heard.raw, self.greetings + 1
                if self.tracker.surprised_by_reset(at_s):
                    self.gate.stopped(at_s)
            mine, fact = self.gate.from_machine(heard)
            self.to_sender(mine)
            if not self.gate.own_waiting:
                self.answered.set()
            if self.homing and self.gate.waiting == 0:
                self.homing = False
            if fact is not None:
                for event in self.tracker.receive(fact, at_s, self.gate.waiting):
                    self.put(event)

    def answer_to(self, send: Callable[[bytes], None]) -> None:
        """Give `send` what is for the sender, from now on."""
        self.to_sender = send

    def greet(self) -> bytes:
        """Return a greeting: no reset follows the opening of a proxy, but senders wait for one."""
        return self.greeting or GREETING

    def sender_left(self) -> None:
        """Take note that the sender has gone."""
        self.gate.sender_changed()
        self.tracker.sender_left()

    async def from_sender(self, data: bytes) -> bytes:
        """Pass on what a sender wrote, as far as it may pass; return what it is answered at once."""
        at_s = self.clock()
        passed = self.gate.from_sender(data, at_s)
        self.homing |= b"$H" in passed.machine.upper()
        if passed.reset:
            self.tracker.reset_asked(at_s)
        if passed.worked:
            self.tracker.sender_came(passed.worked)
            if not self.tracker.working:
                self.hurry.set()
        if passed.machine:
            await self.stream.write(bytes(passed.machine))
        if not passed.refused:
            return bytes(passed.sender)
        burst, self.refused_at_s = at_s - self.refused_at_s <= REFUSED_S, at_s
        if burst:
            return bytes(passed.sender)
        if self.gate.authorised:
            return STOPPED + bytes(passed.sender)
        self.put(JobRefused(f"nobody is authorised, and this was sent: {passed.refused[0]}"))
        return TAP_FIRST + bytes(passed.sender)
