"""GRBLs to talk to: a simulated firmware of ours on a pty or TCP, and MeerK40t's emulator, both as processes.

MeerK40t's `grblcontrol` binds every address: it runs in a network namespace of its own, where a small process
carries its bytes to a pty.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[3]
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
MEERK40T = ROOT / ".peers" / "meerk40t" / "bin" / "meerk40t"


class Peer:
    """A process that says where it can be reached, and takes orders on its standard input."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._process = process
        self._orders: IO[str] = process.stdin
        self._answers: IO[str] = process.stdout
        self.url = self._answers.readline().strip()
        assert "://" in self.url, f"the peer did not start: {self.url!r}"

    def tell(self, order: str) -> None:
        self._orders.write(f"{order}\n")
        self._orders.flush()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ask(self, name: str) -> str:
        """Ask the simulated firmware for what is true of it."""
        self.tell(f"say {name}")
        return self._answers.readline().strip()

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(15)
        self._orders.close()


@contextmanager
def _running(command: list[str | Path], **environment: str) -> Iterator[Peer]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        peer = Peer(process)
        try:
            yield peer
        finally:
            peer.stop()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(15)


@contextmanager
def simulated(kind: str) -> Iterator[Peer]:
    """Run our own firmware on a `pty` or on `tcp`."""
    with _running([sys.executable, "-m", "tests.contract.firmware.grbl_sim", kind]) as peer:
        yield peer


@contextmanager
def meerk40t(home: Path) -> Iterator[Peer]:
    """Run MeerK40t's emulator of GRBL; its settings go below `home`."""
    assert MEERK40T.is_file(), "MeerK40t is missing: install it with `python scripts/peers.py meerk40t`"
    apart = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    command = [*apart, sys.executable, "-m", "tests.contract.firmware.grbl_peers", str(MEERK40T)]
    with _running(command, HOME=str(home), XDG_CONFIG_HOME=str(home)) as peer:
        yield peer


def _bridge(program: str) -> None:
    """Start MeerK40t in this namespace, whose loopback is still down, and carry its TCP port to a pty."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
    console = subprocess.Popen(
        [program, "-z", "-c", "-A", "-p"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert console.stdin
    console.stdin.write("service device start -i grbl -l rd\ngrblcontrol -p 23000\n")
    console.stdin.flush()
    deadline = time.monotonic() + 60
    while True:
        try:
            emulator = socket.create_connection(("127.0.0.1", 23000))
            break
        except OSError:
            assert time.monotonic() < deadline, "MeerK40t does not listen"
            time.sleep(0.05)
    line, slave = pty.openpty()
    tty.setraw(slave)
    print(f"serial://{os.ttyname(slave)}", flush=True)
    while True:
        ready, _, _ = select.select([line, emulator], [], [])
        if line in ready:
            emulator.sendall(os.read(line, 4096))
        if emulator in ready:
            os.write(line, emulator.recv(4096))


if __name__ == "__main__":
    _bridge(sys.argv[1])
