"""Sends notices and letters: Apprise blocks, so it has threads of its own and a time limit."""

from __future__ import annotations

import asyncio
import functools
import logging
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from booking_api.clock import Clock
from booking_api.db import Database, StorageFull
from booking_api.happenings.metrics import NOTICES
from booking_api.notices import choices, trying, wording
from booking_api.notices.kinds import Kind, Way
from booking_api.notices.settings import NoticeSettings
from booking_api.notices.trying import NotSent, Try
from booking_api.quiet import Quiet
from booking_api.vault import Vault
from floor.errors import FloorError

log = logging.getLogger(__name__)
LIMIT_S = 60.0
EVERY_S = 1.0
AT_ONCE = 4


class Deliverer:
    """Tries each notice and letter when it is due, at most 4 at a time."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        wall: Clock,
        settings: NoticeSettings,
        place: wording.Place,
    ) -> None:
        self._db = database
        self._vault = vault
        self._wall = wall
        self._settings = settings
        self._place = place
        self._running = 0
        self._quiet = Quiet(log)

    async def run(self, every_s: float = EVERY_S) -> None:
        """Send what is due until cancelled; looks each second. A thread that hangs ends by its own limits."""
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="notices")
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._begin(group, pool)
                    await asyncio.sleep(every_s)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    async def once(self) -> None:
        """Try all that is due now, each once, and wait for what comes of it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            async with asyncio.TaskGroup() as group:
                await self._begin(group, pool)

    async def _begin(self, group: asyncio.TaskGroup, pool: ThreadPoolExecutor) -> None:
        now_ms, room = self._wall.now_ms(), AT_ONCE - self._running
        try:
            if room <= 0 or not await asyncio.to_thread(self._is_due, now_ms):
                return
            for one in await self._db.transact(lambda session: trying.claim(session, now_ms, room)):
                self._running += 1
                group.create_task(self._attempt(pool, one))
        except (StorageFull, SQLAlchemyError) as error:
            self._quiet.warn("database", error)

    def _is_due(self, now_ms: int) -> bool:
        with self._db.read() as session:
            return trying.due(session, now_ms)

    async def _attempt(self, pool: ThreadPoolExecutor, one: Try) -> None:
        problem = ""
        try:
            work = functools.partial(self._send, one)
            async with asyncio.timeout(LIMIT_S):
                await asyncio.get_running_loop().run_in_executor(pool, work)
        except FloorError as error:  # NotSent, or a key file that does not open what is sealed
            problem = str(error)
        except TimeoutError:
            problem = f"it took more than {LIMIT_S:.0f} s"
        try:
            NOTICES.labels(await self._db.transact(lambda session: self._done(session, one, problem))).inc()
        except (StorageFull, SQLAlchemyError) as error:
            self._quiet.warn("database", error)  # its time comes again: it is sent twice
        finally:
            self._running -= 1

    def _done(self, session: Session, one: Try, problem: str) -> str:
        now_ms = self._wall.now_ms()
        if problem:
            return trying.failed(session, one, problem, now_ms)
        trying.succeeded(session, one, now_ms)
        return "sent"

    def _send(self, one: Try) -> None:
        """Send, in a thread; raises NotSent."""
        from booking_api.notices.sending import (  # a server that sends none waits for none
            send_mail,
            send_push,
        )

        settings = self._settings
        if one.letter is not None:
            said = wording.letter(one.letter, one.values, one.language, self._place)
            send_mail(settings, one.address, said.title, said.body)
        elif one.way is Way.PUSH and one.push_sealed:
            url = self._vault.open(one.push_sealed).decode()
            if url.partition(":")[0].lower() not in settings.push:
                raise NotSent("this kind of address is not allowed any more")
            send_push(url, one.title, one.body, settings.reach)
        elif one.way is Way.PUSH:
            if not settings.staff:
                raise NotSent("notices.staff is not set")
            send_push(settings.staff, one.title, one.body, None)
        else:
            self._mail(one)

    def _mail(self, one: Try) -> None:
        from booking_api.notices.sending import send_mail

        if one.kind in {None, Kind.SECURITY}:
            send_mail(self._settings, one.address, one.title, one.body)
            return
        assert one.kind is not None
        stop = choices.stop_address(self._vault, self._place.address, one.member, one.kind)
        headers = {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
        body = one.body + wording.footer(one.language, self._place, stop)
        send_mail(self._settings, one.address, one.title, body, headers)
