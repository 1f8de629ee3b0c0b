"""Sends what waits for webhooks: in the event loop, bounded, and never in anybody's way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from booking_api.clock import Clock
from booking_api.db import Database, StorageFull
from booking_api.happenings.metrics import DELIVERIES
from booking_api.notices import staff
from booking_api.quiet import Quiet
from booking_api.vault import Vault
from booking_api.webhooks import trying
from booking_api.webhooks.addresses import Reach
from booking_api.webhooks.models import DeliveryState
from booking_api.webhooks.trying import Try

if TYPE_CHECKING:
    from booking_api.webhooks.sending import Sender

log = logging.getLogger(__name__)
TIMEOUT_S = 10
EVERY_S = 1.0
AT_ONCE = 16


class Deliverer:
    """Tries each delivery when it is due, at most 16 at a time. `tls` is for tests with an authority of
    their own; else the system's authorities count.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        wall: Clock,
        reach: Reach,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._db = database
        self._vault = vault
        self._wall = wall
        self._reach = reach
        self._tls = tls
        self._timeout_s = timeout_s
        self._running: Counter[str] = Counter()
        self._quiet = Quiet(log)

    async def run(self, every_s: float = EVERY_S) -> None:
        """Send what is due until cancelled; looks each second."""
        sender: Sender | None = None
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            while True:
                try:
                    for one in await self._claimed():
                        if sender is None:
                            sender = await stack.enter_async_context(self._sender())
                        self._running[one.webhook] += 1
                        group.create_task(self._attempt(sender, one))
                except (StorageFull, SQLAlchemyError) as error:
                    self._quiet.warn("database", error)
                await asyncio.sleep(every_s)

    async def once(self) -> None:
        """Try all that is due now, each once, and wait for what comes of it."""
        async with self._sender() as sender, asyncio.TaskGroup() as group:
            for one in await self._claimed():
                self._running[one.webhook] += 1
                group.create_task(self._attempt(sender, one))

    def _sender(self) -> Sender:
        from booking_api.webhooks.sending import Sender  # a server that sends none waits for none

        return Sender(self._vault, self._wall, self._reach, self._tls, self._timeout_s)

    async def _claimed(self) -> list[Try]:
        room, now_ms, running = AT_ONCE - self._running.total(), self._wall.now_ms(), dict(self._running)
        if room <= 0 or not await asyncio.to_thread(self._is_due, now_ms):
            return []
        return await self._db.transact(lambda session: trying.claim(session, now_ms, room, running))

    def _is_due(self, now_ms: int) -> bool:
        with self._db.read() as session:
            return trying.due(session, now_ms)

    async def _attempt(self, sender: Sender, one: Try) -> None:
        try:
            status, problem = await sender.send(one)
            await self._write_down(one, status, problem)
        except (StorageFull, SQLAlchemyError) as error:
            self._quiet.warn("database", error)  # its time comes again: sent twice, by the same id
        finally:
            self._running[one.webhook] -= 1
            self._running += Counter()  # forgets those without any

    async def _write_down(self, one: Try, status: int | None, problem: str) -> None:
        now_ms = self._wall.now_ms()

        def write(session: Session) -> str:
            if not problem and status is not None:
                trying.succeeded(session, one.id, status, now_ms)
                return "delivered"
            return _failed(session, one, status, problem, now_ms)

        DELIVERIES.labels(await self._db.transact(write)).inc()


def _failed(session: Session, one: Try, status: int | None, problem: str, now_ms: int) -> str:
    """Write down a failure, tell staff when it was the last; return the outcome's word."""
    done = trying.failed(session, one.id, status, problem, now_ms)
    if done is None:
        return "failed"
    delivery, paused = done
    if paused is not None:
        staff.tell(session, "webhook.paused", now_ms, name=paused.name, problem=delivery.problem)
    return "dead" if delivery.state is DeliveryState.DEAD else "failed"
