"""What one more of a thing costs a site: bytes and processor of sessions and pages, for plans of many sites.

Run by hand: `PYTHONPATH=. .venv/bin/python -m tests.benchmarks.unit_costs`. It prints a table; the plan is
docs/operations/six-hundred-spaces.md.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text

from booking_api.db import Database
from booking_api.metering.ingest import ingest
from tests.kit.server import NOW_MS, Writer, make_floor
from tests.kit.web import WebFloor, build
from tests.kit.year import Size, fill
from tests.peers.postgres import run_postgres

SESSIONS = 2_000
CHECKPOINTS = 4
VIEWS = 200


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peer = stack.enter_context(run_postgres())
        for name, url in (("SQLite", f"sqlite:///{folder / 'a.db'}"), ("PostgreSQL", peer.name())):
            sessions(name, url, folder / name)
        pages(folder / "pages")


def sessions(name: str, url: str, folder: Path) -> None:
    """Take sessions with their checkpoints in batches of 200 entries, and say what they cost."""
    folder.mkdir(parents=True, exist_ok=True)
    floor, journal = make_floor(url, folder), Writer()
    for _ in range(SESSIONS):
        journal.session(floor.ada, 30, checkpoints=CHECKPOINTS)
    batches = journal.batches(200)
    sent = sum(len(batch.encode()) for batch in batches)
    before, began_s = size_of(floor.db), time.process_time()
    wall_s = time.perf_counter()
    for batch in batches:
        with floor.db.write() as session:
            ingest(session, batch, NOW_MS + 10**9)
    cpu_s, wall_s = time.process_time() - began_s, time.perf_counter() - wall_s
    grown = size_of(floor.db) - before
    floor.db.close()
    print(f"{name}: {SESSIONS} sessions of {CHECKPOINTS} checkpoints")
    print(f"  {grown / SESSIONS:.0f} bytes of disk a session, {sent / SESSIONS:.0f} bytes of MQTT payload")
    print(f"  {cpu_s / SESSIONS * 1000:.2f} s of processor a 1,000 sessions (wall {wall_s:.1f} s in all)")


def size_of(db: Database) -> int:
    """Return the bytes of a database, its write-ahead log written back."""
    with db.engine.connect() as connection:
        if db.engine.dialect.name == "sqlite":
            query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        else:
            query = "SELECT pg_database_size(current_database())"
        return int(connection.execute(text(query)).scalar_one())


def pages(folder: Path) -> None:
    """Ask for the board and a member's page of a floor of one site, and say what they cost."""
    folder.mkdir(parents=True, exist_ok=True)
    floor = build(folder)
    before = size_of(floor.context.database)
    size = Size(machines=167, members=500, sessions=20_000, reservations=2_000, refusals=1_000)
    fill(floor, size)
    grown = size_of(floor.context.database) - before
    print(f"a year's rows of a site (SQLite): {grown / size.sessions:.0f} bytes a session, with all beside")
    asyncio.run(asked(floor))


async def asked(floor: WebFloor) -> None:
    async with await floor.signed_in("mira") as browser:
        for path in ("/", "/me", "/reservations/day"):
            await browser.get(path)
            began_s = time.process_time()
            for _ in range(VIEWS):
                answer = await browser.get(path)
                assert answer.status_code == 200, path
            cpu_s = time.process_time() - began_s
            print(f"  {path}: {cpu_s / VIEWS * 1000:.1f} s of processor a 1,000 views")


if __name__ == "__main__":
    main()
