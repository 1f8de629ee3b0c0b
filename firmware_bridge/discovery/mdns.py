"""Asks the network by mDNS who is there: one-shot, from a port of its own, answered by unicast (RFC 6762)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from firmware_bridge.discovery import dns
from firmware_bridge.discovery.dns import Record, Service
from floor.errors import MachineUnreachable

GROUP = ("224.0.0.251", 5353)
KINDS = (
    "_octoprint._tcp",
    "_prusalink._tcp",
    "_moonraker._tcp",
    "_shelly._tcp",
    "_http._tcp",
    "_telnet._tcp",
)
MAX_KEPT = 4096
AGAIN = 3


class _Listener(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.records: dict[Record, None] = {}

    def datagram_received(self, data: bytes, addr: object) -> None:
        for record in dns.parse(data):
            if len(self.records) < MAX_KEPT:
                self.records[record] = None

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: what does not answer is not found."""


async def browse(seconds: float, target: tuple[str, int] = GROUP) -> list[Service]:
    """Ask `target` AGAIN times in `seconds`, and return who answered with a place.

    Raises MachineUnreachable when nothing can be sent: without a network.
    """
    loop = asyncio.get_running_loop()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setblocking(False)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    transport, listener = await loop.create_datagram_endpoint(_Listener, sock=sender)
    try:
        for _ in range(AGAIN):
            for packet in _questions(list(listener.records)):
                # sendto of the transport would hide that there is no network
                await loop.sock_sendto(sender, packet, target)
            await asyncio.sleep(seconds / AGAIN)
    except OSError as error:
        raise MachineUnreachable(f"nobody can be asked by mDNS: {error.strerror or error}") from error
    finally:
        transport.close()
    return dns.services(list(listener.records), KINDS)


def _questions(records: Sequence[Record]) -> list[bytes]:
    kinds = [((*kind.split("."), "local"), dns.PTR) for kind in KINDS]
    places = [(name, kind) for name in dns.unplaced(records) for kind in (dns.SRV, dns.TXT)]
    hosts = {one.address: one.name for one in records if one.address}.values()
    wanted = [
        (one.target, dns.A)
        for one in records
        if one.kind == dns.SRV and one.target not in hosts and one.target
    ]
    asked = kinds + places + wanted
    return [dns.query(asked[at : at + 16]) for at in range(0, min(len(asked), 256), 16)]
