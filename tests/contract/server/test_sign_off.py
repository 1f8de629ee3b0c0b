"""Sign-offs at machines become certifications once, on both databases, and only by who may sign off."""

from __future__ import annotations

import pytest
from sqlmodel import select

from booking_api.certifications import service as certifications
from booking_api.certifications.models import Certification
from booking_api.gateways import enrol
from booking_api.happenings.models import Happened
from booking_api.happenings.words import Happening
from booking_api.members import service as members
from booking_api.sessions.models import Alarm
from floor.wire.journal import SignedOff
from floor.words import Role
from tests.kit.rosters import GatewayPeer, badge
from tests.kit.server import NOW_MS, Floor, Writer

LATER_MS = NOW_MS + 3_600_000


def teach(floor: Floor, role: Role = Role.INSTRUCTOR) -> None:
    """Ada is of a role, and trained at laser-1."""
    with floor.db.write() as session:
        members.change(session, floor.ada, members.MemberChanges(role=role), NOW_MS)


def signed(floor: Floor, machine: str = "laser-1", member: str = "", by: str = "") -> SignedOff:
    return SignedOff(
        machine=machine, member=member or floor.ben, badge="b1", by=by or floor.ada, by_badge="b2"
    )


def held(floor: Floor) -> tuple[str, int, int | None] | None:
    with floor.db.read() as session:
        kept = session.get(Certification, (floor.ben, "laser-1"))
        return (kept.granted_by, kept.granted_ms, kept.revoked_ms) if kept else None


def alarms(floor: Floor) -> list[str]:
    with floor.db.read() as session:
        found = session.exec(select(Alarm).where(Alarm.code == "sign_off_refused"))
        return [alarm.words.partition(": ")[2] for alarm in found]


def test_a_sign_off_is_a_certification_that_the_gateway_is_told_at_once(floor: Floor) -> None:
    teach(floor)
    badge(floor, floor.ada, b"\x01" * 4)
    badge(floor, floor.ben, b"\x02" * 4)
    gateway = GatewayPeer(floor)
    gateway.hello()
    standing = gateway.held.members[floor.ada]
    assert (standing.supervisor, standing.signs_off) == (True, True)
    assert not gateway.held.members[floor.ben].signs_off
    assert gateway.held.members[floor.ben].allowed == {"door": 0}
    journal = Writer()
    at_ms = journal.write(signed(floor)).recorded_ms
    floor.apply(journal.batch(), LATER_MS)
    assert held(floor) == (floor.ada, at_ms, None)
    assert gateway.update() is not None
    assert gateway.held.members[floor.ben].allowed == {"door": 0, "laser-1": 0}
    assert alarms(floor) == []


def test_who_may_not_sign_off_raises_an_alarm(floor: Floor) -> None:
    journal = Writer()
    journal.write(signed(floor))
    floor.apply(journal.batch(), LATER_MS)
    teach(floor, Role.TECHNICIAN)
    journal.write(signed(floor))
    journal.write(signed(floor, by="nobody"))
    journal.write(signed(floor, member="nobody"))
    journal.write(signed(floor, machine="elsewhere"))
    floor.apply(journal.batch(2), LATER_MS)
    teach(floor)
    journal.write(signed(floor, member="nobody"))
    journal.write(signed(floor, member=floor.ada))
    floor.apply(journal.batch(6), LATER_MS)
    with floor.db.write() as session:
        certifications.revoke(session, floor.ada, "laser-1", floor.ben, NOW_MS)
    journal.write(signed(floor))
    floor.apply(journal.batch(8), LATER_MS)
    assert held(floor) is None
    assert [words.split(" ")[-1] for words in alarms(floor)] == [
        "member.",
        "member.",
        "nobody.",
        "nobody.",
        "elsewhere.",
        "nobody.",
        "off.",
        "themselves.",
    ]
    with floor.db.read() as session:
        told = session.exec(select(Happened).where(Happened.what == Happening.ALARM_RAISED)).all()
    assert len(told) == len(alarms(floor)), "webhooks and notices tell of them too"
    with floor.db.write() as session:
        members.suspend(session, floor.ada, "late", NOW_MS)
        certifications.grant(session, floor.ada, "laser-1", floor.ben, NOW_MS)
    journal.write(signed(floor))
    floor.apply(journal.batch(9), LATER_MS)
    assert held(floor) is None


def test_a_gateway_speaks_for_its_own_machines_alone(floor: Floor) -> None:
    teach(floor)
    with floor.db.write() as session:
        enrol.enrol(session, floor.vault, "gw2", NOW_MS)
    journal = Writer("gw2")
    journal.write(signed(floor))
    floor.apply(journal.batch(), LATER_MS)
    assert held(floor) is None
    assert alarms(floor) == ["laser-1 is no machine of gw2."]


@pytest.mark.parametrize("late", [False, True])
def test_what_staff_said_since_stands(floor: Floor, late: bool) -> None:
    teach(floor)
    journal = Writer()
    at_ms = journal.write(signed(floor)).recorded_ms
    with floor.db.write() as session:
        certifications.grant(session, floor.ben, "laser-1", floor.ada, at_ms, LATER_MS)
        if late:
            certifications.revoke(session, floor.ben, "laser-1", floor.ada, at_ms + 1)
    floor.apply(journal.batch(), LATER_MS)
    assert held(floor) == (floor.ada, at_ms, at_ms + 1 if late else None)
    assert alarms(floor) == (["What the machine asks for was revoked since."] if late else [])


def test_told_again_in_a_new_epoch_or_without_a_clock(floor: Floor) -> None:
    teach(floor)
    journal = Writer()
    journal.write(signed(floor))
    floor.apply(journal.batch(), LATER_MS)
    with floor.db.write() as session:
        certifications.revoke(session, floor.ben, "laser-1", floor.ada, NOW_MS)
    again = Writer(epoch=2)
    again.write(signed(floor))
    floor.apply(again.batch(), LATER_MS)
    assert held(floor) is not None
    assert held(floor)[2] == NOW_MS, "a certification that was revoked stays so"  # type: ignore[index]
    again.clock_error_ms = None
    again.write(signed(floor))
    floor.apply(again.batch(2), LATER_MS)
    assert held(floor) == (floor.ada, LATER_MS, None), "who does not know the time says it now"
