"""Servers of peers: that they are there, answer, and end."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

import httpx

READY_S, END_S = 120.0, 20.0
TROUBLES = (AssertionError, OSError, httpx.HTTPError, subprocess.SubprocessError)
"""What a peer can do instead of answering; the others are measured all the same."""


@contextlib.contextmanager
def ended(server: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a server with the block, by force when it does not go."""
    try:
        yield
    finally:
        server.terminate()
        try:
            server.wait(END_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(browser: httpx.Client, path: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers anything at `path`."""
    until = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            browser.get(path)
            return
        assert server.poll() is None, f"{server.args!r} ended"
        assert time.monotonic() < until, f"{server.args!r} did not start"
        time.sleep(0.1)
