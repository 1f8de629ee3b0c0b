"""Many requests that schemathesis makes of every operation, on both databases, as three askers.

python -m tests.simulation.api_campaign --each 40 --seed 1
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import httpx

from tests.kit import extremes
from tests.kit.furnished import furnish
from tests.kit.schema_walk import walk
from tests.kit.web import WebFloor, build
from tests.peers.postgres import run_postgres

WHO = ("ada", "olga", "mira", "")


def run(url: str, each: int, seed: int) -> dict[str, str]:
    """Walk over the API in one database, SQLite where no other is named; return what was wrong."""
    wrong: dict[str, str] = {}
    where = url.partition(":")[0] or "sqlite"
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        web = build(Path(folder), url)
        transport = httpx.ASGITransport(web.app, raise_app_exceptions=False)
        known = runner.run(furnish(web, web.program("ada")))
        for name in WHO:
            done = walk(web, _client(web, transport, name), runner.get_loop(), each, seed, known)
            wrong |= done.wrong
            print(
                f"{url.partition(':')[0] or 'sqlite'} as {name or 'nobody'}: {done.asked} requests",
                flush=True,
            )
        far = runner.run(extremes.walk(web, _client(web, transport, "ada"), known))
        print(f"{where} with values at the end: {far.asked} requests", flush=True)
        wrong |= far.wrong
        web.context.database.close()
    return wrong


def _client(web: WebFloor, transport: httpx.ASGITransport, name: str) -> httpx.AsyncClient:
    client = httpx.AsyncClient(transport=transport, base_url="http://floor.test")
    if name:
        client.headers["authorization"] = f"Bearer {web.tokens[name]}"
    return client


def main() -> int:
    """Walk, and print each finding with its request."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--each", type=int, default=40, help="requests of each kind for an operation")
    reader.add_argument("--seed", type=int, default=1)
    asked = reader.parse_args()
    logging.disable(logging.CRITICAL)
    with run_postgres() as peer:
        wrong = run("", asked.each, asked.seed) | run(peer.make(), asked.each, asked.seed)
    for what, how in wrong.items():
        print(f"{what}\n  {how}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
