"""Badges and phones whole: a real Mosquitto, a real server, two gateways, and people at pages and readers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt
import httpx
import pytest
import uvicorn
from sqlmodel import select

from booking_api.app import create_app
from booking_api.auth import service as auth
from booking_api.badges import service as badges
from booking_api.badges.models import Badge
from booking_api.badges.reading import ReadingState
from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerSettings, Engine, find_mosquitto, run_broker
from booking_api.certifications import service as certifications
from booking_api.context import Context
from booking_api.gateways import enrol
from booking_api.gateways.keys import open_signer
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.settings import read_settings
from booking_api.start import open_context
from floor.wire.journal import TapRefused
from floor.wire.messages import Alive
from floor.words import BadgeKind, DenialReason, Role
from gateway import config as configuration
from gateway.app import Gateway, opened
from hardware.events import BadgeTapped
from tests.kit.engine import setting
from tests.kit.web import PASSWORD

LOST, NEW, OTHER, RANDOM = (bytes.fromhex(uid) for uid in ("04a2b3c4", "04d5e6f7", "04010203", "08a1b2c3"))
PATIENCE_S = 30
MACHINES = {"gw-a": "laser-1", "gw-b": "saw-1"}
PEOPLE = (("ada", Role.MEMBER), ("ben", Role.MEMBER), ("olga", Role.OPERATOR))


@dataclass
class Space:
    """A server, two gateways with a machine each, and who is there."""

    context: Context
    url: str
    people: dict[str, str]
    badge: str
    broker: tuple[int, str]
    gateways: dict[str, Gateway] = field(default_factory=dict)
    running_tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def tap(self, uid: bytes, gateway: str = "gw-a") -> None:
        await self.gateways[gateway].stations[MACHINES[gateway]].put(BadgeTapped(uid, BadgeKind.UID_13MHZ))

    def running(self, gateway: str = "gw-a") -> bool:
        return self.gateways[gateway].stations[MACHINES[gateway]].session_id is not None

    async def refusals(self, gateway: str) -> list[DenialReason]:
        entries = await self.gateways[gateway].journal.to_send(0, 200)
        return [entry.fact.reason for entry in entries if isinstance(entry.fact, TapRefused)]

    def badges_of(self, name: str) -> list[Badge]:
        with self.context.database.read() as session:
            return list(session.exec(select(Badge).where(Badge.member == self.people[name])))

    @asynccontextmanager
    async def browser(self, name: str, language: str = "en") -> AsyncIterator[httpx.AsyncClient]:
        """A signed-in browser; forms carry its token by header."""
        now_ms = self.context.wall.now_ms()
        with self.context.database.write() as session:
            token = auth.begin_session(session, self.people[name], None, now_ms).token
        cookies = {"language": language, "makerfloor": token}
        async with httpx.AsyncClient(base_url=self.url, cookies=cookies) as client:
            with self.context.database.read() as session:
                who = auth.by_cookie(session, token, now_ms)
            assert who is not None
            client.headers["x-csrf-token"] = who.csrf
            yield client

    def scanned(self, gateway: str = "gw-a") -> dict[str, str]:
        """What the code says that a station shows now."""
        address = self.gateways[gateway].codes.show(MACHINES[gateway])
        assert address.startswith(f"{self.url}/tap?")
        return dict(pair.split("=") for pair in urlsplit(address).query.split("&"))


async def until(holds: Callable[[], object], what: str) -> None:
    async def asked() -> object:
        return holds()

    await until_so(asked, what)


async def until_so(holds: Callable[[], Awaitable[object]], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE_S} s: {what}") from None


def furnish(context: Context) -> tuple[dict[str, enrol.Enrolment], dict[str, str], str]:
    """Put two gateways with a machine each on the floor; Ada has a badge and may use both, Ben has none."""
    now_ms, people = context.clock.now_ms(), {}
    with context.database.write() as session:
        known = {name: enrol.enrol(session, context.vault, name, now_ms) for name in MACHINES}
        session.flush()
        for gateway, id in MACHINES.items():
            details = machines.MachineDetails(
                id=id, name=id.title(), gateway=gateway, requires_certification=True
            )
            machines.add(session, details, now_ms)
        for name, role in PEOPLE:
            details = members.MemberDetails(first_name=name.title(), last_name="Hall", role=role)
            people[name] = members.add(session, details, now_ms).id
        auth.set_password(session, people["ben"], "ben", PASSWORD, now_ms)
        for id in MACHINES.values():
            certifications.grant(session, people["ada"], id, people["olga"], now_ms)
        kind = BadgeKind.UID_13MHZ
        badge = badges.enrol(session, context.vault, people["ada"], LOST, kind, "Card", now_ms)
        return known, people, badge.id


def gateway_toml(folder: Path, known: enrol.Enrolment, key: str, port: int, url: str) -> Path:
    file = folder / f"{known.name}.toml"
    file.write_text(
        f'name = "{known.name}"\ndata = "{known.name}"\nbadge_key = "{known.badge_key.hex()}"\n'
        f'server_key = "{key}"\n[broker]\nport = {port}\npassword = "{known.password}"\n'
        f'[server]\nurl = "{url}"\n[http]\nport = 0\n[journal]\nstorage = "volatile"\n'
        f'[[stations]]\nmachine = "{MACHINES[known.name]}"\n'
        'reader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
    )
    return file


@pytest.fixture
async def space(tmp_path: Path) -> AsyncIterator[Space]:
    assert find_mosquitto(), "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
    (tmp_path / "data").mkdir()
    toml = tmp_path / "makerfloor.toml"
    database = setting(tmp_path)
    toml.write_text(database)
    first = open_context(read_settings(toml, {}), migrate=True)
    known, people, badge = furnish(first)
    first.database.close()
    key = open_signer(tmp_path / "data").public_key
    identities = (
        Identity("server", "s", IdentityKind.SERVER),
        *(Identity(name, one.password, IdentityKind.GATEWAY) for name, one in known.items()),
    )
    settings = BrokerSettings(tmp_path / "broker", identities, engine=Engine.MOSQUITTO)
    async with run_broker(settings) as broker:
        reached = f'[broker]\nhost = "{broker.host}"\nport = {broker.port}\npassword = "s"\n'
        toml.write_text(reached + database)
        context = open_context(read_settings(toml, {}))
        config = uvicorn.Config(create_app(context), "127.0.0.1", 0, log_level="warning")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started, "the server")
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        broker_of = (broker.port, known["gw-a"].password)
        made = Space(context, url, people, badge, broker_of)
        files = [gateway_toml(tmp_path, one, key, broker.port, url) for one in known.values()]
        async with (
            opened(configuration.load(files[0])) as one,
            opened(configuration.load(files[1])) as two,
        ):
            made.gateways = {"gw-a": one, "gw-b": two}
            running = {name: asyncio.create_task(gateway.run()) for name, gateway in made.gateways.items()}
            made.running_tasks = running
            await until(lambda: one.roster.machines and two.roster.machines, "the rosters")
            await until(lambda: one.link.connected and two.link.connected, "the links")
            yield made
            for task in running.values():
                task.cancel()
            await asyncio.wait(running.values())
        server.should_exit = True
        await serving
    context.database.close()


@pytest.mark.timeout(180)
async def test_a_lost_badge_a_new_one_and_a_phone(space: Space) -> None:
    """One floor for all of it: it takes seconds to put one up."""
    await lost_by_one_click(space)
    await enrolled_at_a_reader(space)
    await refused_at_the_desk(space)
    await found_by_staff(space)
    await tapped_by_phone(space)
    await hostile_phones(space)
    await nothing_was_retained(space)
    await away_is_said_at_once(space)


async def lost_by_one_click(space: Space) -> None:
    await space.tap(LOST, "gw-b")
    await until(lambda: space.running("gw-b"), "the badge is good")
    await space.tap(LOST, "gw-b")
    await until(lambda: not space.running("gw-b"), "its session is over")
    async with space.browser("ada") as ada:
        assert (await ada.post(f"/me/badges/{space.badge}/lost")).status_code == 303
        for gateway in MACHINES:
            roster = space.gateways[gateway].roster
            await until(lambda roster=roster: roster.look_up(LOST)[1].lost, f"{gateway} knows")
            await space.tap(LOST, gateway)
            await until_so(lambda gateway=gateway: space.refusals(gateway), f"{gateway} refuses")
            assert await space.refusals(gateway) == [DenialReason.BADGE_LOST]
            assert not space.running(gateway)
        found = f"/members/{space.people['ada']}/badges/{space.badge}/found"
        assert (await ada.post(found)).status_code == 403, "only staff undo it"
        assert (await ada.post(f"/api/v1/badges/{space.badge}/found")).status_code == 403


async def found_by_staff(space: Space) -> None:
    async with space.browser("olga") as olga:
        await olga.post(f"/members/{space.people['ada']}/badges/{space.badge}/found")
    roster = space.gateways["gw-a"].roster
    await until(lambda: not roster.look_up(LOST)[1].lost, "the badge is good again")
    with space.context.database.read() as session:
        events = [(one.what, one.by) for one in badges.events_of(session, space.people["ada"])]
    who = space.people
    assert [one for one in events if one[0] in {"lost", "found"}] == [
        ("lost", who["ada"]),
        ("found", who["olga"]),
    ]


async def enrolled_at_a_reader(space: Space) -> None:
    station = space.gateways["gw-a"].stations["laser-1"]
    entries = space.gateways["gw-a"].journal.next_seq
    async with space.browser("olga") as olga:
        page = f"/members/{space.people['ada']}"
        for _ in range(2):  # the first is cancelled
            asked = await olga.post(f"{page}/reading", data={"machine": "laser-1", "label": "New card"})
            assert asked.status_code == 303
            assert station.reading.waits()
            assert "Hold the new badge to the reader of Laser-1." in (await olga.get(page)).text
            if _ == 0:
                assert (await olga.post(f"{page}/reading/cancel")).status_code == 303
                assert not station.reading.waits()
        async with olga.stream("GET", f"/live/members/{space.people['ada']}/badges") as live:
            told = live.aiter_text()
            assert "Hold the new badge" in await anext(told)
            await space.tap(NEW)
            async with asyncio.timeout(PATIENCE_S):
                async for news in told:
                    if "The badge is enrolled." in news and "New card" in news:
                        break
        assert "The badge is enrolled." in (await olga.get(page)).text
    assert [one.kind for one in space.badges_of("ada")] == [BadgeKind.UID_13MHZ] * 2
    assert space.gateways["gw-a"].journal.next_seq == entries, "it was no tap"
    with space.context.database.read() as session:
        event = badges.events_of(session, space.people["ada"])[-1]
    assert (event.what, event.by, event.station) == ("enrolled", space.people["olga"], "laser-1")
    await until(lambda: space.gateways["gw-b"].roster.look_up(NEW)[1], "the other gateway knows it too")
    await space.tap(NEW, "gw-b")
    await until(lambda: space.running("gw-b"), "the new badge is good at once")
    await space.tap(NEW, "gw-b")
    await until(lambda: not space.running("gw-b"), "and its session over")


async def refused_at_the_desk(space: Space) -> None:
    readings = space.context.readings
    async with space.browser("olga") as olga:
        for uid, state in ((NEW, ReadingState.TAKEN), (RANDOM, ReadingState.RANDOM)):
            await olga.post(f"/members/{space.people['ben']}/reading", data={"machine": "saw-1"})
            await space.tap(uid, "gw-b")
            ben = space.people["ben"]
            await until(lambda ben=ben, state=state: readings.of_member(ben).state is state, state)
        page = (await olga.get(f"/members/{space.people['ben']}")).text
        assert "shows another number each time" in page
        assert space.badges_of("ben") == []
    async with space.browser("ada") as ada:
        asked = await ada.post(f"/members/{space.people['ben']}/reading", data={"machine": "saw-1"})
        assert asked.status_code == 403


async def tapped_by_phone(space: Space) -> None:
    async with space.browser("ada", "zh") as ada:
        code = space.scanned()
        asked = await ada.get("/tap", params=code)
        assert "解锁Laser-1吗？" in asked.text
        assert not space.running(), "to look grants nothing"
        form = dict(re.findall(r'type="hidden" name="(\w)" value="([^"]*)"', asked.text))
        assert form == code
        done = await ada.post("/tap", data=form)
        assert (done.status_code, "已解锁" in done.text, space.running()) == (200, True, True)
        assert (await ada.post("/tap", data=form)).status_code == 409, "it works once"
        assert space.running()
        live = space.context.live
        await until(lambda: live.station("laser-1").member == space.people["ada"], "the board")
        assert "结束使用Laser-1吗？" in (await ada.get("/tap", params=space.scanned())).text
        await space.tap(LOST)
        await until(lambda: not space.running(), "what began by phone ends by badge")
        await space.tap(LOST)
        await until(lambda: space.running(), "and begins by badge")
        ended = await ada.post("/tap", data=space.scanned())
        assert ("您的使用已结束" in ended.text, space.running()) == (True, False)
    async with space.browser("ben", "zh") as ben:
        refused = await ben.post("/tap", data=space.scanned())
        assert (refused.status_code, "您需要先完成此设备的培训" in refused.text) == (409, True)


async def hostile_phones(space: Space) -> None:
    async with space.browser("ada") as ada, space.browser("ben") as ben:
        code = space.scanned()
        forged = (
            code | {"s": "saw-1"},
            code | {"e": str(int(code["e"]) + 30)},
            code | {"n": "A" * 16},
            code | {"m": "A" * 22},
            code | {"m": "☃"},
            code | {"s": "nowhere"},
        )
        for one in forged:
            answer = await ada.post("/tap", data=one)
            assert (answer.status_code, "No station here shows this code" in answer.text) == (422, True), one
        without = httpx.AsyncClient(base_url=space.url, cookies=ada.cookies)
        assert (await without.post("/tap", data=code)).status_code == 403, "another site's form"
        stranger = httpx.AsyncClient(base_url=space.url)
        to_sign_in = (await stranger.get("/tap", params=code)).headers["location"]
        assert to_sign_in.startswith("/sign-in?next=/tap%3Fs%3Dlaser-1%26n%3D"), "and back with the code"
        both = await asyncio.gather(*(one.post("/tap", data=code) for one in (ben, ben, ben)))
        assert sorted("used this code already" in one.text for one in both) == [False, True, True]
        assert "used already" in (await ada.post("/tap", data=code)).text, "two scanned one code"
        assert not space.running()
        old = space.scanned()
        wall = space.context.wall
        now_ms = wall.now_ms()
        try:
            wall.now_ms = lambda: now_ms + 61_000  # type: ignore[method-assign]
            late = await ada.post("/tap", data=old)
        finally:
            del wall.now_ms  # type: ignore[method-assign]
        assert (late.status_code, "has expired" in late.text) == (409, True), "used from home, later"
        assert not space.running()
        for client in (without, stranger):
            await client.aclose()


async def nothing_was_retained(space: Space) -> None:
    port, password = space.broker
    async with aiomqtt.Client("127.0.0.1", port, username="gw-a", password=password) as client:
        await client.subscribe("mf/gw-a/down/#")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(aiter(client.messages))


async def away_is_said_at_once(space: Space) -> None:
    """The gateway ends, and its will is published: neither a reading nor a phone waits for it."""
    code = space.scanned()
    task = space.running_tasks["gw-a"]
    task.cancel()
    await asyncio.wait([task])
    port, password = space.broker
    async with aiomqtt.Client("127.0.0.1", port, username="gw-a", password=password) as client:
        gone = Alive(gateway="gw-a", online=False).encode()
        await client.publish("mf/gw-a/up/alive", gone, qos=1, retain=True)
    live = space.context.live
    await until(lambda: not live.snapshot().gateways["gw-a"].online, "the server knows")
    async with space.browser("olga") as olga, space.browser("ada") as ada:
        page = f"/members/{space.people['ben']}"
        await olga.post(f"{page}/reading", data={"machine": "laser-1"})
        assert "cannot be reached just now" in (await olga.get(page)).text
        offline = await ada.post("/tap", data=code)
        assert (offline.status_code, "Use your badge" in offline.text) == (409, True)
