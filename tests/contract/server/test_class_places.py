"""Places in classes: who waits is offered what becomes free; who comes is certified; class mode."""

from __future__ import annotations

import asyncio

import pytest
from sqlmodel import col, select

from booking_api.certifications import service, skills
from booking_api.certifications.models import Skill
from booking_api.courses import attendance, classes, rounds
from booking_api.courses.classes import ClassDetails
from booking_api.courses.models import ClassWaiting
from booking_api.happenings.models import Happened
from booking_api.happenings.words import Happening
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.members import service as members
from booking_api.members.service import MemberDetails
from floor.errors import Refused
from floor.money import Commodity
from tests.kit.server import NOW_MS, Floor

EUR, HOUR, DAY = 1_000_000, 3_600_000, 86_400_000
TRAINING = """
[[skills]]
id = "safety"
name = "Safety"
[[skills]]
id = "laser-basic"
name = "Laser"
months = 24
[skills.quiz]
[[skills.quiz.questions]]
text = "Which?"
right = ["This"]
wrong = ["That"]
"""
COURSES = """
valid_from = 2026-01-01
[[courses]]
id = "laser"
name = "Laser cutting"
price = 50
capacity = 1
certifies = ["safety", "laser-basic"]
machines = ["laser-1"]
opens_machines = true
offer_hours = 12
[[courses]]
id = "expert"
name = "For old hands"
price = 0
certifies = ["laser-1"]
requires = "safety"
"""
STARTS_MS = NOW_MS + 5 * DAY


@pytest.fixture
def taught(floor: Floor) -> tuple[Floor, str, list[str]]:
    """A floor with a class of one place, and three who want it."""
    with floor.db.write() as session:
        skills.put_file(session, TRAINING, "training.toml", NOW_MS)
        classes.put_file(session, COURSES, "classes.toml", Commodity("EUR"), "test", NOW_MS)
        details = ClassDetails(course="laser", instructor=floor.ben, starts_ms=STARTS_MS)
        id = classes.plan(session, details, NOW_MS).id
        names = ("Cleo", "Dora")
        more = [
            members.add(session, MemberDetails(first_name=one, last_name="Elm"), NOW_MS).id for one in names
        ]
    return floor, id, [floor.ada, *more]


def offered(floor: Floor) -> list[str | None]:
    with floor.db.read() as session:
        rows = select(Happened.member).where(Happened.what == Happening.CLASS_OFFERED)
        return list(session.exec(rows.order_by(col(Happened.id))))


def test_a_place_that_becomes_free_is_offered_to_the_next(taught: tuple[Floor, str, list[str]]) -> None:
    floor, id, (ada, cleo, dora) = taught

    def owed(member: str) -> int:
        with floor.db.read() as session:
            return ledger.balance(session, member_account(member), "EUR")

    with floor.db.write() as session:
        with pytest.raises(Refused, match="free place"):
            classes.wait(session, id, ada, NOW_MS)
        classes.sign_up(session, id, ada, ada, NOW_MS)
        with pytest.raises(Refused, match="full"):
            classes.sign_up(session, id, cleo, cleo, NOW_MS)
        assert classes.wait(session, id, cleo, NOW_MS).id == classes.wait(session, id, cleo, NOW_MS + 1).id
        classes.wait(session, id, dora, NOW_MS + 2)
        with pytest.raises(Refused, match="have a place"):
            classes.wait(session, id, ada, NOW_MS)
    assert offered(floor) == []
    with floor.db.write() as session:
        assert classes.cancel(session, id, ada, ada, NOW_MS + HOUR)
    assert (offered(floor), owed(ada)) == ([cleo], 0)
    with floor.db.write() as session:
        assert classes.seen(session, id, NOW_MS + 2 * HOUR).left == 0
        assert classes.turn_of(session, id, cleo, NOW_MS + 2 * HOUR) == (1, NOW_MS + 13 * HOUR)
        for member in (ada, dora):
            with pytest.raises(Refused, match="full"):
                classes.sign_up(session, id, member, member, NOW_MS + 2 * HOUR)
    # Cleo lets it lapse: it is Dora's from that instant, before anybody has looked.
    with floor.db.write() as session:
        assert classes.turn_of(session, id, dora, NOW_MS + 14 * HOUR) == (2, NOW_MS + 25 * HOUR)
        with pytest.raises(Refused, match="full"):
            classes.sign_up(session, id, cleo, cleo, NOW_MS + 14 * HOUR)
        rounds.look(session, NOW_MS + 14 * HOUR)
        rounds.look(session, NOW_MS + 15 * HOUR)
    assert offered(floor) == [cleo, dora]
    with floor.db.write() as session:
        classes.sign_up(session, id, dora, dora, NOW_MS + 20 * HOUR)
        left = session.exec(select(ClassWaiting).where(col(ClassWaiting.left_ms).is_(None))).all()
    assert ([one.member for one in left], owed(dora), owed(cleo)) == ([cleo], 50 * EUR, 0)


def test_who_refuses_an_offer_passes_it_on_and_who_comes_back_is_last(
    taught: tuple[Floor, str, list[str]],
) -> None:
    floor, id, (ada, cleo, dora) = taught
    with floor.db.write() as session:
        classes.sign_up(session, id, ada, ada, NOW_MS)
        classes.wait(session, id, cleo, NOW_MS)
        classes.wait(session, id, dora, NOW_MS + 1)
        classes.cancel(session, id, ada, ada, NOW_MS + 2)
        classes.stop_waiting(session, id, cleo, NOW_MS + 3)
        with pytest.raises(Refused, match="do not wait"):
            classes.stop_waiting(session, id, cleo, NOW_MS + 3)
        classes.wait(session, id, cleo, NOW_MS + 4)
        assert classes.turn_of(session, id, cleo, NOW_MS + 5) == (2, None)
        assert classes.turn_of(session, id, dora, NOW_MS + 5) == (1, NOW_MS + 3 + 12 * HOUR)
    assert offered(floor) == [cleo, dora]
    with floor.db.write() as session:
        classes.call_off(session, id, floor.ben, NOW_MS + 6, "no laser")
    with floor.db.read() as session:
        rows = select(Happened).where(Happened.what == Happening.CLASS_CALLED_OFF)
        told = {row.member: row.data["reason"] for row in session.exec(rows)}
    assert told == {cleo: "no laser", dora: "no laser"}


def test_who_came_is_certified_as_far_as_they_are_ready(taught: tuple[Floor, str, list[str]]) -> None:
    floor, id, (ada, cleo, _) = taught
    with floor.db.write() as session:
        classes.sign_up(session, id, ada, ada, NOW_MS)
        attendance.attend(session, id, ada, STARTS_MS + 1)
    with floor.db.write() as session:
        row = classes.get(session, id)
        assert attendance.lacking(session, row, ada) == ["laser-basic"], "its quiz comes first"
        skill = session.get(Skill, "laser-basic")
        assert skill is not None
        skill.quiz = None
        session.add(skill)
        session.flush()
        attendance.attend(session, id, ada, STARTS_MS + 2)
        assert attendance.lacking(session, row, ada) == []
        held = {one.skill: one for one in service.of_member(session, ada)}
        assert held["laser-basic"].granted_by == floor.ben
        assert held["laser-basic"].expires_ms is not None
        attendance.attend(session, id, ada, STARTS_MS + 3, came=False)
        details = ClassDetails(course="expert", instructor=floor.ben, starts_ms=STARTS_MS)
        expert = classes.plan(session, details, NOW_MS)
        with pytest.raises(Refused, match="First comes: Safety"):
            classes.sign_up(session, expert.id, cleo, cleo, NOW_MS)
        classes.sign_up(session, expert.id, ada, ada, NOW_MS)


async def test_two_who_want_the_last_place(taught: tuple[Floor, str, list[str]]) -> None:
    floor, id, people = taught

    def take(member: str) -> bool:
        try:
            with floor.db.write() as session:
                classes.sign_up(session, id, member, member, NOW_MS)
        except Refused:
            return False
        return True

    took = await asyncio.gather(*(asyncio.to_thread(take, member) for member in people))
    assert sum(took) == 1
