"""Both databases as real peers: a SQLite file, and a PostgreSQL that the tests start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import engine
from tests.kit.server import Floor, make_floor
from tests.peers.postgres import PostgresPeer


@pytest.fixture(scope="session")
def postgres() -> PostgresPeer:
    return engine.peer()


@pytest.fixture(params=["postgresql"] if engine.IS_POSTGRESQL else ["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Name a database that is not there yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'floor.db'}"
        return
    peer: PostgresPeer = request.getfixturevalue("postgres")
    url = peer.name()
    yield url
    peer.drop(url)


@pytest.fixture
def empty(url: str, request: pytest.FixtureRequest) -> str:
    """Name an empty database; SQLite makes the file by itself."""
    if not url.startswith("sqlite"):
        request.getfixturevalue("postgres").create(url)
    return url


@pytest.fixture
def floor(url: str, tmp_path: Path) -> Iterator[Floor]:
    made = make_floor(url, tmp_path)
    yield made
    made.db.close()
