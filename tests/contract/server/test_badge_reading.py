"""What a gateway says it read and a phone says it scanned: taken once, in time, and from nobody else."""

from __future__ import annotations

import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlmodel import select

from booking_api.auth import service as auth
from booking_api.badges import phone
from booking_api.badges import service as badges
from booking_api.badges.models import Badge, PhoneCodeUsed
from booking_api.badges.phone import Scanned
from booking_api.badges.reading import GRACE_S, READ_S, Readings, ReadingState, Wanted
from booking_api.clock import Clock
from booking_api.crew import Alone, Hear
from booking_api.gateways import enrol
from booking_api.live import LiveFloor
from floor.errors import MachineUnreachable, PeerError, Refused
from floor.gateway_keys import PhoneCode, Purpose, badge_read_context, derived
from floor.wire.messages import BadgeRead, Order, ReadBadge, Reply
from floor.words import DenialReason
from tests.kit.rosters import GatewayPeer
from tests.kit.server import Floor

UID = bytes.fromhex("04d5e6f7a1b2c3")
AT_MS = 1_790_000_000_000


@dataclass
class Told(Alone):
    """One of two processes, which hear each other at once."""

    hears: list[Hear] = field(default_factory=list)
    others: list[Hear] = field(default_factory=list)

    def listen(self, hear: Hear) -> None:
        self.hears.append(hear)

    def tell(self, kind: str, news: object) -> None:
        for hear in self.others:
            hear(kind, news)


@dataclass
class Desk:
    """The server's side of a reading; its link answers as told."""

    floor: Floor
    now_s: float = 0.0
    orders: list[Order] = field(default_factory=list)
    reply: Reply | None = field(default_factory=lambda: Reply(id="c", gateway="gw", done=True))
    crew: Alone = field(default_factory=Alone)

    def __post_init__(self) -> None:
        clock, live = Clock(), LiveFloor()
        self.readings = Readings(self.floor.db, self.floor.vault, clock, live, self.crew, lambda: self.now_s)

    async def send(self, gateway: str, order: Order, by: str) -> Reply:
        self.orders.append(order)
        if self.reply is None:
            raise MachineUnreachable("not connected")
        return self.reply

    async def ask(self, member: str = "") -> str:
        wanted = Wanted(member or self.floor.ada, "gw", "laser-1", "Card", self.floor.ben)
        return (await self.readings.begin(wanted, self.send)).id

    def key(self) -> bytes:
        with self.floor.db.read() as session:
            return enrol.recall(session, self.floor.vault, "gw").badge_key

    def sealed(
        self, reading: str, uid: bytes = UID, key: bytes | None = None, kind: str = "uid_13mhz"
    ) -> BadgeRead:
        sealing = AESGCM(derived(key or self.key(), Purpose.BADGE_READ))
        bound = badge_read_context("gw", "laser-1", reading)
        raw = bytes(12) + sealing.encrypt(bytes(12), f"{kind} {uid.hex()}".encode(), bound)
        return BadgeRead(gateway="gw", machine="laser-1", reading=reading, sealed=b64encode(raw).decode())

    def state(self, member: str = "") -> ReadingState:
        found = self.readings.of_member(member or self.floor.ada)
        assert found is not None
        return found.state

    def enrolled(self) -> list[str]:
        with self.floor.db.read() as session:
            return [badge.member for badge in session.exec(select(Badge))]


@pytest.fixture
def desk(floor: Floor) -> Desk:
    return Desk(floor)


async def test_a_badge_is_enrolled_once_with_its_author(desk: Desk) -> None:
    reading = await desk.ask()
    order = desk.orders[0]
    assert isinstance(order, ReadBadge)
    assert (order.reading, order.for_s <= 60) == (reading, True)
    await desk.readings.take("gw", desk.sealed(reading))
    assert desk.state() is ReadingState.ENROLLED
    with desk.floor.db.read() as session:
        event = badges.events_of(session, desk.floor.ada)[0]
    assert (event.what, event.by, event.station) == ("enrolled", desk.floor.ben, "laser-1")
    with pytest.raises(PeerError, match="twice"):
        await desk.readings.take("gw", desk.sealed(reading, bytes.fromhex("04ffffff")))
    assert desk.enrolled() == [desk.floor.ada]


async def test_what_is_forged_late_or_not_asked_for_is_dropped(desk: Desk) -> None:
    old, reading = await desk.ask(), await desk.ask()
    read = desk.sealed(reading)
    hostile = {
        "another key": ("gw", desk.sealed(reading, key=bytes(32))),
        "sealed for another reading": ("gw", desk.sealed(old).model_copy(update={"reading": reading})),
        "another gateway": ("other", read),
        "another machine": ("gw", read.model_copy(update={"machine": "door"})),
        "an earlier reading": ("gw", desk.sealed(old)),
        "nobody's reading": ("gw", desk.sealed("made-up")),
        "no base64": ("gw", read.model_copy(update={"sealed": "A" * 45})),
        "too short to be sealed": ("gw", read.model_copy(update={"sealed": "AAAA" * 4})),
        "no kind": ("gw", desk.sealed(reading, kind="gold")),
        "no UID": ("gw", desk.sealed(reading, b"")),
    }
    for what, (gateway, one) in hostile.items():
        with pytest.raises(PeerError):
            await desk.readings.take(gateway, one)
        assert desk.state() is ReadingState.WAITING, what
    desk.now_s = READ_S + GRACE_S
    with pytest.raises(PeerError, match="too late"):
        await desk.readings.take("gw", read)
    assert desk.state() is ReadingState.TIMED_OUT
    again = await desk.ask()
    await desk.readings.cancel(desk.floor.ada, desk.floor.ben, desk.send)
    with pytest.raises(PeerError):
        await desk.readings.take("gw", desk.sealed(again))
    assert (desk.state(), desk.enrolled()) == (ReadingState.CANCELLED, [])


async def test_what_cannot_be_enrolled_is_said(desk: Desk) -> None:
    ada, ben = desk.floor.ada, desk.floor.ben
    await desk.readings.take("gw", desk.sealed(await desk.ask()))
    await desk.readings.take("gw", desk.sealed(await desk.ask()))
    assert desk.state() is ReadingState.OWN
    await desk.readings.take("gw", desk.sealed(await desk.ask(ben)))
    assert desk.state(ben) is ReadingState.TAKEN
    taken = desk.readings.of_member(ben)
    assert taken
    assert taken.holder == ada
    await desk.readings.take("gw", desk.sealed(await desk.ask(ben), bytes.fromhex("08a1b2c3")))
    assert desk.state(ben) is ReadingState.RANDOM
    assert desk.enrolled() == [ada]


async def test_a_station_that_is_busy_or_away_is_said_at_once(desk: Desk) -> None:
    desk.reply = Reply(id="c", gateway="gw", done=False, reason=DenialReason.IN_USE)
    await desk.ask()
    assert desk.state() is ReadingState.IN_USE
    desk.reply = None
    await desk.ask()
    assert desk.state() is ReadingState.UNREACHABLE


async def test_one_station_waits_for_one_badge(desk: Desk) -> None:
    await desk.ask(desk.floor.ada)
    second = await desk.ask(desk.floor.ben)
    assert desk.state(desk.floor.ada) is ReadingState.REPLACED
    await desk.readings.take("gw", desk.sealed(second))
    assert desk.enrolled() == [desk.floor.ben]


def scanned(desk: Desk, **changes: object) -> Scanned:
    code = PhoneCode("gw", "laser-1", "q7Jx0cV2mB-_yT4e", AT_MS // 1000 + 60)
    true = Scanned(code.machine, code.nonce, code.expires_s, code.signature(desk.key()))
    return replace(true, **changes)  # type: ignore[arg-type]


def test_a_code_is_used_once_by_whoever_is_first(desk: Desk) -> None:
    floor, code = desk.floor, scanned(desk)
    both = threading.Barrier(2)

    def use(member: str) -> str:
        both.wait(30)
        try:
            with floor.db.write() as session:
                phone.use(session, floor.vault, code, member, AT_MS)
        except Refused as refused:
            return refused.code
        return "used"

    with ThreadPoolExecutor(2) as pool:
        came = sorted(pool.map(use, (floor.ada, floor.ben)))
    assert came == ["code_used", "used"]
    assert use_alone(desk, code) == "code_used"
    with floor.db.read() as session:
        assert len(session.exec(select(PhoneCodeUsed)).all()) == 1


def use_alone(desk: Desk, code: Scanned, now_ms: int = AT_MS) -> str:
    try:
        with desk.floor.db.write() as session:
            phone.use(session, desk.floor.vault, code, desk.floor.ada, now_ms)
    except Refused as refused:
        return refused.code
    return "used"


def test_a_code_that_is_forged_or_over_is_refused_and_not_used_up(desk: Desk) -> None:
    later_s = AT_MS // 1000 + 61
    forged = ({"machine": "door"}, {"nonce": "A" * 16}, {"expires_s": later_s}, {"signature": ""})
    for changes in forged:
        assert use_alone(desk, scanned(desk, **changes)) == "code_invalid", changes
    assert use_alone(desk, scanned(desk), AT_MS + 60_000) == "code_expired"
    assert use_alone(desk, scanned(desk), AT_MS - 11_000) == "code_expired", "from a clock that is ahead"
    assert use_alone(desk, scanned(desk), AT_MS + 59_000) == "used"


def test_used_codes_are_kept_for_a_day_only(desk: Desk) -> None:
    with desk.floor.db.write() as session:
        session.add(PhoneCodeUsed(nonce="o" * 16, machine="laser-1", member=desk.floor.ada, at_ms=0))
    assert use_alone(desk, scanned(desk)) == "used"
    with desk.floor.db.read() as session:
        assert session.get(PhoneCodeUsed, "o" * 16) is None


def test_who_signs_in_has_a_place_in_the_rosters_without_a_badge(desk: Desk) -> None:
    floor, peer = desk.floor, GatewayPeer(desk.floor)
    peer.hello()
    assert floor.ben not in peer.held.members
    with floor.db.write() as session:
        auth.set_password(session, floor.ben, "ben", "a long enough password", AT_MS)
    peer.update()
    assert peer.held.members[floor.ben].allowed == {"door": 0}
    again = GatewayPeer(floor)
    again.hello()
    assert set(again.held.members) == {floor.ben}


async def test_any_process_knows_how_a_reading_stands_and_the_one_that_was_asked_enrols(floor: Floor) -> None:
    one, two = Told(), Told()
    one.others, two.others = two.hears, one.hears
    asked, other = Desk(floor, crew=one), Desk(floor, crew=two)
    reading = await asked.ask()
    assert other.state() is ReadingState.WAITING
    await other.readings.take("gw", asked.sealed(reading))
    assert asked.enrolled() == []
    await asked.readings.take("gw", asked.sealed(reading))
    assert asked.state() is other.state() is ReadingState.ENROLLED
    assert len(asked.enrolled()) == 1
    await asked.ask(floor.ben)
    await other.readings.cancel(floor.ben, floor.ben, other.send)
    assert asked.state(floor.ben) is ReadingState.CANCELLED
