"""Three nodes of NATS as one MQTT broker: real processes, by the file that operators are given."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from booking_api.broker.certificates import make_certificates
from booking_api.broker.plan import Identity, render_nats

NODES = 3
GIVEN = Path("deploy/nats/node.conf").resolve()
READY_S = 60.0
READY = "Listening for MQTT clients"


class Cluster:
    """`nodes` are the addresses at which MQTT is spoken, with TLS by `ca`."""

    def __init__(self, folder: Path, identities: list[Identity]) -> None:
        found = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert found, "NATS is missing: apt-get install nats-server (make setup does, as root)"
        folder.mkdir()
        self._folder, self._program = folder, found
        shutil.copy(GIVEN, folder / "node.conf")
        self.ca = make_certificates(folder, []).cafile
        (folder / "nats-users.conf").write_text(render_nats(identities))
        with contextlib.ExitStack() as held:
            probes = [held.enter_context(socket.socket()) for _ in range(3 * NODES)]
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            ports = [probe.getsockname()[1] for probe in probes]
        self._clients, self._routes, mqtt = ports[:NODES], ports[NODES : 2 * NODES], ports[2 * NODES :]
        self.nodes = tuple(("127.0.0.1", port) for port in mqtt)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._began: dict[int, int] = {}

    def start(self, node: int) -> None:
        routes = ",".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
        about = {
            "NODE": f"n{node}",
            "CLIENT_LISTEN": f"127.0.0.1:{self._clients[node]}",
            "MQTT_LISTEN": f"127.0.0.1:{self.nodes[node][1]}",
            "CLUSTER_LISTEN": f"127.0.0.1:{self._routes[node]}",
            "ROUTES": f"[{routes}]",
            "STORE": str(self._folder / f"store-{node}"),
        }
        with (self._folder / f"n{node}.log").open("ab") as log:
            self._began[node] = log.tell()
            self._processes[node] = subprocess.Popen(
                [self._program, "-c", "node.conf"],
                cwd=self._folder,
                env=os.environ | about,
                stdout=log,
                stderr=log,
            )

    def wait(self, node: int) -> None:
        """Until it speaks MQTT."""
        deadline = time.monotonic() + READY_S
        while READY not in (log := (self._folder / f"n{node}.log").read_text()[self._began[node] :]):
            assert time.monotonic() < deadline, log[-2000:]
            time.sleep(0.05)

    def kill(self, node: int) -> None:
        self._processes[node].kill()
        self._processes[node].wait(READY_S)

    def end(self) -> None:
        for node in self._processes:
            self.kill(node)


@contextlib.contextmanager
def nats_cluster(folder: Path, identities: list[Identity]) -> Iterator[Cluster]:
    cluster = Cluster(folder, identities)
    try:
        for node in range(NODES):
            cluster.start(node)
        for node in range(NODES):
            cluster.wait(node)
        yield cluster
    finally:
        cluster.end()
