"""A badge that is read for the server is no tap; the next one is."""

from __future__ import annotations

import time
from base64 import b64decode

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from floor.gateway_keys import Purpose, badge_read_context, derived
from floor.wire.messages import BadgeRead, Command, EndReading, Identify, Order, ReadBadge, Reply
from floor.words import BadgeKind, DenialReason
from gateway import reading
from gateway.house import House
from gateway.orders import Orders
from gateway.phone import PhoneCodes
from gateway.reading import HOLD
from hardware.events import BadgeTapped
from tests.kit.gateway import ADA, BADGE_KEY, BEN, EVE, NOW_MS, Bench

READ = ReadBadge(machine="laser", reading="r1", for_s=45)


class Desk:
    """A bench that takes orders, and what it sends up."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.sent: list[BadgeRead] = []
        codes = PhoneCodes("gw", "", BADGE_KEY)
        stations = {"laser": bench.station}
        self._orders = Orders(
            "gw", BADGE_KEY, House(stations, lambda *_: None), codes, lambda _, told: self.sent.append(told)
        )  # type: ignore[arg-type]

    def order(self, order: Order) -> Reply | None:
        command = Command(id="c", gateway="gw", by="olga", issued_ms=0, expires_ms=NOW_MS, order=order)
        return self._orders.carry(command)

    async def tap(self, uid: bytes, since: float | None = None) -> None:
        at = time.perf_counter() if since is None else since
        await self.bench.station.handle(BadgeTapped(uid, BadgeKind.UID_13MHZ), at)

    @property
    def untouched(self) -> bool:
        """Whether nothing was recorded: no session, no refusal."""
        return self.bench.journal.next_seq == 1 and not self.bench.relay.is_on


@pytest.fixture
async def desk(tmp_path):
    bench = Bench(tmp_path)
    yield Desk(bench)
    bench.journal.close()


def opened(read: BadgeRead, gateway: str = "gw", machine: str = "laser", id: str = "r1") -> str:
    sealed = b64decode(read.sealed)
    key = AESGCM(derived(BADGE_KEY, Purpose.BADGE_READ))
    return key.decrypt(sealed[:12], sealed[12:], badge_read_context(gateway, machine, id)).decode()


@pytest.mark.parametrize("uid", [EVE, ADA])
async def test_the_next_badge_is_read_and_is_neither_a_session_nor_a_refusal(desk, uid):
    assert desk.order(READ).done
    assert tuple(desk.bench.panel.screens[-1].lines[1:]) == HOLD
    await desk.tap(uid)
    assert opened(desk.sent[0]) == f"uid_13mhz {uid.hex()}"
    assert desk.untouched
    assert desk.bench.said == "Tap your badge"


async def test_a_badge_opens_for_its_own_order_only(desk):
    desk.order(READ)
    await desk.tap(EVE)
    assert uid_not_in(desk.sent[0])
    for other in ({"gateway": "gx"}, {"machine": "saw"}, {"id": "r2"}):
        with pytest.raises(InvalidTag):
            opened(desk.sent[0], **other)


def uid_not_in(read: BadgeRead) -> bool:
    return EVE.hex() not in read.model_dump_json() and EVE not in b64decode(read.sealed)


async def test_only_one_badge_is_read(desk):
    desk.order(READ)
    await desk.tap(EVE)
    await desk.tap(EVE)
    assert len(desk.sent) == 1
    assert desk.untouched, "the same badge is still in somebody's hand"
    await desk.tap(ADA)
    assert desk.bench.relay.is_on, "another one is a tap"


async def test_a_badge_that_came_before_the_order_is_a_tap(desk):
    before = time.perf_counter()
    desk.order(READ)
    await desk.tap(ADA, before)
    assert desk.bench.relay.is_on
    assert desk.sent == []


async def test_nothing_is_read_while_a_session_runs(desk):
    await desk.tap(ADA)
    reply = desk.order(READ)
    assert (reply.done, reply.reason) == (False, DenialReason.IN_USE)
    await desk.tap(ADA)
    assert not desk.bench.relay.is_on


@pytest.mark.parametrize(
    "order", [EndReading(machine="laser", reading="r1"), Identify(machine="laser")], ids=lambda one: one.type
)
async def test_another_order_ends_it(desk, order):
    desk.order(READ)
    desk.order(order)
    await desk.tap(ADA)
    assert desk.bench.relay.is_on
    assert desk.sent == []


async def test_the_end_of_its_time_ends_it(desk, monkeypatch):
    desk.order(READ)
    later = time.perf_counter() + READ.for_s
    monkeypatch.setattr(reading.time, "perf_counter", lambda: later)
    assert not desk.bench.station.reading.waits()
    await desk.bench.pass_s(1)
    assert desk.bench.said == "Tap your badge"
    await desk.tap(BEN, later)
    assert desk.sent == []
    assert not desk.untouched


async def test_a_second_order_takes_the_place_of_the_first(desk):
    desk.order(READ)
    desk.order(READ.model_copy(update={"reading": "r2"}))
    await desk.tap(EVE)
    assert [read.reading for read in desk.sent] == ["r2"]
