"""`makerfloor move`: a furnished space goes to the other database whole, or not at all."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, inspect, text
from sqlmodel import Session

from booking_api import doctor
from booking_api.db import Database
from booking_api.happenings.models import Happened
from booking_api.happenings.words import Happening
from booking_api.moving import rows
from booking_api.settings import Settings, read_settings
from booking_api.tables import METADATA
from tests.kit.furnished import furnish
from tests.kit.stepping import step_down_and_up
from tests.kit.typed import Run, typed
from tests.kit.web import build
from tests.peers.postgres import PostgresPeer

HARD = "UPDATE member SET last_name = 'Ø''\\\t\\N' || char(10) || '木 \U0001f600'"


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space on SQLite with one of each thing, and a name that is hard to carry."""
    folder = tmp_path_factory.mktemp("furnished")
    made = build(folder, f"sqlite:///{folder / 'data' / 'makerfloor.db'}")

    async def fill() -> None:
        async with made.program("ada") as client:
            await furnish(made, client)

    asyncio.run(fill())
    with made.context.database.engine.begin() as connection:
        connection.exec_driver_sql(HARD)
    made.context.database.close()
    return folder


@pytest.fixture
def space(furnished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(furnished, tmp_path / "space"))


@pytest.fixture
def run(space: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return typed(monkeypatch, capsys, space / "makerfloor.toml")


@pytest.fixture
def beyond(postgres: PostgresPeer) -> Iterator[str]:
    url = postgres.make()
    yield url
    postgres.drop(url)


def settings_of(space: Path) -> Settings:
    return read_settings(space / "makerfloor.toml", {})


def digests(url: str, space: Path) -> dict[str, rows.Digest]:
    database = Database(url, space / "data")
    with database.engine.connect() as connection:
        made = {table.name: rows.digest(connection, table) for table in METADATA.sorted_tables}
    database.close()
    return made


def tables(url: str, space: Path) -> list[str]:
    database = Database(url, space / "data")
    found = inspect(database.engine).get_table_names()
    database.close()
    return found


def test_a_space_moves_to_postgresql_and_back(run: Run, space: Path, beyond: str) -> None:
    before = settings_of(space).database_url
    said = run("move", "--to", beyond.replace("+psycopg", ""))
    assert said.code == 0, said.err
    assert re.search(r"Moved [\d,]+ rows of \d+ tables", said.out)
    assert f'url = "{beyond}"' in said.out
    expected = digests(before, space)
    assert sum(one.rows > 0 for one in expected.values()) > 60, "nothing to speak of was moved"
    assert digests(beyond, space) == expected

    (space / "makerfloor.toml").write_text(f'[database]\nurl = "{beyond}"\n')
    goes_on(Database(beyond, space / "data"))
    back = f"sqlite:///{space / 'data' / 'back.db'}"
    other = Database(beyond, space / "data")
    with other.engine.connect():
        said = run("move", "--to", back)
        assert (said.code, "Stop the server" in said.err) == (1, True)
    other.close()
    said = run("move", "--to", back)
    assert said.code == 0, said.err
    assert digests(back, space) == digests(beyond, space)
    database = Database(back, space / "data")
    assert doctor.examine(database) == []
    database.close()


def goes_on(database: Database) -> None:
    """What is counted goes on behind the last number, and nothing is wrong."""
    with database.write() as session:
        last = newest(session)
        assert last
        session.add(Happened(what=Happening.MACHINE_LOCKED_OUT, subject="laser-1", at_ms=1, told_ms=1))
        session.flush()
        assert newest(session) == last + 1
    assert doctor.examine(database) == []
    database.close()


def newest(session: Session) -> int:
    return int(session.connection().scalar(text("SELECT coalesce(max(id), 0) FROM happened")))


def test_nothing_moves_from_a_database_that_is_open_or_into_one_that_is_not_empty(
    run: Run, space: Path, beyond: str
) -> None:
    other = sqlite3.connect(space / "data" / "makerfloor.db")
    assert other.execute("SELECT count(*) FROM member").fetchone() != (0,)
    said = run("move", "--to", beyond)
    assert (said.code, "Stop the server" in said.err) == (1, True)
    other.close()
    assert tables(beyond, space) == []

    for url in (beyond, settings_of(space).database_url):
        database = Database(url, space / "data")
        with database.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")
        database.close()
        said = run("move", "--to", url)
        assert (said.code, "is not empty" in said.err) == (1, True)
    assert tables(beyond, space) == ["theirs"]
    for words in ("mysql://u:hidden@host/name", "elsewhere", "postgresql://u:hidden@127.0.0.1:1/name"):
        said = run("move", "--to", words)
        assert (said.code > 0, "--to" in said.err, "hidden" in said.err) == (True, True, False)


def test_what_cannot_be_moved_leaves_both_sides_as_they_were(
    run: Run, space: Path, beyond: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = settings_of(space).database_url.removeprefix("sqlite:///")
    with sqlite3.connect(file) as database:
        database.execute("UPDATE machine SET notes_en = 'a' || char(0) WHERE id = 'saw-1'")
    database.close()
    before = digests(settings_of(space).database_url, space)
    said = run("move", "--to", beyond)
    assert said.code == 1
    assert "The table machine cannot be moved" in said.err
    with sqlite3.connect(file) as database:
        database.execute("UPDATE machine SET notes_en = 'b'")
    database.close()

    honest = rows.write

    def lossy(connection: Connection, table: Table, given: Iterator[rows.Row]) -> None:
        some = list(given)
        honest(connection, table, iter(some[:-1] if table.name == "charge_line" else some))

    monkeypatch.setattr(rows, "write", lossy)
    said = run("move", "--to", beyond)
    assert (said.code, "Nothing was kept" in said.err) == (1, True)
    assert tables(beyond, space) == []
    after = digests(settings_of(space).database_url, space)
    assert {name for name, one in after.items() if one != before[name]} == {"machine"}


def test_every_migration_goes_down_and_up_with_data_in(space: Path) -> None:
    database = Database(settings_of(space).database_url, space / "data")
    step_down_and_up(database)
    database.close()
