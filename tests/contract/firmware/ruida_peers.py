"""Ruidas to talk to: a simulated controller of ours, and MeerK40t's emulator, both as processes.

MeerK40t's `ruidacontrol` binds port 50200 of every address: it runs in a network namespace of its own, and a
process on each side carries the packets over a pair of pipes.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.contract.firmware.grbl_peers import IFF_UP, MEERK40T, ROOT, SIOCSIFFLAGS


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Peer:
    """A process that says where it is, answers to `reply_port`, and takes orders one line at a time."""

    def __init__(self, process: subprocess.Popen[str], reply_port: int) -> None:
        assert process.stdin
        assert process.stdout
        self._process, self._orders, self._answers = process, process.stdin, process.stdout
        self.reply_port = reply_port
        self.url = self._answers.readline().strip()
        assert self.url.startswith("udp://"), f"the peer did not start: {self.url!r}"

    def tell(self, order: str) -> str:
        self._orders.write(f"{order}\n")
        self._orders.flush()
        return self._answers.readline().strip()


@contextmanager
def _running(command: list[str | Path], reply_port: int, **environment: str) -> Iterator[Peer]:
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
        yield Peer(process, reply_port)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=15)


@contextmanager
def simulated() -> Iterator[Peer]:
    """Run our own controller, idle."""
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "tests.contract.firmware.ruida_sim", str(port)]
    with _running(command, port) as peer:
        yield peer


@contextmanager
def meerk40t(home: Path) -> Iterator[Peer]:
    """Run MeerK40t's emulator of a Ruida; its settings go below `home`."""
    assert MEERK40T.is_file(), "MeerK40t is missing: install it with `python scripts/peers.py meerk40t`"
    command: list[str | Path] = [sys.executable, "-m", "tests.contract.firmware.ruida_peers", MEERK40T]
    with _running(command, 0, HOME=str(home), XDG_CONFIG_HOME=str(home)) as peer:
        yield peer


def _outside(program: str) -> None:
    """Take packets on a free port of this namespace, and hand them to `_inside`: one client at a time."""
    apart = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [
        *apart,
        sys.executable,
        "-m",
        "tests.contract.firmware.ruida_peers",
        program,
        str(far.fileno()),
    ]
    subprocess.Popen(command, pass_fds=[far.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    far.close()
    assert near.recv(99) == b"ready", "MeerK40t does not listen"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        print(f"udp://127.0.0.1:{line.getsockname()[1]}", flush=True)
        client = None
        while True:
            ready, _, _ = select.select([line, near], [], [])
            if line in ready:
                data, client = line.recvfrom(2048)
                near.send(data)
            if near in ready:
                answer = near.recv(2048)
                if not answer:
                    return
                if client:
                    line.sendto(answer, client)


def _inside(program: str, descriptor: int) -> None:
    """Start MeerK40t in this namespace, whose loopback is still down, and carry packets to its port."""
    near = socket.socket(fileno=descriptor)
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    fcntl.ioctl(line, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
    console = subprocess.Popen(
        [program, "-z", "-c", "-A", "-p"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert console.stdin
    console.stdin.write("service device start -i grbl -l rd\nruidacontrol -v\n")
    console.stdin.flush()
    line.bind(("127.0.0.1", 40200))
    line.connect(("127.0.0.1", 50200))
    line.settimeout(0.2)
    deadline = time.monotonic() + 60
    while True:  # a wrong sum is answered with one byte, and does nothing
        with suppress(OSError):
            line.send(b"\0\0\0\1")
            if line.recv(99):
                break
        assert time.monotonic() < deadline, "MeerK40t does not listen"
        time.sleep(0.05)
    line.settimeout(None)
    near.send(b"ready")
    while True:
        ready, _, _ = select.select([line, near], [], [])
        if near in ready:
            data = near.recv(2048)
            if not data:
                return
            line.send(data)
        if line in ready:
            near.send(line.recv(2048))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        _outside(sys.argv[1])
    else:
        _inside(sys.argv[1], int(sys.argv[2]))
