"""Two PostgreSQL servers: the primary is killed under load, its standby takes over, nothing is lost.

The first host of the address takes connections and never says a word.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from pathlib import Path

from booking_api import doctor
from booking_api.crew import crew_of
from booking_api.db import Database
from booking_api.vault import open_vault
from tests.contract.server.test_database_away import AT_ONCE, SESSIONS, feed, kept, says, serving, until_acked
from tests.contract.server.test_link import greet, pi_at, until
from tests.kit.server import Floor, Writer, made_anew
from tests.peers.postgres import run_postgres, run_standby

DISK = Path(tempfile.gettempdir())
"""Where PostgreSQL, which does not run as root, may read, and what is on disk stays."""
IN_STEP = "ALTER SYSTEM SET synchronous_standby_names = '*'"


async def test_a_standby_takes_over_and_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        run_postgres(DISK) as primary,
        run_standby(primary, DISK) as standby,
    ):
        primary.order(IN_STEP, "SELECT pg_reload_conf()")
        one = primary.make()
        name, ports = one.rpartition("/")[2], (silent.getsockname()[1], primary.port, standby.port)
        where = f"host={','.join(['127.0.0.1'] * 3)}&port={','.join(map(str, ports))}"
        url = f"postgresql+psycopg://floor@/{name}?{where}&target_session_attrs=read-write"
        members = await asyncio.to_thread(made_anew, one, tmp_path)
        floor = Floor(Database(url, tmp_path), open_vault(tmp_path), *members)
        crew = crew_of(floor.db)
        async with serving(floor, tmp_path, crew) as (made, client):
            await until(crew.leads)
            journal, acked = Writer(), [0]
            for _ in range(SESSIONS):
                journal.session(floor.ada, 10)
            async with pi_at(made.broker) as pi:
                await greet(made, pi)
                feeding = asyncio.create_task(feed(pi, journal, acked))
                await until_acked(acked, 2 * AT_ONCE)
                primary.kill()
                told, killed_s = acked[-1], time.monotonic()
                assert told < len(journal.entries), "the load was over"
                await says(client, 503)
                await asyncio.to_thread(standby.promote)
                await says(client, 200)
                print(f"pages {time.monotonic() - killed_s:.1f} s after the kill")
                assert await asyncio.to_thread(kept, floor) >= told, "acknowledged, and lost"
                await until_acked(acked, told + 1)
                print(f"the next acknowledgement {time.monotonic() - killed_s:.1f} s after the kill")
                async with asyncio.timeout(120):
                    await feeding
                await until(crew.leads)
        assert kept(floor) == len(journal.entries)
        assert floor.entries() == len(floor.sessions()) == SESSIONS
        assert doctor.examine(floor.db) == []
