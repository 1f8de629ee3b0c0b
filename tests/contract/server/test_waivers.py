"""Waivers and minors: who has to sign, from which day, and what gateways are told of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from booking_api.gateways.turning import turn_day
from booking_api.happenings.models import Happened
from booking_api.happenings.words import Happening
from booking_api.machines import service as machines
from booking_api.machines.service import MachineChanges
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.care import Guardianship
from booking_api.members.models import Member
from booking_api.waivers import service as waivers
from booking_api.waivers.models import How, WaiverVersion
from booking_api.waivers.service import Signing, WaiverDetails
from floor.access import MemberStanding
from floor.errors import Refused
from tests.kit.rosters import GatewayPeer, badge
from tests.kit.server import NOW_MS, Floor

DAY_MS = 86_400_000
TODAY = datetime.fromtimestamp(NOW_MS / 1000, UTC).date()


def text(kind: str = "house-rules", **more: object) -> WaiverDetails:
    names, texts = {"en": "House rules", "zh": "守则"}, {"en": "Tidy up.", "zh": "请收拾干净。"}
    return WaiverDetails.model_validate({"kind": kind, "names": names, "texts": texts} | more)


def publish(floor: Floor, *details: WaiverDetails, now_ms: int = NOW_MS) -> WaiverVersion:
    with floor.db.write() as session:
        return [waivers.publish(session, one, "test", now_ms) for one in details][-1]


def sign(floor: Floor, version: str = "house-rules@1", guardian: bool = False, at_ms: int = NOW_MS) -> None:
    with floor.db.write() as session:
        signing = Signing(" Ada  Lovelace ", "zh", How.DESK, floor.ben, guardian)
        waivers.sign(session, floor.ada, version, signing, at_ms)


def missing(floor: Floor, day: date = TODAY) -> set[str]:
    with floor.db.read() as session:
        return waivers.missing(session, None, day)


def minor(floor: Floor, until: date) -> None:
    with floor.db.write() as session:
        given = Guardianship(minor_until=until, guardian=floor.ben)
        care.set_guardianship(session, floor.ada, given, NOW_MS)


def turn(floor: Floor, day: date) -> None:
    with floor.db.write() as session:
        turn_day(session, at(day))


def at(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def standing(peer: GatewayPeer, day: date | None = None) -> MemberStanding:
    """What the gateway holds of Ada, once a day has begun and it was told."""
    if day is not None:
        turn(peer.floor, day)
        peer.now_ms = at(day)
    peer.update()
    return peer.held.members[peer.floor.ada]


def test_who_has_not_signed_uses_no_machine(floor: Floor) -> None:
    badge(floor, floor.ada)
    peer = GatewayPeer(floor)
    peer.hello()
    assert not standing(peer).waiver_missing
    publish(floor, text())
    assert missing(floor) == {floor.ada, floor.ben}
    assert standing(peer).waiver_missing
    sign(floor)
    assert not standing(peer).waiver_missing
    with floor.db.read() as session:
        (signed,) = waivers.signatures(session, floor.ada)
        told = session.exec(select(Happened.member).where(Happened.what == Happening.WAIVER_DUE)).all()
    assert (signed.name, signed.language, signed.by) == ("Ada Lovelace", "zh", floor.ben)
    assert signed.sha256 == waivers.digest("请收拾干净。")
    assert set(told) == {floor.ada, floor.ben}


def test_a_version_that_asks_again_is_missing_from_its_day_on(floor: Floor) -> None:
    badge(floor, floor.ada)
    publish(floor, text())
    sign(floor)
    peer = GatewayPeer(floor)
    turn(floor, TODAY)
    peer.hello()
    due = TODAY + timedelta(days=10)
    publish(floor, text(again=False), text(due=due.isoformat()))
    assert missing(floor) == {floor.ben}
    assert missing(floor, due) == {floor.ada, floor.ben}
    with floor.db.read() as session:
        (asked,) = waivers.asked(session, members.get(session, floor.ada), TODAY)
    assert (asked.version.id, asked.due, asked.is_missing) == ("house-rules@3", due, False)
    assert not standing(peer, due - timedelta(days=1)).waiver_missing
    # Nobody looked for some days: the change is made up for.
    assert standing(peer, due + timedelta(days=3)).waiver_missing
    with pytest.raises(Refused, match="newer version"):
        sign(floor)
    sign(floor, "house-rules@3", at_ms=at(due))
    assert not standing(peer).waiver_missing


def test_a_text_for_some_machines_keeps_nobody_from_the_others(floor: Floor) -> None:
    badge(floor, floor.ada)
    badge(floor, floor.ben, bytes.fromhex("04a2b3c5"))
    peer = GatewayPeer(floor)
    turn(floor, TODAY)
    peer.hello()
    publish(floor, text("laser", machines=["laser-1"]))
    one = standing(peer)
    assert (one.waiver_missing, one.waiver_missing_at, sorted(one.allowed)) == (False, ("laser-1",), ["door"])
    assert missing(floor) == set()
    with floor.db.read() as session:
        laser = machines.get(session, "laser-1")
        assert waivers.missing(session, None, TODAY, laser) == {floor.ada, floor.ben}
        assert waivers.missing(session, None, TODAY, machines.get(session, "door")) == set()
        told = session.exec(select(Happened.member).where(Happened.what == Happening.WAIVER_DUE)).all()
    assert told == [floor.ada], "Ben may not use the laser cutter anyway"
    sign(floor, "laser@1")
    one = standing(peer)
    assert (one.waiver_missing_at, sorted(one.allowed)) == ((), ["door", "laser-1"])
    # From a day on it holds at every machine of a kind; who signed before need not sign anew.
    due = TODAY + timedelta(days=4)
    publish(floor, text("laser", machine_kinds=["other"], again=False, due=due.isoformat()))
    standing(peer, due - timedelta(days=1))
    assert peer.held.members[floor.ben].waiver_missing_at == ("laser-1",)
    assert standing(peer, due).waiver_missing_at == ()
    assert peer.held.members[floor.ben].waiver_missing_at == ("door", "laser-1")
    with floor.db.write() as session:
        machines.change(session, "door", MachineChanges(kind="entrance"), NOW_MS)
    peer.update()
    assert peer.held.members[floor.ben].waiver_missing_at == ("laser-1",)
    for wrong in ({"machines": ["none"]}, {"machine_kinds": ["none"]}):
        with pytest.raises(Refused):
            publish(floor, text("laser", **wrong))


def test_a_kind_that_is_given_up_is_missing_no_more(floor: Floor) -> None:
    publish(floor, text(), text(required=False))
    assert missing(floor) == set()
    with floor.db.read() as session:
        assert waivers.newest(session) == []


def test_who_joins_later_has_days_of_grace(floor: Floor) -> None:
    publish(floor, text(grace_days=3))
    assert missing(floor) == set()
    ends = TODAY + timedelta(days=3)
    assert missing(floor, ends) == {floor.ada, floor.ben}
    with floor.db.read() as session:
        (asked,) = waivers.asked(session, members.get(session, floor.ada), TODAY)
    assert (asked.due, asked.is_missing) == (ends, False), "they read of it before it keeps them out"


def test_a_minor_is_supervised_until_the_day(floor: Floor) -> None:
    badge(floor, floor.ada)
    peer = GatewayPeer(floor)
    turn(floor, TODAY)
    peer.hello()
    birthday = TODAY + timedelta(days=5)
    minor(floor, birthday)
    assert standing(peer).supervised
    assert standing(peer, birthday - timedelta(days=1)).supervised
    assert not standing(peer, birthday).supervised
    assert peer.update() is None, "a day turns once"


def test_a_guardian_signs_for_a_minor_who_signs_anew_when_of_age(floor: Floor) -> None:
    birthday = TODAY + timedelta(days=5)
    minor(floor, birthday)
    publish(floor, text("minors", minors_only=True), text())
    assert missing(floor) == {floor.ada, floor.ben}
    with pytest.raises(Refused, match="guardian signs"):
        sign(floor)
    sign(floor, guardian=True)
    assert missing(floor) == {floor.ada, floor.ben}
    sign(floor, "minors@1", guardian=True)
    assert missing(floor) == {floor.ben}
    assert missing(floor, birthday) == {floor.ben}
    assert missing(floor, birthday + care.AFTER_BIRTHDAY) == {floor.ada, floor.ben}
    sign(floor, at_ms=at(birthday))
    assert missing(floor, birthday + care.AFTER_BIRTHDAY) == {floor.ben}


def test_a_minor_has_a_guardian_who_is_of_age(floor: Floor) -> None:
    minor(floor, TODAY + timedelta(days=5))
    with floor.db.write() as session:
        for wrong in ({}, {"guardian_name": "Eve"}, {"guardian": floor.ada}, {"guardian": floor.ben}):
            given = Guardianship(minor_until=TODAY, **wrong)
            with pytest.raises(Refused):
                care.set_guardianship(session, floor.ben, given, NOW_MS)
        assert [one.id for one in care.wards(session, floor.ben, TODAY)] == [floor.ada]


def test_who_comes_of_age_on_a_day_that_is_not_every_year() -> None:
    assert care.of_age_on(date(2008, 2, 29)) == date(2026, 3, 1)
    assert care.of_age_on(date(2008, 3, 1)) == date(2026, 3, 1)


def test_a_suspension_ends_on_its_day_and_stays_in_the_history(floor: Floor) -> None:
    badge(floor, floor.ada)
    peer = GatewayPeer(floor)
    turn(floor, TODAY)
    peer.hello()
    until = TODAY + timedelta(days=2)
    with floor.db.write() as session:
        members.suspend(session, floor.ada, "left the saw running", NOW_MS, at(until), floor.ben)
    assert standing(peer).suspended
    assert standing(peer, until - timedelta(days=1)).suspended
    assert not standing(peer, until).suspended
    with floor.db.write() as session:
        with pytest.raises(Refused):
            members.suspend(session, floor.ada, "late", NOW_MS, NOW_MS)
        members.suspend(session, floor.ada, "again", NOW_MS, None, floor.ben)
        members.restore(session, floor.ada, NOW_MS + 1, floor.ben)
        history = members.suspensions(session, floor.ada)
        told = session.exec(select(Happened.what).where(Happened.member == floor.ada)).all()
    assert sorted((row.reason, row.by, row.ended_by) for row in history) == [
        ("again", floor.ben, floor.ben),
        ("left the saw running", floor.ben, ""),
    ]
    assert told.count(Happening.MEMBER_SUSPENDED) == told.count(Happening.MEMBER_RESTORED) == 2


def test_a_suspension_is_over_before_anybody_wrote_it() -> None:
    member = Member(
        id="m", number="1", first_name="", last_name="", shown_name="", account="m", created_ms=0,
        suspended_reason="x", suspended_until_ms=10,
    )  # fmt: skip
    assert members.is_suspended(member, 9)
    assert not members.is_suspended(member, 10)
