"""One open line to a controller. Whoever has the turn sends a packet and gets all answers until it ends.

The protocol has no numbers that tell which answer is whose, so nothing is sent while somebody waits. While a
file is sent nothing else is: the controller might take it for a part of the file.
Sources: edutechwiki.unige.ch/en/Ruida, "UDP" (an ACK for each packet, within about 4 s); ens1/ruida-re,
docs/protocol.md, "Controller adapters and exchange state"; jnweiger/ruida-laser, RudiaProxy/RuidaProxy.py
(a file ends with D7, or after 10 s without a packet).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.events import MachineEvent, Noise
from firmware_bridge.ruida import codec
from firmware_bridge.ruida.parser import (
    Fact,
    FileEnded,
    FileReader,
    Handshake,
    Named,
    Value,
    answers_more,
    asked_for,
    begins_file,
    parse_answer,
)
from firmware_bridge.ruida.tracker import Tracker
from firmware_bridge.transports import Datagram
from floor.errors import MachineFault, MachineUnreachable

REPLY_S = 0.5
TRIES = 3
TURN_S = 4.0
ANSWER_S = 1.0
SLICE_S = 0.1
FILE_S = 10.0


@dataclass(slots=True)
class Link:
    """See the module. `fixed`: the magic is known. `hurry` wakes whoever polls, `ready` lets senders in."""

    line: Datagram
    tracker: Tracker
    put: Callable[[MachineEvent], None]
    clock: Callable[[], float]
    magic: int
    fixed: bool
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _asked: int | None = None
    _file: FileReader = field(default_factory=FileReader)
    _file_name: str = ""
    _file_at_s: float = float("-inf")

    @property
    def in_file(self) -> bool:
        """Whether a sender is in the middle of a file."""
        return time.monotonic() - self._file_at_s < FILE_S

    async def ask(self, address: int) -> Value | None:
        """Read a place of the memory; None when nobody answers TRIES times, or a file is sent."""
        for _ in range(TRIES):
            async with self._turn:
                if self.in_file:
                    break
                found = await self._exchange(codec.question(address), address)
            if isinstance(found, Value):
                return found
        return None

    async def order(self, command: bytes) -> None:
        """Have a command taken. Raises MachineFault when it is rejected, or a file is sent."""
        for _ in range(TRIES):
            async with self._turn:
                if self.in_file:
                    raise MachineFault("a file is sent to it: nothing else gets through")
                answer = await self._exchange(command, None)
            if answer is Handshake.ACK:
                return
            if answer is Handshake.ERR:
                raise MachineFault(f"it rejects {command.hex(' ')}")
        raise MachineUnreachable("it does not acknowledge an order")

    async def _send(self, packet: bytes) -> None:
        while await self.line.receive(0) is not None:  # too late for whoever waited
            pass
        await self.line.send(packet)

    async def _exchange(self, commands: bytes, address: int | None) -> Value | Handshake | None:
        """Send once; return the value at `address`, or how the commands were taken, or None."""
        await self._send(codec.packet(commands, self.magic))
        self._asked = address
        until_s = time.monotonic() + REPLY_S
        while (left_s := until_s - time.monotonic()) > 0:
            data = await self.line.receive(left_s)
            for fact in self._hear(data) if data is not None else ():
                if isinstance(fact, Value) and fact.address == address:
                    return fact
                if fact is Handshake.NAK or fact is Handshake.ERR:
                    await asyncio.sleep(SLICE_S)
                    return fact
                if fact is Handshake.ACK and address is None:
                    return fact
        return None

    def _hear(self, data: bytes) -> list[Fact]:
        """Read a packet of the controller, and tell the tracker what it says."""
        if len(data) == 1 and not self.fixed:
            self._learn(data)
        facts, at_s = parse_answer(data, self.magic), self.clock()
        for fact in facts:
            if isinstance(fact, Noise):
                self.put(fact)
            elif isinstance(fact, Value):
                self.fixed = True
                for event in self.tracker.receive(fact, at_s):
                    self.put(event)
        return facts

    def _learn(self, data: bytes) -> None:
        """Until a value proved the magic, a byte that means nothing is taken for an ACK with another one."""
        magic = codec.magic_of_ack(data[0])
        known = any(isinstance(fact, Handshake) for fact in parse_answer(data, self.magic))
        if not known and magic in codec.MAGICS:
            self.magic = magic

    async def carry(
        self, packet: bytes, stream: bytes, answer: Callable[[bytes], None], again: Callable[[], bool]
    ) -> None:
        """Give a sender its turn: pass its packet on, whose commands are `stream`, and `answer` as it is.

        It ends when all is answered, ANSWER_S after the ACK, after TURN_S, or when it sends `again`.
        """
        async with self._turn:
            in_file = self.in_file
            if begins_file(stream) and not in_file:
                in_file, self._file_at_s = True, time.monotonic()
            places, more = asked_for(stream), answers_more(stream)
            late = {self._asked} - places
            await self._send(packet)
            acknowledged, until_s = False, time.monotonic() + TURN_S
            while time.monotonic() < until_s:
                data = await self.line.receive(SLICE_S)
                if data is None:
                    if again() or (acknowledged and more and not places):
                        return
                    continue
                facts = self._hear(data)
                found = {fact.address for fact in facts if isinstance(fact, Value)}
                if found and found <= late:
                    continue
                answer(data)
                places -= found
                if Handshake.ACK in facts and not acknowledged:
                    acknowledged, until_s = True, time.monotonic() + ANSWER_S
                    self._taken(stream, in_file)
                refused = Handshake.NAK in facts or Handshake.ERR in facts
                if refused or (acknowledged and not places and not more):
                    return

    def _taken(self, stream: bytes, in_file: bool) -> None:
        """Keep in mind what the controller took from a sender: files, stops, pauses."""
        at_s = self.clock()
        if in_file:
            self._file_at_s = time.monotonic()
            for fact in self._file.receive(stream):
                if isinstance(fact, Named):
                    self._file_name = fact.name
                elif isinstance(fact, FileEnded):
                    self._file_at_s = float("-inf")
                    self.tracker.named(self._file_name, at_s)
                    self._file_name = ""
            return
        for command in codec.commands(stream):
            if command == codec.STOP:
                self.tracker.stop_asked(at_s)
            elif command in (codec.PAUSE, codec.RESUME):
                self.tracker.pause_asked(command == codec.PAUSE, at_s)
