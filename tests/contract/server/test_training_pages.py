"""Training pages and API: a quiz by form, a sign-off, a waiting list, an instructor's class."""

from __future__ import annotations

import re
from typing import Any

import pytest

from booking_api.certifications import skills
from booking_api.courses import classes
from booking_api.courses.classes import ClassDetails
from booking_api.machines import service as machines
from booking_api.machines.service import MachineChanges
from floor.money import Commodity
from tests.kit.web import NOW_MS, WebFloor, build

HOUR_MS = 3_600_000
RIGHT = {"By the door", "Glasses", "Shoes"}
TRAINING = """
[[skills]]
id = "safety"
name = { en = "Safety induction", zh = "安全培训" }
months = 12
[skills.quiz]
pass = 60
shows_wrong = true
enough = true
[[skills.quiz.questions]]
text = { en = "Where is the emergency stop?", zh = "急停按钮在哪里？" }
right = [{ en = "By the door", zh = "门边" }]
wrong = [{ en = "There is none", zh = "没有" }]
[[skills.quiz.questions]]
text = "What do you wear?"
right = ["Glasses", "Shoes"]
wrong = ["Sandals"]

[[skills]]
id = "laser-basic"
name = "Laser, basics"
requires = "safety"
unused_days = 90
"""
COURSES = """
valid_from = 2026-01-01
[[courses]]
id = "laser"
name = { en = "Laser cutting, basics", zh = "激光切割入门" }
price = 0
capacity = 1
certifies = ["laser-basic"]
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    floor = build(tmp_path_factory.mktemp("training"))
    with floor.context.database.write() as session:
        skills.put_file(session, TRAINING, "training.toml", NOW_MS)
        asks = {"all": ["safety", "laser-basic"]}
        machines.change(session, "laser-2", MachineChanges(requires=asks), NOW_MS)
        classes.put_file(session, COURSES, "classes.toml", Commodity("EUR"), "test", NOW_MS)
    return floor


async def test_a_member_takes_a_quiz_and_is_signed_off(web: WebFloor) -> None:
    otto, ines = await web.signed_in("otto"), await web.signed_in("ines")
    assert "Safety induction and Laser, basics" in (await otto.get("/training")).text
    quiz = "/training/quizzes/safety"
    assert (await otto.post(quiz, data={"q0": "0"})).status_code == 409, "not begun"
    await otto.post(f"{quiz}/begin")
    asked = (await otto.get(quiz)).text
    assert asked.count("<fieldset>") == 2
    assert len(re.findall(r'type="checkbox" name="q1"', asked)) == 3
    assert (await otto.post(quiz, data={"q0": "x"})).status_code == 422
    assert (await otto.post(quiz, data={"q0": "2"})).status_code == 422, "no such answer"
    failed = await otto.post(quiz, data=right_on(asked) | {"q1": "0"})
    assert failed.headers["location"].endswith("notice=failed")
    page = (await otto.get(quiz)).text
    assert "What do you wear?" in page
    assert "By the door" not in page, "what was wrong, not what is right"
    await otto.post(f"{quiz}/begin")
    passed = await otto.post(quiz, data=right_on((await otto.get(quiz)).text))
    assert passed.headers["location"].endswith("notice=passed")
    assert "You have passed" in (await otto.get(quiz)).text
    member = web.people["otto"]
    assert "Laser, basics" in (await ines.get(f"/members/{member}")).text
    assert (await ines.post(f"/members/{member}/certify", data={"skill": "laser-basic"})).status_code == 303
    training = (await otto.get("/training")).text
    assert "until 19 Aug 2026" in training, "unused for 90 days"
    assert "You are certified" in (await otto.get("/machines/laser-2")).text
    skill = (await ines.get("/skills/laser-basic")).text
    assert "Otto Basalt" in skill
    assert "It lapses 90 days after the last use." in skill
    assert "Otto Basalt" not in (await otto.get("/skills/laser-basic")).text
    assert "1 holds it" in (await ines.get("/skills")).text
    await ines.post(f"/members/{member}/certifications/laser-basic/revoke", data={"reason": "smoke"})
    assert "Needed before you use it" in (await otto.get("/machines/laser-2")).text


async def test_prerequisites_hold_on_the_page_and_in_the_api(web: WebFloor) -> None:
    ines, member = web.program("ines"), web.people["tomas"]
    answer = await ines.put(f"/api/v1/members/{member}/certifications/laser-basic", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "prerequisite_first")
    browser = await web.signed_in("ines")
    page = await browser.post(f"/members/{member}/certify", data={"skill": "laser-basic"})
    assert "First comes: Safety induction" in page.text
    answer = await ines.put(f"/api/v1/members/{member}/certifications/saw-1", json={})
    assert (answer.json()["skill"], answer.json()["until_ms"]) == ("saw-1", 0)
    mine = await web.program("ines").put(
        f"/api/v1/members/{web.people['ines']}/certifications/saw-1", json={}
    )
    assert mine.status_code == 403, "nobody signs off themselves"
    held = (await ines.get("/api/v1/machines/saw-1/certifications")).json()
    assert [(one["member"], one["expires_ms"]) for one in held] == [(member, None)]
    listed = (await ines.get("/api/v1/skills")).json()
    assert [(one["id"], one["machines"]) for one in listed if one["has_quiz"]] == [("safety", ["laser-2"])]
    kept = await web.program("olga").post("/api/v1/skills", json={"text": TRAINING})
    assert {one["what"] for one in kept.json()} == {"as it was"}


def right_on(page: str) -> dict[str, list[str]]:
    """What to fill into a quiz's page to be right. Its source tells nobody: the values are in order."""
    boxes = re.findall(r'name="(q\d)" value="(\d+)"[^>]*> <span>([^<]+)<', page)
    values = {name: [value for other, value, _ in boxes if other == name] for name, _, _ in boxes}
    assert values == {"q0": ["0", "1"], "q1": ["0", "1", "2"]}
    return {name: [v for other, v, said in boxes if other == name and said in RIGHT] for name in values}


def right_of(standing: dict[str, Any]) -> list[dict[str, Any]]:
    """The right answers of an open try, by their places as it shows them."""
    return [
        {
            "question": one["question"],
            "answers": [n for n, said in enumerate(one["answers"]) if said["en"] in RIGHT],
        }
        for one in standing["open"]
    ]


async def test_a_quiz_is_taken_by_programs_as_on_the_page(web: WebFloor) -> None:
    url = "/api/v1/quizzes/safety"
    async with web.program("tomas") as tomas, web.program("ines") as ines:
        (listed,) = (await tomas.get("/api/v1/quizzes")).json()
        assert (listed["skill"], listed["asked"], listed["pass_percent"]) == ("safety", 2, 60)
        assert (await tomas.post(f"{url}/answer", json={"answers": []})).json()["code"] == "quiz_not_begun"
        begun = await tomas.post(f"{url}/begin")
        assert not {"right", "wrong"} & set(begun.text.replace('"past":[]', "").split('"'))
        answers = right_of(begun.json())
        far = [answers[0] | {"answers": [9]}]
        assert (await tomas.post(f"{url}/answer", json={"answers": far})).status_code == 422
        failed = (await tomas.post(f"{url}/answer", json={"answers": answers[:1]})).json()
        assert [(one["percent"], one["passed"], len(one["wrong"])) for one in failed["past"]] == [
            (50, False, 1)
        ]
        answers = right_of((await tomas.post(f"{url}/begin")).json())
        passed = (await tomas.post(f"{url}/answer", json={"answers": answers})).json()
        assert (passed["passed"], passed["open"]) == (True, [])
        held = (await tomas.get(f"/api/v1/members/{web.people['tomas']}/certifications")).json()
        assert "safety" in {one["skill"] for one in held}, "the quiz is enough"
        assert (await tomas.post(f"{url}/begin")).json()["code"] == "quiz_passed"
        tries = f"{url}/tries/{web.people['tomas']}"
        assert (await tomas.delete(tries)).status_code == 403
        assert (await ines.delete(tries)).status_code == 204
        assert (await tomas.get(url)).json()["past"] == []
        assert (await tomas.get("/api/v1/quizzes/laser-basic")).json()["code"] == "quiz_not_found"


async def test_a_full_class_is_waited_for(web: WebFloor) -> None:
    with web.context.database.write() as session:
        details = ClassDetails(course="laser", instructor=web.people["ines"], starts_ms=NOW_MS + 72 * HOUR_MS)
        id = classes.plan(session, details, NOW_MS).id
    otto, mira, ines = [await web.signed_in(name) for name in ("otto", "mira", "ines")]
    await otto.post(f"/training/classes/{id}")
    assert "Wait for a place" in (await mira.get("/training")).text
    assert (await mira.post(f"/training/classes/{id}/wait")).headers["location"].endswith("waits")
    assert "You wait: number 1 in the line." in (await mira.get("/training")).text
    assert "Mira Quince" in (await ines.get(f"/classes/{id}")).text
    await otto.post(f"/training/classes/{id}/cancel")
    assert "A place is free for you until" in (await mira.get("/training")).text
    line = (await web.program("ines").get(f"/api/v1/classes/{id}/waiting")).json()
    assert [(one["member"], one["until_ms"] is not None) for one in line] == [(web.people["mira"], True)]
    await mira.post(f"/training/classes/{id}")
    page = (await ines.get(f"/classes/{id}")).text
    assert "Who waits" not in page
    assert "Call it off" in page
    other = await web.signed_in("otto")
    assert (await other.get(f"/classes/{id}")).status_code == 403


async def test_pages_speak_chinese(web: WebFloor) -> None:
    mira = await web.signed_in("mira")
    mira.cookies.set("language", "zh", domain="floor.test")
    for path, words in (("/training", "我的培训"), ("/skills/safety", "安全培训")):
        assert words in (await mira.get(path)).text
