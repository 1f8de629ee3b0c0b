"""The whole demonstration: real processes, one broker, a floor that lives; and nothing of it stays behind."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session, select

from booking_api.db import Database
from booking_api.demo.floor import DemoFloor, DemoSettings, demo_floor, demo_floor_in_background
from booking_api.ledger import chain
from booking_api.ledger.models import AccountBalance, LedgerEntry, LedgerPosting
from booking_api.metering.models import Quarantined
from booking_api.prometheus.query import Prometheus, Vector
from booking_api.sessions.models import MachineSession, SessionState
from floor.errors import ConfigError
from floor.ledger import EntryKind
from tests.kit.panels import questions

DEADLINE_S = 60.0
IN_SESSION = {"in_use", "holding"}
OF_NO_DEMO = {
    "Badges held to phones, an hour A",
    "Malformed messages and refused rosters an hour A",
    "Malformed messages and refused rosters an hour B",
    "Missing (above 0) or left over A",
    "This month: what came in and what it costs A",
    "This month: what came in and what it costs B",
    "Webhooks and notices, an hour A",
    "Webhooks and notices, an hour B",
    "What came in by what it costs A",
}
"""Panels of what a demonstration has none of: no study of costs, nobody's webhook, nothing malformed."""
SAMPLE = re.compile(r"^(\w+?)(?:\{(.*)\})? ([0-9.e+-]+)$", re.MULTILINE)


async def until(seen: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not seen():
        assert time.monotonic() < deadline_s, f"not within {DEADLINE_S:.0f} s: {what}"
        await asyncio.sleep(0.25)


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()]


class Books:
    """The server's database, read from beside it."""

    def __init__(self, floor: DemoFloor) -> None:
        data = floor.folder.path / "server"
        self.database = Database(f"sqlite:///{data / 'makerfloor.db'}", data)

    def sessions(self) -> list[MachineSession]:
        with self.database.read() as session:
            return list(session.exec(select(MachineSession)))

    def check(self) -> None:
        """Every entry balances, the chain holds, and charges are what sessions cost, account by account."""
        with self.database.read() as session:
            mark, breaks = chain.follow(session, chain.Mark())
            assert (breaks, chain.follow(session, mark)[1]) == ([], [])
            postings = list(session.exec(select(LedgerPosting)))
            kinds = {entry.id: entry.kind for entry in session.exec(select(LedgerEntry))}
            self._check_balances(session, postings)
            charged: dict[str, int] = {}
            for posting in postings:
                if kinds[posting.entry] is EntryKind.CHARGE and posting.account.startswith("assets:member:"):
                    charged[posting.account] = charged.get(posting.account, 0) + posting.amount_micro
            cost: dict[str, int] = {}
            for used in session.exec(select(MachineSession)):
                assert used.state in {SessionState.OPEN, SessionState.PRICED}, used.exception
                if used.total_micro:
                    account = f"assets:member:{used.account}"
                    cost[account] = cost.get(account, 0) + used.total_micro
            assert {account: sum for account, sum in charged.items() if sum} == cost
            assert session.exec(select(Quarantined)).all() == []

    @staticmethod
    def _check_balances(session: Session, postings: list[LedgerPosting]) -> None:
        entries: dict[tuple[str, str], int] = {}
        accounts: dict[tuple[str, str], int] = {}
        for posting in postings:
            for sums, key in ((entries, posting.entry), (accounts, posting.account)):
                place = (key, posting.commodity)
                sums[place] = sums.get(place, 0) + posting.amount_micro
        assert set(entries.values()) == {0}
        kept = {
            (one.account, one.commodity): one.amount_micro for one in session.exec(select(AccountBalance))
        }
        assert kept == accounts


def metrics(floor: DemoFloor, name: str) -> dict[str, float]:
    """The samples of one metric of the gateway, by their labels."""
    config = tomllib.loads((floor.folder.path / "gateway" / "gateway.toml").read_text())
    text = httpx.get(f"http://127.0.0.1:{config['http']['port']}/metrics", trust_env=False).text
    return {labels: float(value) for found, labels, value in SAMPLE.findall(text) if found == name}


def signed_in(floor: DemoFloor, name: str) -> httpx.Client:
    client = httpx.Client(base_url=floor.address, trust_env=False, timeout=30)
    answer = client.post("/sign-in", data={"login": name, "password": floor.sign_ins[name], "next": "/"})
    assert answer.status_code in {200, 303}, answer.text
    assert client.cookies
    return client


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFloor]:
    settings = DemoSettings(tmp_path_factory.mktemp("demo"), speed=60, seed=5)
    with demo_floor_in_background(settings) as floor:
        yield floor


@pytest.mark.timeout(180)
async def test_sessions_run_and_become_charges_that_add_up(living: DemoFloor) -> None:
    books = Books(living)
    await until(lambda: sum(used.ended_ms is not None for used in books.sessions()) > 20, "20 sessions end")
    await until(lambda: sum((used.total_micro or 0) > 0 for used in books.sessions()) > 5, "5 charges")
    books.check()
    used = {one.machine for one in books.sessions()}
    assert len(used) == 8
    assert len({one.member for one in books.sessions()}) > 8


@pytest.mark.timeout(180)
async def test_the_board_shows_what_the_books_hold(living: DemoFloor) -> None:
    books, operator = Books(living), signed_in(living, "operator")

    def agree() -> bool:
        before = {one.machine for one in books.sessions() if one.state is SessionState.OPEN}
        shown = {m["id"] for m in operator.get("/api/v1/machines").json() if m["state"] in IN_SESSION}
        after = {one.machine for one in books.sessions() if one.state is SessionState.OPEN}
        return before == shown == after != set()

    await until(agree, "the board shows exactly the sessions that are open")
    page = operator.get("/")
    assert page.status_code == 200
    assert "Table saw" in page.text


@pytest.mark.timeout(180)
async def test_no_machine_has_power_without_a_session(living: DemoFloor) -> None:
    await until(lambda: sum(metrics(living, "makerfloor_sessions_total").values()) > 5, "sessions end")
    powered = metrics(living, "makerfloor_station_powered_without_session_seconds_total")
    assert len(powered) == 8
    assert set(powered.values()) == {0.0}
    assert set(metrics(living, "makerfloor_journal_degraded").values()) == {0.0}
    await until(lambda: sum(metrics(living, "makerfloor_taps_total").values()) > 20, "20 taps")


@pytest.mark.timeout(180)
async def test_each_sign_in_sees_what_its_role_may(living: DemoFloor) -> None:
    member, technician, operator = (signed_in(living, name) for name in ("member", "technician", "operator"))
    assert member.get("/me").status_code == 200
    assert member.get("/api/v1/members").status_code == 403
    assert technician.get("/api/v1/gateways").json()[0]["online"] is True
    assert len(operator.get("/api/v1/members?limit=200").json()["items"]) == 40


@pytest.mark.timeout(180)
async def test_grafana_s_panels_are_answered_from_the_life_of_the_floor(living: DemoFloor) -> None:
    settings = tomllib.loads((living.folder.path / "makerfloor.toml").read_text())
    prometheus, found = Prometheus(settings["prometheus"]["url"]), dict[str, Vector]()
    deadline_s = time.monotonic() + DEADLINE_S
    empty, spent = {"all"}, dict[str, float]()
    # Rates of the first few scrapes are of less than was observed.
    while empty - OF_NO_DEMO or spent != {machine: pytest.approx(1, abs=0.1) for machine in spent}:
        assert time.monotonic() < deadline_s, (sorted(empty), spent)
        await asyncio.sleep(1)
        for title, expression in questions():
            found[title] = await prometheus.instant(expression, time.time_ns() // 1_000_000)
        empty, spent = {title for title, vector in found.items() if not vector}, {}
        for labels, share in found["Utilisation by machine A"].items():
            machine = dict(labels)["machine"]
            spent[machine] = spent.get(machine, 0.0) + share
    assert len(spent) == 8


@pytest.mark.timeout(180)
async def test_a_second_start_continues_and_a_child_that_dies_ends_it(tmp_path: Path) -> None:
    settings = DemoSettings(tmp_path, speed=300, seed=1, prometheus=False)
    async with demo_floor(settings) as floor:
        books, first, pids = Books(floor), dict(floor.sign_ins), list(floor.pids.values())
        await until(lambda: any(used.ended_ms for used in books.sessions()), "a session ends")
        with pytest.raises(ConfigError, match="another demo runs with this folder"):
            async with demo_floor(settings):
                pass
    assert all(gone(pid) for pid in pids)
    before = {used.id: used.started_ms for used in books.sessions()}
    async with demo_floor(settings) as floor:
        assert floor.sign_ins == first
        assert floor.scale.floor_ms > max(before.values())
        await until(lambda: len(books.sessions()) > len(before), "another session")
        books.check()
        os.kill(floor.pids["gateway"], signal.SIGKILL)
        assert re.search("the gateway ended by itself.*gateway.log", await floor.ended())


@pytest.mark.timeout(180)
def test_ctrl_c_ends_it_all_without_a_traceback(tmp_path: Path) -> None:
    makerfloor = Path(sys.executable).with_name("makerfloor")
    output = tmp_path / "output"
    command = [makerfloor, "demo", "--data", tmp_path / "data", "--port", "0", "--speed", "60"]
    with output.open("w") as file:
        demo = subprocess.Popen(command, stdout=file, stderr=file)
    deadline_s = time.monotonic() + 90
    while "Ctrl-C ends it" not in output.read_text():
        assert demo.poll() is None, output.read_text()
        assert time.monotonic() < deadline_s, output.read_text()
        time.sleep(0.2)
    started = children(demo.pid)
    assert len(started) >= 3
    demo.send_signal(signal.SIGINT)
    assert demo.wait(60) == 0
    text = output.read_text()
    assert "Traceback" not in text
    assert "continues with it" in text
    assert all(gone(pid) for pid in started)
    for log in (tmp_path / "data" / "logs").glob("*.log"):
        assert "Traceback" not in log.read_text(), log


@pytest.mark.timeout(60)
async def test_a_port_in_use_is_named_with_its_remedy(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ConfigError, match=f"--port.* port {port} .*choose another"):
        async with demo_floor(DemoSettings(tmp_path, port=port)):
            pass
    server.close()
