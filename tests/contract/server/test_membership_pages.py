"""Membership and class pages and API: who may see and do what, and what a form brings about."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlmodel import select

from booking_api.certifications import service as certifications
from booking_api.courses import classes
from booking_api.courses.classes import ClassDetails
from booking_api.courses.models import SignUp
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.memberships import plans, service
from booking_api.memberships.models import Membership
from booking_api.memberships.service import By, Wish
from floor.errors import Refused
from floor.money import Commodity
from tests.contract.server.test_memberships import PLANS
from tests.kit.web import NOW_MS, WebFloor, build

EUR = 1_000_000
HOUR_MS = 3_600_000
COURSES = """
valid_from = 2026-01-01
[[courses]]
id = "laser"
name = { en = "Laser cutting, basics", zh = "激光切割入门" }
price = 50
capacity = 2
certifies = ["laser-1"]
valid_months = 12
tiers = { student = { price = 20 } }
"""


@pytest.fixture
def web(tmp_path: Path) -> WebFloor:
    floor = build(tmp_path)
    with floor.context.database.write() as session:
        plans.add_file(session, PLANS, "plans.toml", Commodity("EUR"), "test", NOW_MS)
        classes.put_file(session, COURSES, "classes.toml", Commodity("EUR"), "test", NOW_MS)
    return floor


def owed(web: WebFloor, name: str, before: int = 0) -> int:
    with web.context.database.read() as session:
        return ledger.balance(session, member_account(web.people[name]), "EUR") - before


def rows(web: WebFloor) -> list[Membership]:
    with web.context.database.read() as session:
        return service.listed(session)


def planned(web: WebFloor, after_ms: int = 48 * HOUR_MS) -> str:
    with web.context.database.write() as session:
        details = ClassDetails(course="laser", instructor=web.people["ines"], starts_ms=NOW_MS + after_ms)
        return classes.plan(session, details, NOW_MS).id


async def test_a_member_asks_and_staff_accept(web: WebFloor) -> None:
    before = owed(web, "otto")
    otto, olga = await web.signed_in("otto"), await web.signed_in("olga")
    answer = await otto.post("/membership", data={"plan": "full", "group": "student"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/membership?notice=asked")
    assert "waits for staff" in (await otto.get("/membership")).text
    (row,) = rows(web)
    assert owed(web, "otto", before) == 0
    assert (await otto.post(f"/memberships/{row.id}/accept")).status_code == 403
    assert "Otto Basalt" in (await olga.get("/memberships")).text
    await olga.post(f"/memberships/{row.id}/accept", data={"proof_until": "2026-09-30"})
    (row,) = rows(web)
    assert (row.accepted_ms is not None, row.proof_until) == (True, date(2026, 9, 30))
    page = (await otto.get("/membership")).text
    assert "€95.00 a month" in page
    assert "proven until 30 Sept 2026" in page
    # 11 of May's 31 days, from the 21st, and joining.
    assert owed(web, "otto", before) == (95 * EUR - 61_290_000) + 20 * EUR


async def test_a_member_pauses_changes_and_cancels(web: WebFloor) -> None:
    with web.context.database.write() as session:
        wish = Wish(plan="free-will", first=date(2026, 5, 1))
        id = service.join(session, web.people["otto"], wish, By("staff", NOW_MS)).id
    otto, mira = await web.signed_in("otto"), await web.signed_in("mira")
    assert (await mira.post(f"/membership/{id}/end")).status_code == 403
    assert (await otto.post(f"/membership/{id}/pause", data={"day": "2026-05-25"})).status_code == 422
    assert (await otto.post(f"/membership/{id}/pause", data={"until": "2026-08-01"})).status_code == 303
    assert "Paused from 1 Jun 2026" in (await otto.get("/membership")).text
    await otto.post(f"/membership/{id}/resume")
    changed = await otto.post(f"/membership/{id}/change", data={"plan": "free-will", "price": "12,50"})
    assert changed.status_code == 303
    assert [(row.first, row.until) for row in rows(web)] == [
        (date(2026, 6, 1), None),
        (date(2026, 5, 1), date(2026, 6, 1)),
    ]
    assert "€12.50 a month" in (await otto.get("/membership")).text
    await otto.post(f"/membership/{id}/end")
    assert [(row.first, row.until) for row in rows(web)] == [(date(2026, 5, 1), date(2026, 6, 1))]


async def test_an_open_plan_is_taken_without_staff(web: WebFloor) -> None:
    before = owed(web, "otto")
    otto = await web.signed_in("otto")
    answer = await otto.post("/membership", data={"plan": "pass", "days": "2"})
    assert answer.headers["location"].endswith("joined")
    assert owed(web, "otto", before) == 24 * EUR


async def test_a_place_is_taken_given_up_and_charged(web: WebFloor) -> None:
    id, before = planned(web), owed(web, "otto")
    otto = await web.signed_in("otto")
    assert "Laser cutting, basics" in (await otto.get("/training")).text
    await otto.post(f"/training/classes/{id}")
    assert owed(web, "otto", before) == 50 * EUR
    again = await otto.post(f"/training/classes/{id}")
    assert (again.status_code, "have a place in this class already" in again.text) == (409, True)
    gone = await otto.post(f"/training/classes/{id}/cancel")
    assert gone.headers["location"].endswith("gave_up")
    assert owed(web, "otto", before) == 0
    late = planned(web, 3 * HOUR_MS)
    await otto.post(f"/training/classes/{late}")
    assert (await otto.post(f"/training/classes/{late}/cancel")).headers["location"].endswith("gave_up_late")
    assert owed(web, "otto", before) == 50 * EUR


async def test_who_came_is_certified_and_the_full_class_is_full(web: WebFloor) -> None:
    id = planned(web, 1)
    with web.context.database.write() as session:
        for name in ("otto", "tomas"):
            classes.sign_up(session, id, web.people[name], "test", NOW_MS)
        with pytest.raises(Refused, match="full"):
            classes.sign_up(session, id, web.people["mira"], "test", NOW_MS)
    ines, otto = await web.signed_in("ines"), await web.signed_in("otto")
    assert (await otto.get("/classes")).status_code == 403
    assert "Otto Basalt" in (await ines.get("/classes")).text
    await ines.post(f"/classes/{id}/places/{web.people['otto']}", data={"came": "yes"})
    await ines.post(f"/classes/{id}/places/{web.people['tomas']}", data={"came": "no"})
    with web.context.database.read() as session:
        (held,) = certifications.of_member(session, web.people["otto"])
        assert (held.skill, held.granted_by) == ("laser-1", web.people["ines"])
        assert held.expires_ms is not None
        assert certifications.of_member(session, web.people["tomas"]) == []
        states = {one.member: one.state for one in session.exec(select(SignUp))}
    assert states == {web.people["otto"]: "attended", web.people["tomas"]: "missed"}


async def test_a_class_that_is_called_off_costs_nobody_anything(web: WebFloor) -> None:
    id, before = planned(web), owed(web, "otto")
    with web.context.database.write() as session:
        classes.sign_up(session, id, web.people["otto"], "test", NOW_MS)
    ines = await web.signed_in("ines")
    assert (await ines.post(f"/classes/{id}/cancel")).headers["location"].endswith("called_off")
    assert owed(web, "otto", before) == 0
    with web.context.database.read() as session:
        assert classes.listed(session, NOW_MS) == []


def test_a_tier_pays_its_own_price_and_a_price_changes_with_a_date(web: WebFloor) -> None:
    id, before = planned(web), owed(web, "otto")
    with web.context.database.write() as session:
        wish = Wish(plan="full", group="student", first=date(2026, 5, 1))
        service.join(session, web.people["otto"], wish, By("staff", NOW_MS))
        charged = 115 * EUR
        classes.sign_up(session, id, web.people["otto"], "test", NOW_MS)
        dearer = COURSES.replace("price = 50", "price = 60")
        with pytest.raises(Refused, match="later valid_from"):
            classes.put_file(session, dearer, "classes.toml", Commodity("EUR"), "test", NOW_MS)
        again = classes.put_file(session, COURSES, "classes.toml", Commodity("EUR"), "test", NOW_MS)
        assert [what for _, what in again] == ["as it was"]
        longer = COURSES.replace("capacity = 2", "capacity = 5")
        changed = classes.put_file(session, longer, "classes.toml", Commodity("EUR"), "test", NOW_MS)
        assert [what for _, what in changed] == ["changed"]
    assert owed(web, "otto", before) == charged + 20 * EUR


async def test_programs_do_the_same(web: WebFloor) -> None:
    otto, olga, mira = web.program("otto"), web.program("olga"), web.program("mira")
    ids = {one["id"]: one for one in (await otto.get("/api/v1/plans")).json()}
    assert ids["full"]["reduced"] == {"student": 95 * EUR}
    path = f"/api/v1/members/{web.people['otto']}/memberships"
    key = {"Idempotency-Key": "join-otto-1"}
    assert (await mira.post(path, json={"plan": "full"}, headers=key)).status_code == 403
    asked = await otto.post(path, json={"plan": "full"}, headers=key)
    assert (asked.status_code, asked.json()["accepted_ms"]) == (201, None)
    assert (await otto.post(path, json={"plan": "full"}, headers=key)).json() == asked.json()
    id = asked.json()["id"]
    assert (await otto.post(f"/api/v1/memberships/{id}/accept", json={})).status_code == 403
    assert (await olga.post(f"/api/v1/memberships/{id}/accept", json={})).json()["accepted_ms"]
    run = await olga.post("/api/v1/memberships/bill", json={}, headers={"Idempotency-Key": "bill-may-2026"})
    assert run.json() == {"bills": []}
    assert (await olga.get("/api/v1/memberships")).json()[0]["plan"] == "full"
    assert (await otto.get("/api/v1/memberships")).status_code == 403
    paused = await otto.post(f"/api/v1/memberships/{id}/pause", json={})
    assert paused.json() == {"first": "2026-06-01", "until": None}
    assert (await otto.post(f"/api/v1/memberships/{id}/resume", json={})).status_code == 204
    ended = await otto.post(f"/api/v1/memberships/{id}/end", json={})
    assert ended.json()["until"] == "2026-06-01"


async def test_programs_plan_and_attend_classes(web: WebFloor) -> None:
    ines, otto = web.program("ines"), web.program("otto")
    details = {"course": "laser", "instructor": web.people["ines"], "starts_ms": NOW_MS + 48 * HOUR_MS}
    key = {"Idempotency-Key": "class-laser-1"}
    assert (await otto.post("/api/v1/classes", json=details, headers=key)).status_code == 403
    made = (await ines.post("/api/v1/classes", json=details, headers=key)).json()
    place = f"/api/v1/classes/{made['id']}/places/{web.people['otto']}"
    assert (await otto.put(place)).status_code == 201
    assert (await otto.put(place)).json()["state"] == "signed_up"
    assert [one["left"] for one in (await otto.get("/api/v1/classes")).json()] == [1]
    assert (await ines.put(f"{place}/attendance", json={"came": True})).status_code == 409
    assert (await otto.delete(place)).status_code == 204
    assert (await ines.get(f"/api/v1/classes/{made['id']}/places")).json() == []
    assert (await ines.delete(f"/api/v1/classes/{made['id']}")).status_code == 204
