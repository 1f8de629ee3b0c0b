"""`makerfloor network` as it is typed, and what its board remembers: what is wrong is one sentence."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from booking_api.machines.models import Machine
from booking_api.sites.apart import clash
from booking_api.sites.board import create_board
from booking_api.sites.courier import Courier
from booking_api.sites.network import read_network
from booking_api.sites.standing import KEPT_S, Standings
from booking_api.start import database_of
from tests.kit.sites import Two, two_sites
from tests.kit.typed import Run, Said, typed


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with two_sites(tmp_path) as made:
        yield made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], two: Two) -> Run:
    monkeypatch.chdir(two.file.parent)
    return typed(monkeypatch, capsys, two.file.parent / "none.toml")


def test_a_members_way_from_the_command_line(run: Run, two: Two) -> None:
    assert run("network", "status").out.count("1 free, 0 in use, 0 out of order; 1 members") == 2
    said = run("network", "give", "berlin", two.ada, "shanghai", "--limit", "100")
    assert said.out == "They may use shanghai, for 100.00 CNY at a time.\n", said
    two.use(90)
    assert run("network", "carry") == Said(0, "", "")
    month = "2026-09"
    settled = run("network", "settle", month, "--out", "statements")
    assert settled.out.splitlines()[0] == f"{month}:berlin:shanghai:CNY: berlin pays shanghai 30.00 CNY", (
        settled
    )
    (file,) = Path("statements").iterdir()
    assert ",30.00,CNY," in file.read_text().splitlines()[1]
    assert run("network", "paid", f"{month}:berlin:shanghai:CNY").out.count("entry") == 2
    assert run("network", "check").out == "The sites agree.\n"
    assert run("network", "end", "berlin", two.ada, "shanghai").code == 0


def test_what_is_wrong_is_one_sentence_that_says_where(
    run: Run, two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = two.file.read_bytes()
    Path("broken.toml").write_text("[[site\n")
    Path("taken.toml").write_text("site = 1\n")
    for arguments, words in (
        ("add Berlin berlin/makerfloor.toml", "network.toml: site.id: is 'Berlin'"),
        ("add berlin berlin/makerfloor.toml", "network.toml: site.id: is 'berlin' twice"),
        ("add third berlin/makerfloor.toml", "of 'third' names the settings file"),
        ("add third third/makerfloor.toml", "third/makerfloor.toml: cannot be read"),
        ("add third x.toml --file broken.toml", "broken.toml: is not TOML"),
        ("add third x.toml --file taken.toml", "taken.toml: is not TOML"),
        ("add third berlin/makerfloor.toml --file nowhere/new.toml", "nowhere/new.toml: lies in no folder"),
        ("add third berlin/makerfloor.toml --file berlin", "berlin: cannot be written"),
        ("serve --file none.toml", "none.toml: there is no such file. Begin one with"),
        ("status --file none.toml", "none.toml: there is no such file"),
        ("carry --file none.toml", "none.toml: there is no such file"),
        ("check --file broken.toml", "broken.toml: is not TOML"),
        ("give berlin nobody shanghai", "nobody"),
        (f"give berlin {two.ada} paris", "there is no site 'paris'. Use one of: berlin, shanghai."),
        (f"give berlin {two.ada} shanghai --limit much", "--limit"),
        (f"give berlin {two.ada} berlin", "members of berlin may not use berlin"),
        (f"end paris {two.ada} berlin", "there is no site 'paris'"),
        (f"end berlin {two.ada} shanghai", "has no pass"),
        ("settle 2026-13", "'2026-13' is not a month. Write it like 2026-10."),
        ("paid nothing", "nothing: there is no such settlement"),
    ):
        said = run("network", *arguments.split())
        assert said.code, arguments
        assert words in said.err, (arguments, said)
        assert len(said.err.strip().splitlines()) == 1, (arguments, said)
        assert "Traceback" not in said.err
        assert ".new" not in said.err
    assert two.file.read_bytes() == before
    assert not [name for name in os.listdir() if name.endswith(".new")]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        two.file.write_text(f"port = {taken.getsockname()[1]}\n" + two.file.read_text())
        assert "network.toml: port: " in run("network", "serve").err
    monkeypatch.setenv("MAKERFLOOR_DATABASE_URL", "sqlite:////elsewhere.db")
    said = run("network", "serve")
    assert "MAKERFLOOR_DATABASE_URL: is set, and every site would read it. Unset it" in said.err


def test_no_two_sites_share_what_each_needs_alone(run: Run, two: Two) -> None:
    Path("third").mkdir()
    file, board = Path("third/makerfloor.toml"), two.file.read_text()
    begin = two.berlin.settings
    for text, words in (
        (
            "[server]\nport = 18080",
            "names the port 127.0.0.1:18080, which 'berlin' has already. Write another",
        ),
        ('[server]\nhost = "0.0.0.0"\nport = 18081', "the port 0.0.0.0:18081, which 'shanghai' has already"),
        ('[server]\ndata = "../berlin/data"', f"the data folder {begin.data}, which 'berlin' has already"),
        (
            '[database]\nurl = "sqlite:///berlin/../berlin/data/makerfloor.db"',
            "Write another database.url in",
        ),
        ('[server]\naddress = "http://127.0.0.1:18081"', "names the address http://127.0.0.1:18081"),
        ("[server]\nport = 8070", "network.toml: port: is 8070, where third is served too"),
        (
            "[broker]\nport = 18881",
            "the broker localhost:18881, which 'shanghai' has already. Write another broker.port",
        ),
        ('[broker]\nothers = ["[::1]:18880"]', "the broker localhost:18880, which 'berlin' has already"),
        ('[server]\nhost = "::"\nport = 8070', "or another server.port in third/makerfloor.toml"),
    ):
        file.write_text(text)
        said = run("network", "add", "third", "third/makerfloor.toml")
        assert said.code, text
        assert words in said.err, (text, said)
    one = "postgresql+psycopg://a:b@localhost/floor"
    other = "postgresql+psycopg://c:d@127.0.0.1:5432/floor?sslmode=disable"
    first, second = (
        replace(begin, file=Path(f"{n}.toml"), data=Path(n), database_url=url, port=ord(n))
        for n, url in (("a", one), ("b", other))
    )
    problem = clash({"one": first, "two": second}, ("127.0.0.1", 0))
    assert problem is not None
    assert "names the database floor at localhost:5432, which 'one' has already" in problem[1]
    assert two.file.read_text() == board
    file.write_text("[server]\nport = 18099")
    assert run("network", "add", "third", "third/makerfloor.toml").code == 0


def test_a_file_is_begun_and_found_from_where_it_lies(run: Run) -> None:
    for id in ("berlin", "shanghai"):
        assert run("network", "add", id, f"{id}/makerfloor.toml", "--file", "berlin/two.toml").code == 0
    assert [*read_network(Path("berlin/two.toml")).sites] == ["berlin", "shanghai"]
    Path("berlin/makerfloor.toml").write_text('[database]\nurl = "sqlite:////proc/none.db"\n')
    said = run("network", "status", "--file", "berlin/two.toml")
    assert "berlin           cannot be reached" in said.out
    assert "shanghai         1 free" in said.out
    assert "berlin/makerfloor.toml: database.url: cannot be opened" in run("network", "check").err


def test_a_board_reads_once_for_all_who_look_and_waits_for_no_silent_site(two: Two) -> None:
    """The third site's database takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.1)
        url = f"postgresql+psycopg://x@127.0.0.1:{silent.getsockname()[1]}/x"
        settings = replace(two.berlin.settings, database_url=url, space_name="Far")
        mute = replace(two.berlin, id="far", settings=settings, db=database_of(settings))
        known = two.courier.network
        sites = {**known.sites, "far": replace(known.sites["berlin"], id="far", settings=settings)}
        courier = Courier(replace(known, sites=sites), {**two.courier.sites, "far": mute})
        clock_s = [0.0]
        standings = Standings(courier, lambda: two.now_ms, lambda: clock_s[0])
        with ThreadPoolExecutor(8) as readers:
            seen = list(readers.map(lambda _: standings.read(), range(8)))
        assert all(one is seen[0] for one in seen)
        assert [(one.id, one.reached, one.out_of_order) for one in seen[0]] == [
            ("berlin", True, 0),
            ("shanghai", True, 0),
            ("far", False, 0),
        ]
        with two.berlin.db.write() as session:
            laser = session.exec(select(Machine)).one()
            laser.lockout_reason = "maintenance"
            session.add(laser)
        assert standings.read()[0].out_of_order == 0
        clock_s[0] += KEPT_S
        assert standings.read()[0].out_of_order == 1
        asked = silent.accept()
        with pytest.raises(TimeoutError):
            silent.accept()  # who still waits for an answer is not asked again
        asked[0].close()
        mute.db.close()


def test_the_boards_answers_carry_what_every_page_does(two: Two) -> None:
    client = TestClient(create_board(two.courier))
    for path in ("/", "/api/v1/network", "/healthz", "/static/base.css", "/nothing"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'"), path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Cache-Control"] == ("no-cache" if "static" in path else "no-store"), path
