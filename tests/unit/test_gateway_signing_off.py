"""Signing off at a station: the instructor's badge, then the student's, and a fact of the journal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from floor.session import Free
from floor.wire.journal import SessionStarted, SignedOff
from floor.wire.messages import LockOut, ReadBadge
from floor.words import InputRole
from gateway.phone import PhoneCodes
from gateway.wiring import Ordered, PhoneTap
from hardware.events import ButtonPressed
from tests.kit.gateway import ADA, BADGE_KEY, EVE
from tests.unit.test_gateway_reservations import BADGES, CAL, IVY, MEMBERS, Booked


class Signing(Booked):
    """A bench at which Ivy may sign off."""

    def teach(self, **changes: object) -> None:
        self.book(members={"ivy": replace(MEMBERS["ivy"], signs_off=True, **changes)})  # type: ignore[arg-type]

    async def press(self) -> None:
        await self.station.handle(ButtonPressed(InputRole.SIGN_OFF), 0.0)

    async def signed(self) -> list[SignedOff]:
        return [fact for fact in await self.facts() if isinstance(fact, SignedOff)]


@pytest.fixture
async def bench(tmp_path):
    made = Signing(tmp_path)
    made.teach()
    yield made
    made.journal.close()


async def test_two_badges_sign_somebody_off_and_begin_nothing(bench):
    await bench.press()
    assert bench.panel.screens[-1].lines[1:] == (
        "Sign-off: the instructor's badge first",
        "培训签核：请教师先刷卡",
    )
    await bench.tap(IVY)
    assert bench.panel.screens[-1].lines[1] == "Now the student's badge, within 30 s"
    await bench.tap(CAL)
    assert bench.said == "Cal 已通过 Laser 的培训签核，服务器收到后立即生效"
    badges = {standing.member: reference for reference, standing in BADGES.items()}
    expected = SignedOff(machine="laser", member="cal", badge=badges["cal"], by="ivy", by_badge=badges["ivy"])
    assert await bench.facts() == [expected]
    assert not bench.relay.is_on
    await bench.tap(CAL)
    assert bench.station.state == Free(), "it is valid once the server has said so"
    bench.book(members={"cal": replace(MEMBERS["cal"], allowed={"laser": 0})})
    await bench.tap(CAL)
    assert bench.relay.is_on


async def test_who_may_not_sign_off_ends_it(bench):
    for changes in ({"signs_off": False}, {"allowed": {}}, {"suspended": True}):
        bench.book(
            members={
                "ivy": replace(MEMBERS["ivy"], **({"signs_off": True} | changes)),
                "ada": replace(MEMBERS["ada"], signs_off=True),
            }
        )
        await bench.press()
        await bench.tap(IVY)
        assert bench.said == "Only an instructor who is trained here signs off", changes
        assert not bench.station.signing.waits()
    await bench.press()
    await bench.tap(ADA)
    assert bench.said == "Only an instructor who is trained here signs off", "who may not stand by either"
    assert await bench.facts() == []


@pytest.mark.parametrize("uid", [EVE, IVY])
async def test_a_badge_that_is_nobody_s_or_the_instructor_s_own_signs_nobody_off(bench, uid):
    await bench.press()
    await bench.tap(IVY)
    await bench.tap(uid)
    assert not bench.station.signing.waits()
    await bench.tap(CAL)
    assert await bench.signed() == []


async def test_each_badge_is_waited_for_half_a_minute(bench):
    await bench.press()
    await bench.pass_s(29)
    await bench.tap(IVY)
    await bench.pass_s(30)
    assert bench.said == "Nobody was signed off"
    await bench.tap(CAL)
    await bench.press()
    await bench.pass_s(31)
    await bench.tap(IVY)
    assert bench.relay.is_on, "a tap is a tap again"
    assert await bench.signed() == []


async def test_it_begins_only_where_nothing_runs_and_somebody_could(bench):
    await bench.tap(ADA)
    await bench.press()
    assert not bench.station.signing.waits()
    await bench.tap(ADA)
    bench.book()
    await bench.press()
    assert not bench.station.signing.waits(), "an older server names nobody who signs off"
    bench.teach()
    order = ReadBadge(machine="laser", reading="r1", for_s=45)
    assert bench.station.reading.begin(order, lambda order, tap: None)
    await bench.press()
    assert not bench.station.signing.waits()


async def test_a_lockout_ends_it(bench):
    await bench.press()
    await bench.tap(IVY)
    await bench.station.handle(Ordered(LockOut(machine="laser", reason="belt"), "tech"), 0.0)
    await bench.tap(CAL)
    assert await bench.signed() == []


async def test_a_phone_signs_nobody_off(bench):
    codes = PhoneCodes("gw", "https://floor.example", BADGE_KEY)
    said: list[object] = []
    await bench.press()
    for member in ("ivy", "cal"):
        await bench.station.taps.heard(PhoneTap(member, codes.reference(member), said.append), 1e12)
    assert said == ["code_over"] * 2
    assert not any(isinstance(fact, SignedOff | SessionStarted) for fact in await bench.facts())
