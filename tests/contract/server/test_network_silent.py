"""A site whose database takes connections and never says a word: it harms nobody but itself."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from booking_api.db import Database
from booking_api.sites.board import create_board
from booking_api.sites.carrying import SILENT_S, Carrying
from booking_api.sites.courier import Courier, opened
from booking_api.sites.models import SiteBill
from booking_api.sites.network import read_network
from booking_api.sites.standing import WITHIN_S
from tests.kit.sites import SETTINGS, Two, two_sites

WITHIN_TEST_S = 60.0
FAR = """
[[site]]
id = "far"
settings = "far/makerfloor.toml"
[[roaming]]
home = "berlin"
host = "far"
limit = "10.00"
[[roaming]]
home = "far"
host = "berlin"
limit = "10.00"
"""


@contextmanager
def silent_third(two: Two, waits_s: int) -> Iterator[None]:
    """Add a third site to the network's file, at a PostgreSQL that answers nothing for so many seconds."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        url = f"postgresql+psycopg://x@127.0.0.1:{port}/x?connect_timeout={waits_s}"
        folder = two.file.parent / "far"
        folder.mkdir()
        facts = {"name": "Far", "zone": "UTC", "language": "en", "currency": "EUR", "url": url, "n": 9}
        (folder / "makerfloor.toml").write_text(SETTINGS.format(**facts))
        two.file.write_text(two.file.read_text() + FAR)
        yield


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with two_sites(tmp_path) as made:
        made.courier.give("berlin", made.ada, "shanghai", None, made.now_ms)
        made.use(90)
        yield made


def arrived(two: Two) -> bool:
    with two.berlin.db.read() as session:
        return len(session.exec(select(SiteBill)).all()) == 1


def until(holds: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + WITHIN_TEST_S
    while not holds():
        assert time.monotonic() < ends_s, "it did not come"
        time.sleep(0.05)


def test_the_others_are_carried_and_the_end_waits_for_nobody(two: Two) -> None:
    with silent_third(two, 1), opened(read_network(two.file), absent=True) as courier:
        mute = courier.sites["far"]
        waits = replace(mute, db=Database(f"{mute.db.url}000", mute.db.data))  # for ever, as a test goes
        courier = Courier(courier.network, {**courier.sites, "far": waits})
        carried = Carrying(courier, lambda: two.now_ms)
        carried.start()
        until(lambda: arrived(two))
        stuck = ["far", "berlin at far", "far at berlin"]
        until(lambda: carried.silent(time.monotonic() + SILENT_S) == stuck)
        page = TestClient(create_board(courier)).get("/").text
        assert page.count("This site cannot be reached.") == 1
        assert carried.stop(WITHIN_S) == stuck


def test_sigterm_ends_a_network_with_a_silent_site(two: Two) -> None:
    two.file.write_text("port = 0\n" + two.file.read_text())
    command = [sys.executable, "-m", "booking_api.cli", "network", "serve", "--no-sites"]
    with silent_third(two, 2):
        process = subprocess.Popen(
            [*command, "--file", str(two.file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            board = process.stdout.readline().split()[-1]
            until(lambda: arrived(two))
            told = httpx.get(f"{board}/api/v1/network", trust_env=False, timeout=WITHIN_TEST_S).json()
            assert [one["reached"] for one in told["sites"]] == [True, True, False]
        finally:
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=WITHIN_TEST_S)
    assert "far/makerfloor.toml: database.url: cannot be opened" in err
    assert "Traceback" not in err
    assert process.returncode == 0
