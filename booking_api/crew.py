"""The processes of one server: which leads, which serves which gateways, and what one tells the others.

On PostgreSQL each process holds advisory locks of a connection of its own: a shared one says that it is
there, another that it hears the gateways, one makes it the leader, and each part of the gateways has one.
With a process ends its connection, and the database frees its locks; one that is cut off, or stopped, takes
itself for nobody after SURE_S, and the database ends its connection after CUT_OFF_S. One that has been
without the broker for DEAF_S leaves its parts to those that are not. On SQLite there is one process, `Alone`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.engine import make_url

from booking_api.db import Database
from booking_api.quiet import Quiet

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)
PARTS = 24
"""The gateways are split by name into so many parts: the same for two, three, four and six processes."""
LOOK_S, SURE_S, CUT_OFF_S, AGAIN_S = 1.0, 5.0, 10, 1.0
"""How often a process looks, how long what it saw counts, and after how long without a word the database
frees its locks (later, so that two do not lead at a time); how long it waits before it connects again."""
DEAF_S = 5.0
"""How long a process keeps its parts without the broker: one that restarts moves none, and they have moved
before gateways send again what nobody acknowledged (10 s)."""
HOST_S = 2
"""How long each host of the address may take: the first of several may be the one that died."""
TELL_S = 0.2
"""How long news wait at most before they are told."""
TOLD_MAX = 1_000
PAYLOAD_MAX = 7_500
"""PostgreSQL carries up to 8,000 bytes in a notification."""
CHANNEL = "makerfloor"
_CLASS = 0x6D66  # any number: what others lock in the same database is theirs
_PRESENT, _LEADER, _FIRST = 0, 1, 2
_HEARS = _FIRST + PARTS
_JOIN, _LEAVE = "SELECT pg_advisory_lock_shared(%s, %s)", "SELECT pg_advisory_unlock_shared(%s, %s)"
_LOCKED = """
SELECT objid::bigint, count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2
AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY objid
"""
Hear = Callable[[str, object], None]
"""Takes what another process tells: what kind of news, and its content (JSON)."""


class Crew(Protocol):
    """What a process must know of the others."""

    @property
    def alone(self) -> bool:
        """Whether there is no other."""
        ...

    def leads(self) -> bool:
        """Whether this one looks after what nobody asks for."""
        ...

    async def lead(self) -> None:
        """Wait until this one leads."""
        ...

    def served(self) -> frozenset[int]:
        """Return the parts of the gateways that this one serves now."""
        ...

    def reach(self, gateways: bool) -> None:
        """Note whether this one hears the gateways; without, it soon serves none."""
        ...

    def tell(self, kind: str, news: object) -> None:
        """Tell the others something that is of use now or never: it may be lost."""
        ...

    def listen(self, hear: Hear) -> None:
        """Hear what others tell, from now on."""
        ...

    async def run(self) -> None:
        """Belong to the crew until cancelled."""
        ...


def part_of(gateway: str) -> int:
    """Return the part, from 0 to PARTS - 1, that a gateway belongs to."""
    return zlib.crc32(gateway.encode()) % PARTS


class Alone:
    """The only process there is."""

    alone = True

    def leads(self) -> bool:
        """It does."""
        return True

    async def lead(self) -> None:
        """It does."""

    def served(self) -> frozenset[int]:
        """All of them."""
        return frozenset(range(PARTS))

    def reach(self, gateways: bool) -> None:
        """Nobody else could serve them."""

    def tell(self, kind: str, news: object) -> None:
        """There is nobody to hear it."""

    def listen(self, hear: Hear) -> None:
        """There is nobody to be heard."""

    async def run(self) -> None:
        """Nothing to do."""


class Shared:
    """One of several processes on a PostgreSQL database."""

    def __init__(self, url: str, now_s: Callable[[], float] = time.monotonic) -> None:
        where = make_url(url).set(drivername="postgresql")
        self._where = where.render_as_string(hide_password=False)
        self._now_s = now_s
        self._quiet = Quiet(log)
        self._hears: list[Hear] = []
        self._looked = asyncio.Event()
        self._untold: list[str] = []
        self._deaf_from_s = now_s() + DEAF_S
        self._forget()

    def _forget(self) -> None:
        self._sure_s = -math.inf
        self._leader, self._held, self._count = False, frozenset[int](), 0
        self._counted = False

    @property
    def _sure(self) -> bool:
        return self._now_s() - self._sure_s < SURE_S

    @property
    def _hearing(self) -> bool:
        return self._now_s() < self._deaf_from_s

    @property
    def alone(self) -> bool:
        """Whether no other process was there at the last look."""
        return self._sure and self._count == 1

    def leads(self) -> bool:
        """Whether this process leads: it holds the lock, and saw so a moment ago."""
        return self._leader and self._sure

    async def lead(self) -> None:
        """Wait until this process leads."""
        while not self.leads():
            self._looked.clear()
            await self._looked.wait()

    def served(self) -> frozenset[int]:
        """Return the parts whose locks this process holds, and saw so a moment ago."""
        return self._held if self._sure else frozenset()

    def reach(self, gateways: bool) -> None:
        """Note whether this process hears the gateways; after DEAF_S it leaves them to others who do."""
        if gateways:
            self._deaf_from_s = math.inf
        elif self._deaf_from_s == math.inf:
            self._deaf_from_s = self._now_s() + DEAF_S

    def tell(self, kind: str, news: object) -> None:
        """Leave it for the next moment; the same twice in it is told once."""
        text = json.dumps([kind, news])
        if len(self._untold) < TOLD_MAX and text not in self._untold and len(text) <= PAYLOAD_MAX:
            self._untold.append(text)

    def listen(self, hear: Hear) -> None:
        """Hear what others tell, in the event loop of `run`."""
        self._hears.append(hear)

    async def run(self) -> None:
        """Belong to the crew until cancelled; a connection that is lost is made anew."""
        import psycopg  # no server on SQLite has it

        while True:
            try:
                async with asyncio.timeout(SURE_S):
                    connection = await psycopg.AsyncConnection.connect(
                        self._where,
                        autocommit=True,
                        application_name="makerfloor crew",
                        connect_timeout=HOST_S,
                    )
                async with connection:
                    await self._belong(connection)
            except (psycopg.Error, OSError) as error:
                self._quiet.warn("crew", error)
            finally:
                self._forget()
            await asyncio.sleep(AGAIN_S)

    async def _belong(self, connection: psycopg.AsyncConnection) -> None:
        async with asyncio.timeout(SURE_S):
            await connection.execute(f"SET idle_session_timeout = '{CUT_OFF_S}s'")
            await connection.execute(f"LISTEN {CHANNEL}")
            await connection.execute(_JOIN, (_CLASS, _PRESENT))
        while True:
            async with asyncio.timeout(SURE_S):
                await self._tell_others(connection)
                if self._now_s() - self._sure_s >= LOOK_S or self._counted != self._hearing:
                    await self._look(connection)
            async for told in connection.notifies(timeout=TELL_S):
                if told.pid != connection.info.backend_pid:
                    self._hear(told.payload)

    async def _tell_others(self, connection: psycopg.AsyncConnection) -> None:
        untold, self._untold = self._untold, []
        if untold and not self.alone:
            query = "SELECT pg_notify(%s, news) FROM unnest(%s::text[]) news"
            await connection.execute(query, (CHANNEL, untold))

    def _hear(self, payload: str) -> None:
        try:
            kind, news = json.loads(payload)
        except ValueError as error:
            self._quiet.warn("told", error)
            return
        for hear in self._hears:
            hear(str(kind), news)

    async def _look(self, connection: psycopg.AsyncConnection) -> None:
        """See who is there; take what is free, and give back what is more than this one's share."""
        asked_s = self._now_s()
        found = await connection.execute(_LOCKED, (_CLASS,))
        taken: dict[int, int] = dict(await found.fetchall())
        self._count = taken.get(_PRESENT, 1)
        if not self._leader and _LEADER not in taken:
            self._leader = await self._try(connection, _LEADER)
        share, held = await self._share(connection, taken.get(_HEARS, 0)), set(self._held)
        given = sorted(held)[share:]
        held.difference_update(given)
        self._held = frozenset(held)  # before the locks are free: another may serve them from then on
        for part in given:
            await connection.execute("SELECT pg_advisory_unlock(%s, %s)", (_CLASS, _FIRST + part))
        for part in range(PARTS):
            if len(held) >= share:
                break
            if _FIRST + part not in taken and await self._try(connection, _FIRST + part):
                held.add(part)
        self._held, self._sure_s = frozenset(held), asked_s
        self._looked.set()

    async def _share(self, connection: psycopg.AsyncConnection, count: int) -> int:
        """Belong to those that hear the gateways, or no more; return how many parts this one should hold."""
        hearing = self._hearing
        if hearing != self._counted:
            await connection.execute(_JOIN if hearing else _LEAVE, (_CLASS, _HEARS))
            count += 1 if hearing else -1
            self._counted = hearing
        if hearing:
            return math.ceil(PARTS / count)
        return 0 if count else len(self._held)  # where nobody hears them, nothing moves

    async def _try(self, connection: psycopg.AsyncConnection, lock: int) -> bool:
        tried = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (_CLASS, lock))
        row = await tried.fetchone()
        return bool(row and row[0])


def crew_of(database: Database) -> Crew:
    """Return the crew of whoever works with a database."""
    return Alone() if database.engine.dialect.name == "sqlite" else Shared(database.url)
