"""The journal on its way to the server.

The broker's own acknowledgement proves nothing durable, so only the server's JournalAck moves the journal on;
what it does not acknowledge in time is sent again, and applied once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from floor.wire.base import Message
from floor.wire.journal import JournalBatch, JournalEntry
from floor.wire.topics import Channel
from gateway.batches import Batches
from gateway.journal import Journal

ACK_DEADLINE_S = 10
STUCK = "Is max_packet_size or message_size_limit of the broker too small?"


class Upload:
    """Sends what the server has not, from one connection to the next."""

    def __init__(self, name: str, journal: Journal, alarm: Callable[[str, str], None]) -> None:
        self._name = name
        self._journal = journal
        self._alarm = alarm
        self.batches = Batches()
        self.greeted = False
        """Whether the server has said where the journal stands since the connection began."""
        self._acknowledged = asyncio.Event()
        self._sent = 0
        self._moved_s = 0.0
        self._asked_after = -1

    async def run(
        self, publish: Callable[[Channel, Message], Awaitable[None]], ask: Callable[[], Awaitable[None]]
    ) -> None:
        """Send until cancelled, once the server has greeted; `ask` has it say again what it has."""
        self.again()
        while True:
            if not self.greeted:
                await self._acknowledged.wait()
                self._acknowledged.clear()
                continue
            entries = list[JournalEntry]()
            if not self.batches.full:
                entries = await self._journal.to_send(self._sent, self.batches.most)
            if entries:
                if self._sent == self._journal.acknowledged:
                    self._moved_s = asyncio.get_running_loop().time()
                batch = JournalBatch(gateway=self._name, epoch=self._journal.epoch, entries=entries)
                self.batches.sent(entries[0].seq, entries[-1].seq)
                await publish(Channel.JOURNAL, batch)
                self._sent = entries[-1].seq
            elif self._sent > self._journal.acknowledged:
                await self._wait_for_ack(ask)
            else:
                await self._journal.grown()

    async def _wait_for_ack(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Wait for the server or for more to send; what it does not acknowledge in time it gets again.

        Time goes on while the journal grows: a broker that was full may have dropped what comes before. First
        the server is asked what it has, so that its silence is told from a batch that does not arrive.
        """
        now_s = asyncio.get_running_loop().time
        left_s = max(0.0, self._moved_s + ACK_DEADLINE_S - now_s())
        waits = [
            asyncio.ensure_future(self._acknowledged.wait()),
            asyncio.ensure_future(self._journal.grown()),
        ]
        try:
            await asyncio.wait(waits, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._acknowledged.clear()
        if now_s() >= self._moved_s + ACK_DEADLINE_S:
            if self._asked_after == self._journal.acknowledged:
                self.again()
            self._asked_after, self._moved_s = self._journal.acknowledged, now_s()
            await ask()

    def again(self) -> None:
        """Send from the first entry on that the server has not."""
        self._sent = self._journal.acknowledged
        self.batches.again()

    def greet(self) -> None:
        """Take that the server said where a journal of this gateway stands."""
        self.greeted = True
        self._acknowledged.set()

    def acknowledged(self, seq: int) -> None:
        """Take that the server has all up to an entry; it may go back, when the server was restored."""
        before = self._journal.acknowledged
        self._journal.acknowledge(seq)
        self._sent = max(self._sent, seq)
        if seq > before:
            self._moved_s = asyncio.get_running_loop().time()
            self.batches.arrived(seq)
        elif seq < before:
            self.again()
        elif self._asked_after == before:
            self._lost()
        self._asked_after = -1

    def ended(self) -> None:
        """Take that the connection ended."""
        self.greeted = False
        if self.batches.flying:
            self._lost()

    def _lost(self) -> None:
        """Send again what did not arrive although the server was there; where no size helps, tell staff."""
        if self.batches.lost():
            first = self._journal.acknowledged + 1
            self._alarm("journal_stuck", f"Entry {first} does not arrive, and the rest waits. {STUCK}")
        self.again()
