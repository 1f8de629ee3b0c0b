"""A backup is of one moment while others write; the server that it makes again takes up what came after."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from booking_api import doctor, migrations
from booking_api.backups import restoring, taking
from booking_api.backups.sealed import Secret
from booking_api.db import Database
from booking_api.gateways.versions import EPOCHS_AHEAD_MAX
from booking_api.metering.ingest import standing
from booking_api.settings import read_settings
from booking_api.vault import open_vault
from floor.errors import ConfigError
from tests.kit.server import NOW_MS, Floor, Writer, make_floor
from tests.peers.postgres import PostgresPeer

SECRET = Secret(bytes(range(32)), "")


@pytest.fixture
def place(url: str, request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where a restored database goes to: an empty one of PostgreSQL; None for a file."""
    if url.startswith("sqlite"):
        yield None
        return
    peer: PostgresPeer = request.getfixturevalue("postgres")
    empty = peer.make()
    yield empty
    peer.drop(empty)


def take(floor: Floor, folder: Path) -> Path:
    """Take a backup of the floor, whose data are in the folder; return its file."""
    (folder / "makerfloor.toml").write_text(f'[server]\ndata = "."\n[database]\nurl = "{floor.db.url}"\n')
    file = folder / "makerfloor-20260922T130000Z.backup"
    taking.take(read_settings(folder / "makerfloor.toml", {}), SECRET, file, (), NOW_MS)
    return file


def test_what_came_after_the_backup_comes_again_and_is_billed_once(
    floor: Floor, place: str | None, tmp_path: Path
) -> None:
    journal, ended, begun = Writer(), threading.Event(), threading.Event()

    def work() -> None:
        while not ended.is_set():
            journal.session(floor.ada, 10)
            floor.apply(journal.batch(len(journal.entries) - 1))
            begun.set()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert begun.wait(30)
        file = take(floor, tmp_path)
        begun.clear()
        assert begun.wait(30), "the backup holds up nobody"
    finally:
        ended.set()
        worker.join()
    wanted = {id: row.total_micro for id, row in floor.sessions().items()}, floor.balances()

    made = restoring.restore(file, SECRET, tmp_path / "anew", place)
    assert made.findings == [], "heads that were published are never ahead of the books"
    assert 2 <= made.rosters.epoch <= EPOCHS_AHEAD_MAX
    held = made.manifest.facts.rows["machine_session"]
    assert 1 <= held == made.manifest.facts.rows["ledger_entry"] < len(wanted[0])
    data = tmp_path / "anew" / "data"
    anew = Floor(Database(place or f"sqlite:///{data / 'makerfloor.db'}", data), open_vault(data), "", "")
    with anew.db.read() as session:
        assert standing(session, "gw", 1).seq == 2 * held, "the acknowledgement goes back"
    for _ in range(2):  # and once more, as a gateway sends what it is not sure of
        for batch in journal.batches(150):
            anew.apply(batch)
    assert ({id: row.total_micro for id, row in anew.sessions().items()}, anew.balances()) == wanted
    assert anew.entries() == len(wanted[0])
    assert doctor.examine(anew.db) == []
    anew.db.close()
    if place:
        with pytest.raises(ConfigError, match="nothing is ever written over"):
            restoring.restore(file, SECRET, tmp_path / "again", place)


def test_an_older_form_is_brought_up_and_a_newer_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = make_floor(f"sqlite:///{tmp_path / 'floor.db'}", tmp_path)
    migrations.downgrade(floor.db.engine, "0033")
    file = take(floor, tmp_path)
    floor.db.close()
    made = restoring.restore(file, SECRET, tmp_path / "anew", None)
    assert (made.manifest.facts.migration, made.findings) == ("0033", [])
    monkeypatch.setattr(migrations, "newest", lambda: "0032")
    with pytest.raises(ConfigError, match="install that version or a later one"):
        restoring.restore(file, SECRET, tmp_path / "later", None)
    assert not [path for path in tmp_path.iterdir() if "later" in path.name], "nothing is left of it"
