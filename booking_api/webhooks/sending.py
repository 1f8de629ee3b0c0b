"""Sends one delivery: signed, to an address that is checked at the last moment, followed nowhere else."""

from __future__ import annotations

import ssl
from typing import Self

import aiohttp

from booking_api.clock import Clock
from booking_api.vault import Vault
from booking_api.webhooks import signing
from booking_api.webhooks.addresses import Reach, check
from booking_api.webhooks.resolver import CheckedResolver
from booking_api.webhooks.trying import Try
from floor.errors import FloorError


class Sender:
    """A client for as long as it is entered; each delivery has a connection of its own.

    `tls` is None for the system's authorities.
    """

    def __init__(
        self, vault: Vault, wall: Clock, reach: Reach, tls: ssl.SSLContext | None, timeout_s: float
    ) -> None:
        self._vault = vault
        self._wall = wall
        self._reach = reach
        self._tls = tls
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(self._reach),
            use_dns_cache=False,
            force_close=True,
            ssl=self._tls or True,
        )
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        self._client = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def send(self, one: Try) -> tuple[int | None, str]:
        """Return the answer's status, and what is wrong with it; "" for one that was taken."""
        try:
            secret = self._vault.open(one.secret_sealed).decode()
            headers = signing.headers(secret, one.id, self._wall.now_ms() // 1000, one.body)
            check(one.address, self._reach)  # again: the settings may have become stricter
            async with self._client.post(
                one.address, data=one.body.encode(), headers=headers, allow_redirects=False
            ) as answer:  # its body is never read
                status = answer.status
        except TimeoutError:
            return None, f"no answer within {self._timeout_s} s"
        except (FloorError, aiohttp.ClientError, OSError, ValueError) as error:
            return None, str(error) or type(error).__name__
        if 300 <= status < 400:
            return status, f"answered {status}: it is not followed elsewhere"
        return status, "" if 200 <= status < 300 else f"answered {status}"
