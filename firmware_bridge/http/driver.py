"""A machine that answers what it does: paths of URLs and JSON paths are named in a mapping file."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from firmware_bridge.backoff import Backoff, reconnecting
from firmware_bridge.events import MachineEvent
from firmware_bridge.mapping.mapping import load_mapping
from firmware_bridge.mapping.tracker import MappedMachine
from firmware_bridge.orders import NoOrders
from firmware_bridge.settings import setting
from firmware_bridge.transports import Transports
from firmware_bridge.transports.real import RealTransports
from floor.errors import MachineFault, MachineUnreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """The settings of a machine that is asked over HTTP."""

    url: str = setting(starts=("http://", "https://"), example="http://192.168.1.30")
    mapping: str = setting(example="/etc/makerfloor/kiln.toml")
    authorization: str = setting("", example="Bearer the-token", secret=True)
    poll_s: float = setting(5.0, least=0.05, most=600.0)
    deadline_s: float = setting(10.0, least=0.1, most=120.0)


class HttpMachine(NoOrders):
    """See Driver. `transports`, `backoff`, `clock` (monotonic seconds): for recordings and tests."""

    def __init__(
        self,
        settings: HttpSettings,
        *,
        transports: Transports | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mapping = load_mapping(settings.mapping, "url")
        self.name = self._mapping.name
        headers = {"Authorization": settings.authorization} if settings.authorization else {}
        reach = transports or RealTransports()
        self._http = reach.http(settings.url, headers, settings.deadline_s)
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._poll_s = settings.poll_s
        # each answer is late by a deadline at most; a poll that is missed ends the connection anyway
        silence_s = 2 * settings.poll_s + settings.deadline_s * len(self._mapping.sources)
        self._machine = MappedMachine(self._mapping, silence_s, secrets.token_hex(4))

    async def events(self) -> AsyncGenerator[MachineEvent, None]:
        """Say what happens, for ever; see Driver.events."""
        async with aclosing(reconnecting(self._connection, self._backoff)) as events:
            async for event in events:
                yield event

    async def _connection(self) -> AsyncGenerator[MachineEvent, None]:
        bodies = await self._ask()
        for event in self._machine.connected(self._clock()):
            yield event
        while True:
            for event in self._machine.receive(bodies, self._clock()):
                yield event
            for event in self._machine.tick(self._clock()):
                yield event
            await asyncio.sleep(self._poll_s)
            bodies = await self._ask()

    async def _ask(self) -> dict[str, bytes]:
        bodies: dict[str, bytes] = {}
        for path in self._mapping.sources:
            answer = await self._http.get(path)
            if answer.status in (401, 403):
                raise MachineFault(f"{self.name} refuses the authorization at {path}")
            if answer.status >= 300:
                raise MachineUnreachable(f"{self.name} answers {answer.status} at {path}")
            bodies[path] = answer.body
        return bodies

    async def aclose(self) -> None:
        """Close the connections; see Driver.aclose."""
        await self._http.aclose()
