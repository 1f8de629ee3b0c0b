"""Gateways that only send their journals to a server with workers, over a real broker."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiomqtt
from sqlmodel import Session

from booking_api.gateways import enrol
from booking_api.machines import service as machines
from booking_api.vault import Vault
from floor.wire.journal import JournalAck
from floor.wire.messages import Alive, Hello
from floor.wire.topics import DELIVERY, Channel, topic
from tests.kit.server import NOW_MS, Writer

SETTINGS = """
[server]
data = "data"
port = {port}
[database]
url = "{url}"
[broker]
port = {broker}
"""
"""What a server needs to know, to be filled in."""


@dataclass
class Pi:
    """A gateway that sends its journal batch by batch, and again what is not acknowledged in `again_s`."""

    name: str
    member: str
    start_ms: int
    sessions: int
    batch: int
    again_s: float
    copies: int = 1
    acknowledged: int = 0
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        self.writer = Writer(gateway=self.name, start_ms=self.start_ms)
        for _ in range(self.sessions):
            self.writer.session(self.member, 10, machine=f"saw-{self.name}")

    async def run(self, port: int, entries: int | None = None) -> None:
        """Send until so many entries are acknowledged (None: all)."""
        wanted = len(self.writer.entries) if entries is None else entries
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe(f"mf/{self.name}/down/ack", qos=1)
            await self._say(client, Channel.ALIVE, Alive(gateway=self.name, online=True).encode())
            hello = Hello(gateway=self.name, boot_id="b", software="1", journal_epoch=1, next_seq=1)
            await self._say(client, Channel.HELLO, hello.encode())
            while self.acknowledged < wanted:
                last = min(self.acknowledged + self.batch, wanted)
                for _ in range(self.copies):  # a broker may deliver it twice
                    batch = self.writer.batch(self.acknowledged + 1, last)
                    await self._say(client, Channel.JOURNAL, batch.encode())
                await self._hear(client, last)

    async def _hear(self, client: aiomqtt.Client, last: int) -> None:
        """Wait until all of it is acknowledged, or for as long as a gateway has patience."""
        ends_s = time.monotonic() + self.again_s
        while self.acknowledged < last and (left_s := ends_s - time.monotonic()) > 0:
            try:
                message = await asyncio.wait_for(anext(client.messages), left_s)
            except TimeoutError:
                return
            payload = message.payload
            assert isinstance(payload, bytes)
            self.acknowledged = JournalAck.decode(payload, DELIVERY[Channel.ACK].limit_bytes).seq

    async def _say(self, client: aiomqtt.Client, channel: Channel, payload: bytes) -> None:
        how = DELIVERY[channel]
        await client.publish(topic(self.name, channel), payload, qos=how.qos, retain=how.retained)


def free_ports(workers: int) -> int:
    """Return the first of enough free ports in a row: one for all, and one for each."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        try:
            for port in range(first, first + workers + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def furnish(session: Session, vault: Vault, gateways: Sequence[str]) -> None:
    """Enrol gateways, each with a machine of its own."""
    for name in gateways:
        enrol.enrol(session, vault, name, NOW_MS)
        session.flush()
        details = machines.MachineDetails(id=f"saw-{name}", name=name, gateway=name, tariff="laser")
        machines.add(session, details, NOW_MS)
