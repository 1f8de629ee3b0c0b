"""How patient the server is with a client that sends its request slowly, or a head without end.

uvicorn bounds neither; a browser sends a head at once.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_WITHIN_S = 20.0
HEAD_MAX = 65_536
"""Bytes of a head, with what of a body came in the same pieces."""


class Patient(HttpToolsProtocol):
    """HTTP/1.1 whose every head comes within a time and a length; else the connection is closed."""

    head_within_s = HEAD_WITHIN_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: asyncio.TimerHandle | None = None
        self._head = 0
        self._in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as its parent
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; a head that is too long ends the connection."""
        if self._in_head:
            self._head += len(data)
            if self._waiting is None:
                self._wait()  # the head of a later request on the same connection
        super().data_received(data)
        if self._in_head and self._head > HEAD_MAX:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Count the head of another request."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Take the head, which is whole."""
        self._in_head, self._head = False, 0
        self._stop()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Count the next head from its begin."""
        super().on_message_complete()
        self._in_head, self._head = True, 0

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.head_within_s, self._give_up)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self._in_head:
            self.transport.close()
