"""Tells systemd that the gateway is alive: from the stations' own heartbeat, never from a mere timer."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send one state (sd_notify(3): "READY=1", "WATCHDOG=1", "STOPPING=1"); False where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            sock.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return False
    return True


class Heartbeat:
    """Beats only when every station has handled something since the last beat."""

    def __init__(self) -> None:
        self._seen: list[int] = []

    def beat(self, beats: list[int]) -> bool:
        """Take each station's count of handled events; tell systemd when all have grown, and return that."""
        alive = len(beats) != len(self._seen) or all(
            now > before for now, before in zip(beats, self._seen, strict=True)
        )
        self._seen = beats
        return alive and notify("WATCHDOG=1")
