"""Phones at a station: which codes are taken, and what a tap by phone does beside one by badge."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from firmware_bridge.simulated.driver import SimulatedMachine
from floor.gateway_keys import PhoneCode, Purpose, derived, phone_reference
from floor.ids import badge_reference
from floor.policy import MachinePolicy, OnLeave
from floor.session import Holding
from floor.wire.journal import SessionEnded, SessionStarted, TapRefused
from floor.wire.messages import Command, PhoneTapped, Reply
from floor.words import DenialReason, StopType
from gateway.house import House
from gateway.orders import Orders
from gateway.phone import PhoneCodes
from gateway.station_phone import Phones
from gateway.wiring import PhoneTap
from tests.kit.gateway import ADA, BADGE_KEY, BEN, NOW_MS, Bench

SERVER = "https://floor.example"


class Hall:
    """A bench whose station shows codes; time for codes stands until a test moves it."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.age_s = bench, 0.0
        self.said: list[Reply] = []
        self.codes = PhoneCodes("gw", SERVER, BADGE_KEY, wall_s=lambda: 1e9, now_s=lambda: self.age_s)
        stations = {"laser": bench.station}
        self.orders = Orders(
            "gw",
            BADGE_KEY,
            House(stations, lambda *_: None),
            self.codes,
            lambda _, told: self.said.append(told),
        )  # type: ignore[arg-type]

    def scan(self) -> str:
        """Return the nonce of the code that the station shows."""
        return parse_qs(urlsplit(self.codes.show("laser")).query)["n"][0]

    async def tap(self, member: str, nonce: str | None = None, machine: str = "laser") -> Reply:
        """Order a tap, and return what the station answers."""
        order = PhoneTapped(machine=machine, member=member, nonce=nonce or self.scan())
        command = Command(id="c", gateway="gw", by=member, issued_ms=0, expires_ms=NOW_MS, order=order)
        answer = self.orders.carry(command)
        if answer is None:
            since, event = self.bench.station._queue.get_nowait()
            await self.bench.station.handle(event, since)
            answer = self.said.pop()
        return answer


@pytest.fixture
async def hall(tmp_path):
    bench = Bench(tmp_path)
    yield Hall(bench)
    bench.journal.close()


async def test_a_phone_begins_and_ends_a_session(hall):
    reply = await hall.tap("ada")
    assert (reply.done, reply.tap, hall.bench.relay.is_on) == (True, "began", True)
    await hall.bench.pass_s(20)
    reply = await hall.tap("ada")
    assert (reply.done, reply.tap, hall.bench.relay.is_on) == (True, "ended", False)
    started, ended = await hall.bench.facts()
    assert isinstance(started, SessionStarted)
    assert (started.member, started.badge) == ("ada", phone_reference(BADGE_KEY, "ada"))
    assert (ended.stop_type, ended.elapsed_ms) == (StopType.TAP_OUT, 20_000)


@pytest.mark.parametrize("first", ["badge", "phone"])
async def test_what_began_by_badge_ends_by_phone_and_the_other_way(hall, first):
    for by in (first, "phone" if first == "badge" else "badge"):
        if by == "badge":
            await hall.bench.tap(ADA)
        else:
            assert (await hall.tap("ada")).done
    started, ended = await hall.bench.facts()
    assert isinstance(ended, SessionEnded)
    assert ended.session_id == started.session_id
    assert not hall.bench.relay.is_on


async def test_a_phone_leaves_a_printer_to_its_job_and_comes_back(tmp_path):
    from firmware_bridge.events import JobStarted

    policy = MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB)
    bench = Bench(tmp_path, policy, SimulatedMachine())
    hall = Hall(bench)
    await hall.tap("ada")
    await bench.station.handle(JobStarted("1", "gear.gcode", None), 0.0)
    assert (await hall.tap("ada")).tap == "held"
    assert isinstance(bench.station.state, Holding)
    assert (await hall.tap("ada")).tap == "resumed"
    bench.journal.close()


async def test_a_refusal_is_told_with_its_reason_and_recorded(hall):
    reply = await hall.tap("ben")
    assert (reply.done, reply.reason) == (False, DenialReason.NOT_CERTIFIED)
    refused = (await hall.bench.facts())[0]
    assert isinstance(refused, TapRefused)
    assert (refused.member, refused.badge) == ("ben", phone_reference(BADGE_KEY, "ben"))
    assert (await hall.tap("stranger")).reason is DenialReason.UNKNOWN_BADGE
    await hall.bench.tap(ADA)
    assert (await hall.tap("ben")).reason is not None
    assert hall.bench.relay.is_on


async def test_a_phone_is_no_weak_badge(tmp_path):
    bench = Bench(tmp_path, MachinePolicy(accepts_weak_badges=False))
    await bench.tap(ADA)
    assert not bench.relay.is_on
    assert (await Hall(bench).tap("ada")).tap == "began"
    bench.journal.close()


async def test_a_code_is_taken_once_for_whoever_comes_first(hall):
    nonce = hall.scan()
    assert (await hall.tap("ada", nonce)).tap == "began"
    assert (await hall.tap("ada", nonce)).tap == "code_over", "a replay does not end the session"
    assert (await hall.tap("ben", nonce)).tap == "code_over"
    assert hall.bench.relay.is_on
    assert hall.scan() != nonce, "a used code is not shown any more"


async def test_a_code_that_was_photographed_is_worth_nothing_after_a_minute(hall):
    nonce = hall.scan()
    hall.age_s = 59.0
    kept = hall.scan()
    assert kept != nonce, "a new one comes each half minute"
    hall.age_s = 60.0
    assert (await hall.tap("ada", nonce)).tap == "code_over"
    assert (await hall.tap("ada", kept)).tap == "began"


async def test_only_a_code_that_this_station_showed_is_taken(hall):
    hall.codes.show("saw")
    other = parse_qs(urlsplit(hall.codes.show("saw")).query)["n"][0]
    for nonce in (other, "A" * 16):
        assert (await hall.tap("ada", nonce)).tap == "code_over"
    assert not hall.bench.relay.is_on
    again = PhoneCodes("gw", SERVER, BADGE_KEY)
    assert not again.take("laser", hall.scan()), "a gateway that began anew has shown nothing yet"


async def test_a_tap_that_waited_too_long_for_its_station_does_nothing(hall):
    answers = []
    tap = PhoneTap("ada", "ref", answers.append)
    await hall.bench.station.handle(tap, time.perf_counter() - 4)
    assert answers == ["code_over"]
    assert not hall.bench.relay.is_on


async def test_a_gateway_that_does_not_know_the_time_takes_no_phone(hall):
    nonce = hall.scan()
    hall.bench.clock.trusted = False
    assert (await hall.tap("ada", nonce)).tap == "code_over"


async def test_where_the_card_must_stay_no_phone_stands_for_it(tmp_path):
    bench = Bench(tmp_path, MachinePolicy(card_must_stay=True))
    hall = Hall(bench)
    assert await Phones(hall.codes, lambda: True).part(bench.station, "en") == ""
    assert (await hall.tap("ada")).tap == "code_over"
    bench.journal.close()


def test_a_code_is_signed_for_its_gateway_station_and_minute():
    code = PhoneCode("gw", "laser", "n" * 16, 1_000)
    signature = code.signature(BADGE_KEY)
    assert code.proven_by(signature, BADGE_KEY)
    for other in (
        PhoneCode("gx", "laser", "n" * 16, 1_000),
        PhoneCode("gw", "saw", "n" * 16, 1_000),
        PhoneCode("gw", "laser", "m" * 16, 1_000),
        PhoneCode("gw", "laser", "n" * 16, 1_060),
    ):
        assert not other.proven_by(signature, BADGE_KEY)
    assert not code.proven_by(signature, bytes(32))
    assert not code.proven_by("☃", BADGE_KEY)


def test_no_badge_has_a_reference_that_is_a_key():
    """A reference is an HMAC under the badge key and stands in rosters: none may give a derived key away."""
    for purpose in Purpose:
        key = derived(BADGE_KEY, purpose)
        assert badge_reference(BADGE_KEY, purpose.encode() + b"\x01") != key.hex()[:32]
    assert len({derived(BADGE_KEY, purpose) for purpose in Purpose}) == len(Purpose)


async def test_the_page_says_so_where_phones_are_of_no_use(hall):
    station = hall.bench.station
    assert await Phones(PhoneCodes("gw", "", BADGE_KEY), lambda: True).part(station, "en") == ""
    offline = await Phones(hall.codes, lambda: False).part(station, "zh")
    assert "未连接到服务器" in offline
    assert "<svg" not in offline
    shown = await Phones(hall.codes, lambda: True).part(station, "en")
    assert re.search(r"<svg[^>]*viewBox", shown)
    assert "style=" not in shown
    await hall.bench.tap(BEN)
    assert "<svg" in await Phones(hall.codes, lambda: True).part(station, "en")
