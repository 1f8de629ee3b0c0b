"""Skills, and what they let members do, on both databases: rosters, sign-off, quizzes, lapses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event, insert
from sqlmodel import Session, col, select

from booking_api.certifications import lapses, quizzes, service, sign_off, skills, standing
from booking_api.certifications.models import Certification
from booking_api.happenings.models import Happened
from booking_api.happenings.words import Happening
from booking_api.machines import service as machines
from booking_api.machines.service import MachineChanges, MachineDetails
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.members.service import MemberChanges
from floor.errors import ConfigError, Refused
from floor.wire.roster import RosterDelta
from floor.words import Role
from tests.kit.engine import url_in
from tests.kit.rosters import GatewayPeer, badge
from tests.kit.server import NOW_MS, Floor, Writer, make_floor

DAY, HOUR = 86_400_000, 3_600_000
TRAINING = """
[[skills]]
id = "safety"
name = { en = "Safety", zh = "安全" }
months = 12

[[skills]]
id = "laser-basic"
name = "Laser, basics"
requires = "safety"
lasting = true
unused_days = 90

[[skills]]
id = "laser-expert"
name = "Laser, by an old hand"

[[skills]]
id = "welding"
name = "Welding"
hours = 10

[skills.quiz]
pass = 100
tries = 2
wait_hours = 1
enough = true
[[skills.quiz.questions]]
text = "What must you wear?"
right = ["A helmet"]
wrong = ["Sandals", "Nylon"]
"""
ASKS = {"any": [{"all": ["safety", "laser-basic"]}, "laser-expert"]}


@pytest.fixture
def trained(floor: Floor) -> Floor:
    """A floor whose laser asks for skills; Ben is an instructor."""
    with floor.db.write() as session:
        skills.put_file(session, TRAINING, "training.toml", NOW_MS)
        machines.change(session, "laser-1", MachineChanges(requires=ASKS), NOW_MS)
        members.change(session, floor.ben, MemberChanges(role=Role.INSTRUCTOR), NOW_MS)
    return floor


def until(floor: Floor, machine: str = "laser-1", now_ms: int = NOW_MS) -> int | None:
    with floor.db.read() as session:
        return service.until_ms(session, floor.ada, machine, now_ms)


def told(floor: Floor, what: Happening) -> list[tuple[str, str | None]]:
    with floor.db.read() as session:
        rows = session.exec(select(Happened).where(Happened.what == what).order_by(col(Happened.id)))
        return [(row.subject, row.member) for row in rows]


def test_a_machine_asks_for_any_and_all_and_the_roster_follows(trained: Floor) -> None:
    badge(trained, trained.ada)
    peer = GatewayPeer(trained)
    peer.hello()
    assert peer.held.members[trained.ada].allowed == {"door": 0}, "its own skill is asked for no more"
    with trained.db.write() as session:
        with pytest.raises(Refused, match="First comes: Safety"):
            service.grant(session, trained.ada, "laser-basic", trained.ben, NOW_MS)
        service.grant(session, trained.ada, "safety", trained.ben, NOW_MS)
    assert until(trained) is None
    with trained.db.write() as session:
        service.grant(session, trained.ada, "laser-basic", trained.ben, NOW_MS)
    assert until(trained) == NOW_MS + 90 * DAY
    assert isinstance(peer.update(), RosterDelta)
    assert peer.held.members[trained.ada].allowed == {"door": 0, "laser-1": NOW_MS + 90 * DAY}
    # Use moves the end, and the roster with it.
    journal = Writer()
    journal.session(trained.ada, 30)
    trained.apply(journal.batch(), NOW_MS + HOUR)
    (used,) = trained.sessions().values()
    assert used.ended_ms is not None
    peer.update()
    assert peer.held.members[trained.ada].allowed["laser-1"] == used.ended_ms + 90 * DAY
    # What it rests on is taken away: so is the machine.
    with trained.db.write() as session:
        service.revoke(session, trained.ada, "safety", trained.ben, NOW_MS, "left the lid open")
    peer.update()
    assert peer.held.members[trained.ada].allowed == {"door": 0}
    with trained.db.write() as session:
        service.grant(session, trained.ada, "laser-expert", trained.ben, NOW_MS)
    assert until(trained) == 0
    assert told(trained, Happening.CERTIFICATION_REVOKED) == [("safety", trained.ada)]


def test_a_skill_is_spent_after_its_hours(trained: Floor) -> None:
    with trained.db.write() as session:
        service.grant(session, trained.ada, "welding", trained.ben, NOW_MS, checked=False)
        machines.change(session, "laser-1", MachineChanges(requires="welding"), NOW_MS)
    journal = Writer(start_ms=NOW_MS + HOUR)
    journal.session(trained.ada, 9 * 60)
    trained.apply(journal.batch())
    assert until(trained, now_ms=NOW_MS + 20 * DAY) == 0
    journal.session(trained.ada, 60)
    trained.apply(journal.batch())
    assert until(trained, now_ms=NOW_MS + 20 * DAY) is None


def test_an_instructor_signs_off_at_the_machine(trained: Floor) -> None:
    with trained.db.write() as session:
        with pytest.raises(Refused, match="do not sign off"):
            sign_off.at_machine(session, trained.ben, "laser-1", trained.ada, NOW_MS)
        with pytest.raises(Refused, match="themselves"):
            sign_off.at_machine(session, trained.ben, "laser-1", trained.ben, NOW_MS)
        with pytest.raises(Refused, match="no training"):
            sign_off.at_machine(session, trained.ada, "door", trained.ben, NOW_MS)
    with trained.db.write() as session:
        done = sign_off.at_machine(session, trained.ada, "laser-1", trained.ben, NOW_MS)
    assert [one.skill for one in done] == ["safety", "laser-basic"]
    assert until(trained) == NOW_MS + 90 * DAY
    with trained.db.write() as session:
        again = sign_off.at_machine(session, trained.ada, "laser-1", trained.ben, NOW_MS)
        assert [one.granted_ms for one in again] == [NOW_MS, NOW_MS]
        service.revoke(session, trained.ada, "laser-basic", trained.ben, NOW_MS + 5_000)
    # A gateway that was away tells of a sign-off before the revocation: it changes nothing.
    with trained.db.write() as session, pytest.raises(Refused, match="revoked since"):
        sign_off.at_machine(session, trained.ada, "laser-1", trained.ben, NOW_MS + 4_000)
    assert until(trained, now_ms=NOW_MS + 6_000) is None
    assert len(told(trained, Happening.CERTIFICATION_GRANTED)) == 2


def test_what_is_missing_or_not_theirs_is_refused_at_the_machine(trained: Floor) -> None:
    only_ada = TRAINING.replace('id = "laser-expert"', 'id = "laser-expert"\nat_machine = false')
    number = number_of(trained, trained.ada)
    only_ada = only_ada.replace('id = "safety"', f'id = "safety"\ninstructors = ["{number}"]')
    with trained.db.write() as session:
        kept = skills.put_file(session, only_ada, "training.toml", NOW_MS)
        assert [what for _, what in kept] == ["changed", "as it was", "changed", "as it was"]
        with pytest.raises(Refused, match="do not sign off Safety"):
            sign_off.at_machine(session, trained.ada, "laser-1", trained.ben, NOW_MS)
        machines.change(session, "laser-1", MachineChanges(requires="welding"), NOW_MS)
        with pytest.raises(Refused, match="First comes the quiz of Welding"):
            sign_off.at_machine(session, trained.ada, "laser-1", trained.ben, NOW_MS)
        members.suspend(session, trained.ben, "rude", NOW_MS)
        with pytest.raises(Refused, match="suspended"):
            sign_off.at_machine(session, trained.ada, "laser-1", trained.ben, NOW_MS)
    with trained.db.read() as session:
        assert service.holders(session, "safety", NOW_MS) == []


def number_of(floor: Floor, member: str) -> str:
    with floor.db.read() as session:
        return members.get(session, member).number


def test_who_passes_a_quiz_that_is_enough_has_the_skill(trained: Floor) -> None:
    right, wrong = 0, 1

    def answer(stored: int, now_ms: int) -> bool:
        with trained.db.write() as session:
            first = quizzes.begin(session, "welding", trained.ada, now_ms)
            assert quizzes.begin(session, "welding", trained.ada, now_ms).id == first.id, "it goes on"
            (asked,) = quizzes.desk(session, "welding", trained.ada).asked
            chosen = {0: frozenset({asked.answers.index(stored)})}
            return quizzes.answer(session, "welding", trained.ada, chosen, now_ms).passed

    assert not answer(wrong, NOW_MS)
    with pytest.raises(Refused, match="Wait some time"):
        answer(right, NOW_MS + HOUR - 1)
    assert answer(right, NOW_MS + HOUR)
    with trained.db.read() as session:
        held = {one.skill: one.granted_by for one in service.of_member(session, trained.ada)}
    assert held["welding"] == "quiz"
    with pytest.raises(Refused, match="have passed"):
        answer(right, NOW_MS + 2 * HOUR)
    with trained.db.write() as session:
        quizzes.allow_again(session, "welding", trained.ada)
    assert not answer(wrong, NOW_MS)
    assert not answer(wrong, NOW_MS + HOUR)
    with pytest.raises(Refused, match="all tries"):
        answer(right, NOW_MS + 9 * HOUR)


def test_a_member_is_told_once_that_a_skill_lapses(trained: Floor) -> None:
    with trained.db.write() as session:
        sign_off.at_machine(session, trained.ada, "laser-1", trained.ben, NOW_MS)

    def tell(now_ms: int) -> int:
        with trained.db.write() as session:
            return lapses.tell(session, now_ms)

    assert [tell(NOW_MS), tell(NOW_MS + 61 * DAY), tell(NOW_MS + 62 * DAY)] == [0, 1, 0]
    journal = Writer(start_ms=NOW_MS + 70 * DAY)
    journal.session(trained.ada, 5)
    trained.apply(journal.batch(), NOW_MS + 71 * DAY)
    assert [tell(NOW_MS + 80 * DAY), tell(NOW_MS + 135 * DAY), tell(NOW_MS + 136 * DAY)] == [0, 1, 0]
    assert told(trained, Happening.CERTIFICATION_LAPSES) == [("laser-basic", trained.ada)] * 2
    with trained.db.read() as session:
        soon = lapses.lapsing(session, NOW_MS + 500 * DAY, NOW_MS)
    assert [skill for _, skill, _ in soon] == ["laser-basic", "safety"]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("skills = []", "there is none"),
        ('[[skills]]\nid = "A"\nname = "A"', "small letters"),
        ('[[skills]]\nid = "a"\nname = "A"\nrequires = 7', "no requirement"),
        ('[[skills]]\nid = "a"\nname = "A"\npractice_hours = 7', "goes with practice_hours"),
        ('[[skills]]\nid = "a"\nname = "A"\n[skills.quiz]\npass = 80', "there are 0"),
        ('[[skills]]\nid = "a"\nname = "A"\nrequires = "a"', "circle"),
        ('[[skills]]\nid = "a"\nname = "A"\ncolour = 1', "is not a key"),
    ],
)
def test_a_file_that_is_wrong_says_where(made: Floor, wrong: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem), made.db.write() as session:
        skills.put_file(session, wrong, "training.toml", NOW_MS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    folder = tmp_path_factory.mktemp("training")
    floor = make_floor(url_in(folder), folder)
    yield floor
    floor.db.close()


def test_a_machine_names_only_skills_that_there_are(made: Floor) -> None:
    with made.db.write() as session:
        with pytest.raises(Refused, match="no skill nothing"):
            machines.change(session, "laser-1", MachineChanges(requires="nothing"), NOW_MS)
        with pytest.raises(Refused, match="Write a skill"):
            machines.change(session, "laser-1", MachineChanges(requires={"some": ["laser-1"]}), NOW_MS)
        machines.add(session, MachineDetails(id="mill", name="Mill", requires={"all": ["laser-1"]}), NOW_MS)
        with pytest.raises(Refused, match="Name one of: laser-1"):
            service.grant(session, made.ada, "mill", made.ben, NOW_MS)
        assert service.until_ms(session, made.ada, "mill", NOW_MS) == 0


def test_a_roster_of_thousands_takes_few_queries(made: Floor) -> None:
    count, now_ms = 2_000, NOW_MS + DAY
    with made.db.write() as session:
        skills.put_file(session, TRAINING, "training.toml", NOW_MS)
        for n in range(16):
            details = MachineDetails(id=f"m-{n}", name=f"M {n}", gateway="gw", requires=ASKS)
            machines.add(session, details, NOW_MS)
        people(session, count)
        ran: list[str] = []
        event.listen(session.connection(), "before_cursor_execute", lambda *args: ran.append(args[2]))
        found = standing.allowed(session, None, [machines.get(session, f"m-{n}") for n in range(16)], now_ms)
    assert found["p-7"] == {f"m-{n}": NOW_MS + 90 * DAY for n in range(16)}
    assert len(ran) < 24, "not a query a member or machine"


def people(session: Session, count: int) -> None:
    rows = [f"p-{n}" for n in range(count)]
    model = members.get(session, session.exec(select(Member.id)).first() or "").model_dump()
    ids = [{**model, "id": id, "number": id, "email": None, "account": model["account"]} for id in rows]
    session.execute(insert(Member), ids)
    held = [
        {"member": id, "skill": skill, "granted_by": "test", "granted_ms": NOW_MS, "reason": ""}
        for id in rows
        for skill in ("safety", "laser-basic")
    ]
    session.execute(insert(Certification), held)
    session.flush()
