"""HTTP to one machine, by aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp

from firmware_bridge.transports import MAX_BODY_BYTES, UPLOAD_S, Answer, Login, Upload
from floor.errors import MachineFault, MachineUnreachable

PIECE_BYTES = 1 << 16


class HttpTransport:
    """Requests to the machine at `url`, each answered within `deadline_s`; `headers` go with every one.

    With `digest` a request that is answered 401 is sent again with its proof (aiohttp's middleware).
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], deadline_s: float = 10.0, digest: Login | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers)
        self._deadline_s = deadline_s
        self._digest = digest
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str) -> Answer:
        """Ask for a short body. Raises MachineUnreachable without an answer within the deadline."""
        return await self.ask("GET", path)

    async def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """Send a JSON body. Raises MachineUnreachable without an answer within the deadline."""
        return await self.ask("POST", path, body)

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Send any request. Raises MachineUnreachable without an answer within the deadline."""
        return await self._send(method, path, self._deadline_s, json=body)

    async def upload(self, path: str, upload: Upload) -> Answer:
        """Send a file. Raises MachineFault when it cannot be read; else as `get` does, after UPLOAD_S."""
        try:
            file = await asyncio.to_thread(upload.file.open, "rb")
        except OSError as error:
            raise MachineFault(f"{upload.file.name} cannot be read: {error.strerror}") from error
        with file:
            data: object = file
            if upload.part:
                data = form = aiohttp.FormData(dict(upload.fields))
                form.add_field(upload.part, file, filename=upload.name)
            return await self._send(
                upload.method, path, UPLOAD_S, data=data, headers=dict(upload.headers) or None
            )

    async def _send(self, method: str, path: str, within_s: float, **content: Any) -> Answer:
        try:
            async with (
                asyncio.timeout(within_s),
                self._open().request(method, self._url + path, **content) as response,
            ):
                # a body that is cut here is no JSON any more, and its parser says so
                return Answer(response.status, await response.content.read(MAX_BODY_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error, within_s) from error

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
            raise self._unreachable(error, self._deadline_s) from error

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
            proof = (
                [aiohttp.DigestAuthMiddleware(self._digest.username, self._digest.password)]
                if self._digest
                else []
            )
            self._session = aiohttp.ClientSession(
                headers=self._headers, timeout=aiohttp.ClientTimeout(), middlewares=proof
            )
        return self._session

    def _unreachable(self, error: Exception, within_s: float) -> MachineUnreachable:
        if isinstance(error, TimeoutError):
            return MachineUnreachable(f"no answer from {self._url} within {within_s:g} s")
        return MachineUnreachable(f"no connection to {self._url}: {error or type(error).__name__}")
