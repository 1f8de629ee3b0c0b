"""HTTP to one machine, by aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

import aiohttp

from firmware_bridge.transports import MAX_BODY_BYTES, Answer
from floor.errors import MachineFault, MachineUnreachable

PIECE_BYTES = 1 << 16


class HttpTransport:
    """Requests to the machine at `url`, each answered within `deadline_s`; `headers` go with every one."""

    def __init__(self, url: str, headers: Mapping[str, str], deadline_s: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers)
        self._deadline_s = deadline_s
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str) -> Answer:
        """Ask for a short body. Raises MachineUnreachable without an answer within the deadline."""
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """Send a JSON body. Raises MachineUnreachable without an answer within the deadline."""
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: Mapping[str, object] | None) -> Answer:
        try:
            async with (
                asyncio.timeout(self._deadline_s),
                self._open().request(method, self._url + path, json=body) as response,
            ):
                # a body that is cut here is no JSON any more, and its parser says so
                return Answer(response.status, await response.content.read(MAX_BODY_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    async def download(self, path: str) -> AsyncGenerator[bytes, None]:
        """Yield a file in pieces of at most PIECE_BYTES. Raises MachineFault unless the status is 200."""
        try:
            async with asyncio.timeout(self._deadline_s):
                response = await self._open().get(self._url + path)
            async with response:
                if response.status != 200:
                    raise MachineFault(f"{self._url} answers {response.status} for {path}")
                while piece := await self._piece(response):
                    yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    async def _piece(self, response: aiohttp.ClientResponse) -> bytes:
        async with asyncio.timeout(self._deadline_s):
            return await response.content.read(PIECE_BYTES)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        # made late: a session belongs to the loop that runs
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout())
        return self._session

    def _unreachable(self, error: Exception) -> MachineUnreachable:
        if isinstance(error, TimeoutError):
            return MachineUnreachable(f"no answer from {self._url} within {self._deadline_s:g} s")
        return MachineUnreachable(f"no connection to {self._url}: {error or type(error).__name__}")
