"""What the doctor says of training and waivers whose names lead nowhere."""

from __future__ import annotations

from booking_api import doctor
from booking_api.certifications.models import Skill
from booking_api.courses.models import Course
from booking_api.machines import service as machines
from booking_api.waivers import service as waivers
from tests.contract.server.test_waivers import text
from tests.kit.server import NOW_MS, Floor


def test_names_that_lead_nowhere_are_found(floor: Floor) -> None:
    with floor.db.write() as session:
        waivers.publish(session, text("laser", machines=["laser-1"], machine_kinds=["other"]), "test", NOW_MS)
        known = {"minutes": 60, "capacity": 3, "updated_ms": NOW_MS}
        course = Course(
            id="intro", names={"en": "Intro"}, machines=["laser-1"], certifies=["laser-1"], **known
        )
        session.add(course)
    assert doctor.examine(floor.db) == []
    with floor.db.write() as session:
        for id in ("laser-1", "door"):
            machines.archive(session, id, NOW_MS)
        session.add(Skill(id="a", names={"en": "A"}, requires="b", updated_ms=NOW_MS))
        session.add(Skill(id="b", names={"en": "B"}, requires={"all": ["a", "lost"]}, updated_ms=NOW_MS))
        session.get_one(Course, "intro").certifies = ["welding"]
    found = {(one.where, one.words.partition(":")[0]) for one in doctor.examine(floor.db)}
    gone = "it names the machine laser-1, which is not on the floor any more"
    assert found == {
        ("course intro", gone),
        ("waiver laser@1", gone),
        ("waiver laser@1", "no machine is of the kind other"),
        ("course intro", "it names the skill welding, and there is none"),
        ("skill b", "it names the skill lost, and there is none"),
        ("skill a", "what they require goes round in a circle"),
    }
