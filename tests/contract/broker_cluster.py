"""A clustered broker: three real nodes of NATS between server and gateway, of which one after the other dies.

python -m tests.contract.broker_cluster --kills 20

Each kill is under load, and each node begins again before the next dies. It prints how long after each kill
all that was written had come and an order was obeyed, and ends with 1 where something is lost or comes twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
from sqlalchemy import func
from sqlmodel import select

from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.settings import BrokerSettings
from booking_api.clock import Clock
from booking_api.gateways import enrol
from booking_api.gateways.keys import open_signer
from booking_api.gateways.office import Office
from booking_api.link import VISIT_EVERY_S, Link
from booking_api.live import LiveFloor
from booking_api.metering.models import JournalRecord, Quarantined
from floor.errors import MachineUnreachable
from floor.wire.brokers import write_address
from floor.wire.journal import AlarmRaised
from floor.wire.messages import Identify
from gateway import config as configuration
from gateway.app import Gateway, opened
from tests.kit.nats import NODES, Cluster, nats_cluster
from tests.kit.server import Floor, make_floor

PATIENCE_S = 90
SENT = 200
CATCHES_UP_S = VISIT_EVERY_S + 5
"""How long a node that began again has before the next one dies: a cluster of three bears one."""


@dataclass
class Space:
    """A server whose node is the first, and a gateway whose node is the second."""

    floor: Floor
    cluster: Cluster
    link: Link
    gateway: Gateway

    def applied(self, load: str) -> set[str]:
        """Return the numbers of one load's alarms that the server has; each once, or it fails."""
        with self.floor.db.read() as session:
            rows = session.exec(select(JournalRecord.body).where(JournalRecord.kind == "alarm_raised")).all()
            assert not session.exec(select(func.count()).select_from(Quarantined)).one()
        codes = [body.partition(f'"code":"{load}-')[2].partition('"')[0] for body in rows]
        loads = [code for code in codes if code]  # a busy disk makes alarms of its own
        assert len(loads) == len(set(loads))
        return set(loads)

    async def write(self, load: str) -> None:
        for n in range(SENT):
            await self.gateway.journal.append_durably(AlarmRaised(machine=None, code=f"{load}-{n}"))
            await asyncio.sleep(0.01)

    async def obeys(self) -> None:
        """Until an order finds its way there and its answer back."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    reply = await self.link.send_command("gw", Identify(machine="laser-1", for_s=1), "test")
                except MachineUnreachable:
                    await asyncio.sleep(0.2)
                else:
                    assert reply.done
                    return

    async def survives(self, node: int, load: str) -> float:
        """Kill a node under load; return after how long (s) all of it had come and an order was obeyed."""
        writing = asyncio.create_task(self.write(load))
        await until(lambda: len(self.applied(load)) > SENT // 10)
        self.cluster.kill(node)
        killed_s = time.monotonic()
        await writing
        await until(lambda: len(self.applied(load)) == SENT)
        await self.obeys()
        return time.monotonic() - killed_s


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def clustered(folder: Path) -> AsyncIterator[Space]:
    floor = make_floor(f"sqlite:///{folder / 'floor.db'}", folder)
    with floor.db.read() as session:
        known = enrol.recall(session, floor.vault, "gw")
    identities = [
        Identity("server", "s", IdentityKind.SERVER),
        Identity("gw", known.password, IdentityKind.GATEWAY),
        Identity("other", "o", IdentityKind.GATEWAY),
    ]
    with nats_cluster(folder / "nats", identities) as cluster:
        (host, port), *others = cluster.nodes
        reach = BrokerSettings(host, port, "server", "s", cluster.ca, tuple(others))
        signer = open_signer(folder)
        link = Link(reach, floor.db, Clock(), signer, Office(floor.vault, "EUR"), LiveFloor())
        file, (own, *rest) = folder / "gateway.toml", cluster.nodes[1:]
        more = [write_address(node) for node in (*rest, cluster.nodes[0])]
        file.write_text(
            f'name = "gw"\ndata = "gw"\nbadge_key = "{known.badge_key.hex()}"\n'
            f'server_key = "{signer.public_key}"\n'
            f"[broker]\nport = {own[1]}\nothers = {more}\n"
            f'password = "{known.password}"\nca = "{cluster.ca}"\n'
            '[http]\nport = 0\n[journal]\nstorage = "volatile"\n[[stations]]\nmachine = "laser-1"\n'
            'reader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
        )
        async with opened(configuration.load(file)) as gateway:
            tasks = [asyncio.create_task(link.run()), asyncio.create_task(gateway.run())]
            try:
                yield Space(floor, cluster, link, gateway)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    floor.db.close()


async def nobody_speaks_for_another(cluster: Cluster) -> None:
    """A gateway hears nothing of others on any filter, and what it says in their names reaches nobody."""
    host, port = cluster.nodes[2]
    tls = aiomqtt.TLSParameters(ca_certs=str(cluster.ca))

    def client(name: str, word: str) -> aiomqtt.Client:
        return aiomqtt.Client(host, port, username=name, password=word, tls_params=tls)

    async with client("other", "o") as spy, client("server", "s") as server:
        for everything in ("#", "mf/#", "$MQTT/#", "mf/gw/down/#"):
            with contextlib.suppress(aiomqtt.MqttError):
                await spy.subscribe(everything, qos=1)
        await server.subscribe("mf/+/up/#", qos=1)
        await server.publish("mf/gw/down/ack", b"not for others", qos=1)
        await spy.publish("mf/gw/up/badge", b"forged", qos=1)
        await spy.publish("mf/other/up/badge", b"own", qos=1)
        async with asyncio.timeout(PATIENCE_S):
            async for message in server.messages:
                assert message.payload != b"forged"
                if message.payload == b"own":
                    break
        assert not len(spy.messages)


async def kills(count: int) -> None:
    took_s: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with clustered(Path(folder)) as space:
            await space.obeys()
            for n in range(count):
                node = n % NODES
                took_s.append(await space.survives(node, f"kill{n}"))
                print(f"node {node}: {took_s[-1]:.1f} s", flush=True)
                space.cluster.start(node)
                await asyncio.to_thread(space.cluster.wait, node)
                await asyncio.sleep(CATCHES_UP_S)
                await space.obeys()
    print(f"{count} kills; median {statistics.median(took_s):.1f} s, longest {max(took_s):.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many")
    asyncio.run(kills(parser.parse_args().kills))
