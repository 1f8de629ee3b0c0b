"""Makes of what happened what is sent to programs and people; runs beside the link in each server process.

A happening is told once: whoever marks it, in the transaction that makes its deliveries, tells it. Every
process tells and sends; the one that leads reminds and forgets.
"""

from __future__ import annotations

import asyncio
import logging

from sqlmodel import Session, col, delete, select
from sqlmodel.sql.expression import SelectOfScalar

from booking_api.clock import Clock
from booking_api.context import Context
from booking_api.happenings.again import KEPT_MS
from booking_api.happenings.metrics import WAITING
from booking_api.happenings.models import Happened
from booking_api.notices import reminders, service, trying
from booking_api.notices.deliverer import Deliverer as Notices
from booking_api.notices.wording import place_of
from booking_api.quiet import Quiet
from booking_api.rounds import each, leading
from booking_api.vault import Vault
from booking_api.webhooks import service as webhooks
from booking_api.webhooks import trying as deliveries
from booking_api.webhooks.deliverer import Deliverer as Webhooks

log = logging.getLogger(__name__)
EVERY_S, MINUTE_S, HOUR_S = 1.0, 60.0, 3600.0
AT_ONCE = 200


class Teller:
    """Tells what happens, and reminds of what begins; `upcoming` knows the reservations."""

    def __init__(self, context: Context, upcoming: reminders.Upcoming | None = None) -> None:
        self._db = context.database
        self._crew = context.crew
        self._wall: Clock = context.wall
        self._clock = context.clock
        self._settings = context.settings.notices
        self._language = context.settings.language
        self._place = place_of(context)
        self._upcoming = upcoming
        self._quiet = Quiet(log)
        vault: Vault = context.vault
        self.webhooks = Webhooks(self._db, vault, self._wall, self._settings.reach)
        self.notices = Notices(self._db, vault, self._wall, self._settings, self._place)

    async def run(self) -> None:
        """Tell until cancelled."""
        async with asyncio.TaskGroup() as group:
            for every_s, act in (
                (EVERY_S, self.tell),
                (MINUTE_S, leading(self._crew, self.remind)),
                (MINUTE_S, leading(self._crew, self.count)),
                (HOUR_S, leading(self._crew, self.purge)),
            ):
                group.create_task(each(every_s, act, self._quiet))
            group.create_task(self.webhooks.run())
            group.create_task(self.notices.run())

    async def tell(self) -> None:
        """Make the deliveries and notices of what happened since."""
        if not await asyncio.to_thread(self._any):
            return
        await self._db.transact(self._tell)

    async def remind(self) -> None:
        """Remind of reservations that begin soon."""
        if self._upcoming is None or not self._settings.remind_min:
            return
        upcoming, floor_ms, now_ms = self._upcoming, self._clock.now_ms(), self._wall.now_ms()
        await self._db.transact(
            lambda session: reminders.remind(session, upcoming, self._settings, self._place, floor_ms, now_ms)
        )

    async def count(self) -> None:
        """Keep the figures of what waits."""
        waiting, notices, letters = await asyncio.to_thread(self._waiting)
        WAITING.labels("webhooks").set(waiting)
        WAITING.labels("notices").set(notices)
        WAITING.labels("letters").set(letters)

    async def purge(self) -> None:
        """Forget what was told long ago."""
        now_ms = self._wall.now_ms()
        await self._db.transact(lambda session: _purge(session, now_ms))

    def _any(self) -> bool:
        with self._db.read() as session:
            return session.exec(_untold().limit(1)).first() is not None

    def _tell(self, session: Session) -> None:
        now_ms = self._wall.now_ms()
        locked = _untold().order_by(col(Happened.id)).limit(AT_ONCE).with_for_update(skip_locked=True)
        rows = session.exec(locked).all()
        webhooks.plan(session, rows, now_ms)
        service.plan(session, rows, self._settings, self._place, self._language, now_ms)
        for row in rows:
            row.told_ms = now_ms
            session.add(row)

    def _waiting(self) -> tuple[int, int, int]:
        with self._db.read() as session:
            return (deliveries.waiting(session), *trying.waiting(session))


def _untold() -> SelectOfScalar[Happened]:
    return select(Happened).where(col(Happened.told_ms).is_(None))


def _purge(session: Session, now_ms: int) -> None:
    webhooks.purge(session, now_ms)
    trying.purge(session, now_ms)
    session.exec(delete(Happened).where(col(Happened.told_ms) < now_ms - KEPT_MS))
