"""A gateway's life: real Mosquitto, real gateway processes, real commands; a card lost, keys replaced."""

from __future__ import annotations

import asyncio
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import aiomqtt
import pytest
from sqlmodel import select
from typer.testing import CliRunner

from booking_api.badges import service as badges
from booking_api.broker.process import find_mosquitto
from booking_api.cli import app
from booking_api.clock import Clock
from booking_api.gateways.keys import open_signer
from booking_api.gateways.models import Gateway, GatewayWiring
from booking_api.gateways.office import Office
from booking_api.link import Link
from booking_api.live import LiveFloor
from booking_api.metering.models import JournalHead, Quarantined
from booking_api.sessions.models import SessionState
from booking_api.settings import read_settings
from floor.words import BadgeKind
from gateway.journal_store import JournalStore
from tests.kit.engine import url_in
from tests.kit.frames import rdm6300
from tests.kit.gateway import ADA
from tests.kit.mosquitto import READY_S
from tests.kit.server import Floor, make_floor

PATIENCE_S = 60
RUN = "from gateway.cli import main; raise SystemExit(main())"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(holds: Callable[[], object], what: str, between_s: float = 0.05) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(between_s)
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE_S} s: {what}") from None


class Space:
    """A server on a folder, a broker with its files, and Pis that are started and lost."""

    def __init__(self, folder: Path, floor: Floor, port: int, http: int) -> None:
        self.folder, self.floor, self.http, self.port = folder, floor, http, port
        self.config = folder / "makerfloor.toml"
        self.reader, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port_name = os.ttyname(self._slave)
        self.broker: subprocess.Popen[bytes] | None = None
        self.pi: subprocess.Popen[bytes] | None = None

    async def command(self, *words: str, status: int = 0) -> str:
        """Run one command of the server's in this process."""
        done = await asyncio.to_thread(CliRunner().invoke, app, ["--config", str(self.config), *words])
        assert (done.exit_code != 0) == bool(status), (words, done.output, done.exception)
        return done.output if not status else str(done.exception)

    def start_broker(self) -> None:
        program = find_mosquitto()
        assert program, "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
        configuration = str(self.folder / "broker" / "mosquitto.conf")
        self.broker = subprocess.Popen([program, "-c", configuration], stderr=subprocess.DEVNULL)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """The server's link, as `makerfloor serve` runs it."""
        settings, signer = read_settings(self.config, {}), open_signer(self.floor.db.data)
        office = Office(self.floor.vault, "EUR")
        link = Link(settings.broker, self.floor.db, Clock(), signer, office, LiveFloor())
        task = asyncio.create_task(link.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def start(self, file: Path) -> None:
        command = [sys.executable, "-c", RUN, "--log", "error", "--config", str(file), "run"]
        self.pi = subprocess.Popen(command)

    def stop(self, sign: signal.Signals = signal.SIGKILL) -> None:
        if self.pi and self.pi.poll() is None:
            self.pi.send_signal(sign)
            self.pi.wait(PATIENCE_S)

    def wire(self, file: Path) -> None:
        """Add what somebody wires by hand, once."""
        text = file.read_text().replace('name = "gw"', 'name = "gw"\ndata = "card"')
        file.write_text(
            f'{text}\n[http]\nport = {self.http}\n[journal]\nstorage = "volatile"\ncheckpoint_s = 1\n'
            f'[[stations]]\nmachine = "laser-1"\n'
            f'reader = {{kind = "rdm6300", port = "{self.port_name}", removal_ms = 150}}\n'
            'relay = {kind = "simulated"}\ndriver = {kind = "simulated"}\n'
        )

    def row(self) -> Gateway:
        with self.floor.db.read() as session:
            return session.exec(select(Gateway)).one()

    def states(self) -> list[SessionState]:
        return sorted(one.state for one in self.floor.sessions().values())

    def tap(self) -> None:
        os.write(self.reader, rdm6300(ADA))

    async def tap_until(self, holds: Callable[[], object], what: str) -> None:
        """Tap until something holds; each tap is given two seconds: the roster may not be there yet."""

        async def tapped() -> None:
            while not holds():
                self.tap()
                with suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        while not holds():
                            await asyncio.sleep(0.05)

        try:
            async with asyncio.timeout(PATIENCE_S):
                await tapped()
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE_S} s of taps: {what}") from None

    async def use(self) -> None:
        """Ada uses the laser once, and the server bills it."""
        known = set(self.floor.sessions())
        await self.tap_until(lambda: set(self.floor.sessions()) - known, "a session begins")
        (id,) = set(self.floor.sessions()) - known
        billed = SessionState.PRICED
        await self.tap_until(lambda: self.floor.sessions()[id].state is billed, "it ends and is billed")

    async def caught_up(self) -> None:
        await until(
            lambda: self.row().roster_n and self.row().roster_confirmed_n == self.row().roster_n, "a roster"
        )

    async def known(self, key: str) -> None:
        await until(lambda: self.row().server_key == key, "the gateway says that it knows the key")

    def at_broker(self) -> bool:
        """Whether the Pi says that it is connected."""
        with urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=PATIENCE_S) as answer:
            return b"makerfloor_broker_connected 1.0" in answer.read()

    def quarantined(self) -> int:
        with self.floor.db.read() as session:
            return len(session.exec(select(Quarantined)).all())

    def epochs(self) -> int:
        with self.floor.db.read() as session:
            return len(session.exec(select(JournalHead)).all())

    def end(self) -> None:
        self.stop()
        if self.broker:
            self.broker.kill()
            self.broker.wait(READY_S)
        os.close(self.reader)
        os.close(self._slave)
        self.floor.db.close()


@pytest.fixture
async def space(tmp_path: Path) -> AsyncIterator[Space]:
    data, port = tmp_path / "data", free_port()
    data.mkdir()
    floor = make_floor(url_in(data), data)
    with floor.db.write() as session:
        kind, now_ms = BadgeKind.UID_125KHZ, Clock().now_ms()
        badges.enrol(session, floor.vault, floor.ada, ADA, kind, "", now_ms)
    (tmp_path / "makerfloor.toml").write_text(
        f'[database]\nurl = "{floor.db.url}"\n'
        f'[server]\ndata = "data"\n[broker]\nport = {port}\nusername = "server"\npassword = "s"\n'
    )
    made = Space(tmp_path, floor, port, free_port())
    await made.command("broker", "files", str(tmp_path / "broker"))
    made.start_broker()
    yield made
    made.end()


@pytest.mark.timeout(240)
async def test_a_pi_that_died_is_replaced_by_the_file_that_the_server_writes(space: Space) -> None:
    first, second = space.folder / "a" / "gateway.toml", space.folder / "b" / "gateway.toml"
    first.parent.mkdir()
    second.parent.mkdir()
    said = await space.command("gateway", "enrol", "gw", "--again", "--out", str(first))
    assert "add its [[stations]]" in said
    space.wire(first)
    space.start(first)
    async with space.serving():
        await space.use()
        with space.floor.db.read() as session:
            assert session.exec(select(GatewayWiring)).one().seq > 0
    # The server is away: what is used now stays on the card.
    store = JournalStore(first.parent / "card" / "journal.db")

    def kinds() -> list[str]:
        return [one.fact.type for one in store.read(store.position().epoch, 0, 1000)]

    await space.tap_until(lambda: kinds().count("session_started") == 2, "a session that only the card knows")
    await space.tap_until(lambda: kinds().count("session_ended") == 2, "its end")
    store.close()
    space.stop()
    shutil.move(first.parent, space.folder / "drawer")

    async with space.serving():
        said = await space.command("gateway", "enrol", "gw", "--again", "--out", str(second))
        assert "Its wiring is that of 20" in said
        read = tomllib.loads(second.read_text())
        assert read["data"] == "card"
        assert read["http"] == {"port": space.http}
        space.start(second)
        await space.use()
        assert space.states() == [SessionState.PRICED] * 2
        assert (space.quarantined(), space.row().quarantined_ms, space.epochs()) == (0, None, 2)
        space.stop(signal.SIGTERM)
        # The old card is found to be readable after all: it delivers, in any Pi, while the other is off.
        space.start(space.folder / "drawer" / "gateway.toml")
        await until(lambda: space.states() == [SessionState.PRICED] * 3, "the old card's session")
        space.stop(signal.SIGTERM)
        space.start(second)
        await space.use()
    assert space.states() == [SessionState.PRICED] * 4
    assert (space.quarantined(), space.row().quarantined_ms) == (0, None)
    assert space.epochs() == 2
    owed = sum(one.total_micro or 0 for one in space.floor.sessions().values())
    assert space.floor.balances()[f"assets:member:{space.floor.ada}", "EUR"] == owed > 0
    assert space.floor.entries() == 4


@pytest.mark.timeout(240)
async def test_keys_are_replaced_while_a_gateway_runs_is_away_and_is_stolen(space: Space) -> None:
    file = space.folder / "a" / "gateway.toml"
    file.parent.mkdir()
    await space.command("gateway", "enrol", "gw", "--again", "--out", str(file))
    space.wire(file)
    space.start(file)
    signer = open_signer(space.floor.db.data)
    old = signer.public_key
    async with space.serving():
        await space.known(old)
        await space.command("gateway", "rotate-signing")
        signer.refresh()
        between = signer.newest_key
        assert signer.public_key == old != between
        await space.known(between)
        await space.command("gateway", "rotate-signing", "--finish")
        await space.caught_up()
        await space.use()
        # The card is as it was, the gateway away: it meets two more replacements when it comes back.
        space.stop()
        for words in ((), ("--finish", "--anyway"), (), ("--finish", "--anyway")):
            await space.command("gateway", "rotate-signing", *words)
        signer.refresh()
        assert signer.public_key not in (old, between)
        space.start(file)
        await space.known(signer.public_key)
        await space.use()
        listed = await space.command("gateway", "list")
        assert "newest signing key known" in listed
        assert "older than" not in listed
        await stolen(space)
    assert space.states() == [SessionState.PRICED] * 3


async def stolen(space: Space) -> None:
    """The thief's Pi runs on; a new one takes its name with other keys."""
    folder, new = space.folder / "broker", space.folder / "b" / "gateway.toml"
    new.parent.mkdir()
    thief = tomllib.loads((space.folder / "a" / "gateway.toml").read_text())
    await space.command("gateway", "rotate", "gw", "--out", str(new), "--broker-files", str(folder))
    given = tomllib.loads(new.read_text())
    assert given["badge_key"] != thief["badge_key"]
    assert given["stations"] == thief["stations"]
    assert space.broker
    assert space.at_broker()
    space.broker.send_signal(signal.SIGHUP)
    await until(lambda: not space.at_broker(), "the thief's Pi is thrown out")
    await asyncio.to_thread(refused, space.port, thief["broker"]["password"])
    space.stop()
    before = space.row().last_seen_ms
    space.start(new)
    await until(lambda: space.row().last_seen_ms != before, "the new Pi")
    await space.use()


def refused(port: int, password: str) -> None:
    """Wait until the broker refuses a password."""

    async def entered() -> bool:
        try:
            async with aiomqtt.Client("127.0.0.1", port, username="gw", password=password, timeout=5):
                return True
        except aiomqtt.MqttError:
            return False

    async def asked() -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await entered():
                await asyncio.sleep(0.1)

    asyncio.run(asked())
