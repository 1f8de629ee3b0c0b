"""Values that PostgreSQL cannot hold are answered, and are nobody's failure."""

from __future__ import annotations

from pathlib import Path

import httpx
from fastapi import FastAPI
from sqlmodel import select

from booking_api.db import Database
from booking_api.machines.models import Machine
from booking_api.web import errors
from tests.kit.server import make_floor
from tests.peers.postgres import PostgresPeer


async def test_a_text_with_a_nul_in_it_is_a_problem(postgres: PostgresPeer, tmp_path: Path) -> None:
    url = postgres.name()
    make_floor(url, tmp_path).db.close()
    database = Database(url, tmp_path)
    app = FastAPI()
    errors.install(app)

    @app.get("/api/machines/{id}")
    def machine(id: str) -> int:
        with database.read() as session:
            return len(session.exec(select(Machine).where(Machine.id == id)).all())

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://floor.test") as client:
        assert (await client.get("/api/machines/laser-1")).json() == 1
        answer = await client.get("/api/machines/a%00b")
    assert (answer.status_code, answer.json()["code"]) == (422, "value_invalid")
    database.close()
    postgres.drop(url)
