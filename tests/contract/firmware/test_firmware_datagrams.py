"""The transport suite's part for packets: UDP against sockets of this process, and the scripted form."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from firmware_bridge.transports import Datagrams
from firmware_bridge.transports.scripted import ScriptedDatagrams
from firmware_bridge.transports.udp import QUEUE_BYTES, UdpTransport
from floor.errors import MachineUnreachable


@pytest.fixture
def far() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(10)
        yield peer


@pytest.fixture(params=["udp", "scripted"])
def packets(request: pytest.FixtureRequest, far: socket.socket) -> Datagrams:
    if request.param == "udp":
        return UdpTransport("127.0.0.1", far.getsockname()[1])
    gone = MachineUnreachable("the script ended: nobody listens")
    return ScriptedDatagrams([[b"HELLO", None, gone]])


async def test_packets_come_are_lost_and_are_refused(packets: Datagrams, far: socket.socket) -> None:
    async with packets.open() as opened:
        await opened.send(b"hello")
        if isinstance(packets, UdpTransport):
            data, sender = far.recvfrom(99)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"not for you", sender)
            far.sendto(data.upper(), sender)
        assert await opened.receive(10) == b"HELLO"
        assert await opened.receive(0.05) is None
        far.close()
        await opened.send(b"hello")
        with pytest.raises(MachineUnreachable, match="nobody listens"):
            await opened.receive(10)


async def test_two_machines_answer_to_one_port_and_a_flood_is_cut(far: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        local = free_port()
        one = UdpTransport("127.0.0.1", far.getsockname()[1], local)
        two = UdpTransport("127.0.0.1", other.getsockname()[1], local)
        async with one.open() as first, two.open() as second:
            far.sendto(b"one", ("127.0.0.1", local))
            other.sendto(b"two", ("127.0.0.1", local))
            assert await first.receive(10) == b"one"
            assert await second.receive(10) == b"two"
            for _ in range(400):
                far.sendto(b"x" * 1400, ("127.0.0.1", local))
            came = 0
            while await first.receive(0.05):
                came += 1
            assert 0 < came * 1400 <= 2 * QUEUE_BYTES


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_host_that_is_not_found_is_unreachable() -> None:
    with pytest.raises(MachineUnreachable, match="no socket"):
        async with UdpTransport("host.invalid", 1).open():
            pass
