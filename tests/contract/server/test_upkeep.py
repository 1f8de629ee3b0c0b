"""Upkeep: plans that come due by what machines did, work orders, lockouts, photos, parts."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import REGISTRY, generate_latest
from sqlmodel import select

from booking_api.happenings.models import Happened
from booking_api.happenings.words import Happening as H
from booking_api.maintenance import downtime, pictures, plans, rounds, work
from booking_api.maintenance.models import OrderState, Source, WorkOrder
from booking_api.metering.models import JournalRecord
from booking_api.sessions.models import Alarm
from floor.errors import ConfigError, Refused
from floor.maintenance import DueState, Measure
from floor.wire.messages import LockOut
from tests.kit.pictures import jpeg
from tests.kit.web import GATEWAY, MINUTE, NOW_MS, WebFloor, build

API = "/api/v1"
PLANS = """
[[plans]]
id = "lens"
name = { en = "Clean the lens", zh = "清洁镜片" }
text = "With lens tissue."
kinds = ["laser"]
session_hours = 1
laser_hours = 100
when_overdue = "lock"
alarms = ["chiller_lost"]
[[plans]]
id = "grease"
name = "Grease"
machines = ["saw-1"]
days = 30
"""
HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE


@pytest.fixture
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("upkeep"))
    with made.context.database.write() as session:
        plans.put_file(session, PLANS, "maintenance.toml", NOW_MS)
    yield made
    made.context.database.close()


def look(web: WebFloor, now_ms: int, *in_use: str) -> None:
    with web.context.database.write() as session:
        rounds.look(session, now_ms, in_use)


def told(web: WebFloor, what: H) -> list[str]:
    with web.context.database.read() as session:
        return list(session.exec(select(Happened.subject).where(Happened.what == what)))


def states(web: WebFloor, now_ms: int) -> dict[str, str]:
    with web.context.database.read() as session:
        found = plans.standings(session, now_ms)
        return {one.plan.id: one.due.state for one in found if one.machine.id != "laser-2"}


def orders(web: WebFloor) -> list[WorkOrder]:
    with web.context.database.read() as session:
        return list(session.exec(select(WorkOrder).order_by(WorkOrder.n)))


def locked(web: WebFloor, machine: str = "laser-1") -> bool:
    with web.context.database.read() as session:
        return downtime.open_of(session, machine) is not None


def test_a_plan_comes_due_once_and_its_work_sets_it_back(web: WebFloor) -> None:
    assert states(web, NOW_MS) == {"lens": DueState.GOOD, "grease": DueState.GOOD}
    web.session("long", "mira", "laser-1", NOW_MS + HOUR, 62)
    for _ in range(2):
        look(web, NOW_MS + HOUR)
    assert states(web, NOW_MS + HOUR)["lens"] == DueState.DUE
    assert told(web, H.MAINTENANCE_DUE) == ["laser-1"]
    (order,) = orders(web)
    assert (order.source, order.plan, order.title) == (Source.PLAN, "lens", "Clean the lens")
    assert not locked(web)
    web.session("more", "mira", "laser-1", NOW_MS + 2 * HOUR, 30)
    look(web, NOW_MS + 2 * HOUR, "laser-1")
    assert not locked(web)  # not while somebody uses it
    look(web, NOW_MS + 2 * HOUR)
    assert locked(web)
    with web.context.database.write() as session:
        work.change(session, order.id, work.OrderChanges(state=OrderState.DONE), "t", NOW_MS + 3 * HOUR)
        found = downtime.reliable(session, "laser-1", NOW_MS + 3 * HOUR)
    assert states(web, NOW_MS + 3 * HOUR)["lens"] == DueState.GOOD
    assert told(web, H.WORK_ORDER_DONE) == [order.id]
    assert (found.failures, found.down_ms) == (0, HOUR)  # planned work is no failure


def test_days_and_what_was_used_before(web: WebFloor) -> None:
    assert states(web, NOW_MS + 28 * DAY)["grease"] == DueState.SOON
    with web.context.database.write() as session:
        plans.done(session, "lens", "laser-1", "t", NOW_MS, {Measure.SESSION_HOURS: HOUR * 95 // 100})
        with pytest.raises(Refused, match="not for that machine"):
            plans.done(session, "grease", "laser-1", "t", NOW_MS)
    assert states(web, NOW_MS)["lens"] == DueState.SOON
    with web.context.database.read() as session:
        (one,) = plans.standings(session, NOW_MS, "laser-1")
        rounds.show(session, NOW_MS)
    assert one.due.is_latest  # laser time was never metered here
    shown = generate_latest(REGISTRY).decode()
    assert 'makerfloor_maintenance_due_hours{machine="saw-1",plan="grease"} 720.0' in shown


def test_an_alarm_that_a_plan_waits_for_opens_one_order(web: WebFloor) -> None:
    with web.context.database.write() as session:
        seq = max(session.exec(select(JournalRecord.seq)))
        for n in (1, 2):
            session.add(
                Alarm(gateway=GATEWAY, epoch=1, seq=seq + n, machine="laser-1", code="chiller_lost",
                      words="No flow", at_ms=NOW_MS + n)
            )  # fmt: skip
    for _ in range(2):
        look(web, NOW_MS + MINUTE)
    (order,) = orders(web)
    assert (order.source, order.alarm) == (Source.ALARM, f"{GATEWAY}/1/{seq + 1}")


async def test_a_technician_opens_a_work_order_for_an_alarm_once(web: WebFloor) -> None:
    with web.context.database.write() as session:
        seq = max(session.exec(select(JournalRecord.seq)))
        for n, machine in ((1, "saw-1"), (2, None)):
            row = {"gateway": GATEWAY, "epoch": 1, "seq": seq + n, "machine": machine, "at_ms": NOW_MS}
            session.add(Alarm(**row, code="chiller_lost", words="No flow"))
    tomas, here = await web.signed_in("tomas"), f"/workshop/alarms/{GATEWAY}/1/{seq + 1}/order"
    page = (await tomas.get("/workshop")).text
    assert f'action="{here}"' in page
    assert f"/{seq + 2}/order" not in page
    opened = [await tomas.post(here) for _ in range(2)]
    (order,) = orders(web)
    assert {one.headers["location"] for one in opened} == {f"/upkeep/orders/{order.id}?notice=work_opened"}
    assert (order.source, order.machine, order.title) == (Source.ALARM, "saw-1", "The cooling stopped")
    assert here not in (await tomas.get("/workshop")).text  # it is seen
    assert (await tomas.post(here.replace(str(seq + 1), str(seq + 2)))).status_code == 409
    assert (await tomas.post(here.replace(str(seq + 1), "999999"))).status_code == 404


async def test_a_lock_for_overdue_work_is_sent_at_once(web: WebFloor) -> None:
    now_ms = web.context.clock.now_ms()
    web.session("long", "mira", "laser-1", now_ms, 100)
    await rounds.ROUNDS[0].look(web.context)
    (order,) = web.link.orders
    assert order == (
        GATEWAY,
        LockOut(machine="laser-1", reason="Maintenance is overdue: Clean the lens"),
        "maintenance",
    )
    await rounds.ROUNDS[0].look(web.context)
    assert len(web.link.orders) == 1


async def test_a_work_order_that_changed_meanwhile_is_not_changed(web: WebFloor) -> None:
    async with web.program("tomas") as tomas:
        made = await tomas.post(f"{API}/work-orders", json={"machine": "saw-1", "title": "Blade"})
        here = f"{API}/work-orders/{made.json()['id']}"
        seen = {"if-match": (await tomas.get(here)).headers["etag"]}
        assert (await tomas.patch(here, json={"urgent": True}, headers=seen)).status_code == 200
        late = await tomas.patch(here, json={"state": "done"}, headers=seen)
    assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
    assert orders(web)[0].state is OrderState.OPEN


async def test_a_lockout_and_its_work_order_are_recorded_together(web: WebFloor) -> None:
    async with web.program("tomas") as tomas:
        made = (await tomas.post(f"{API}/work-orders", json={"machine": "saw-1", "title": "Blade"})).json()
        here = f"{API}/work-orders/{made['id']}"
        web.link.reachable = False
        told = (await tomas.post(f"{here}/lockout", json={"reason": "Blade"})).json()
        assert (told["done"], told["recorded"]) == (False, True)
        with web.context.database.write() as session:
            kept = downtime.open_of(session, "saw-1")
            assert kept is not None
            assert kept.work_order == made["id"]
            for n in range(work.NOTES_MAX):
                work.note(session, work.get(session, made["id"]), "t", str(n), NOW_MS)
        full = await tomas.post(f"{here}/clear", json={"reason": "New blade"})
    assert full.json()["code"] == "work_order_full"
    assert locked(web, "saw-1")  # what cannot be noted is not done


async def test_a_photo_of_a_transaction_that_failed_is_swept_up(web: WebFloor) -> None:
    data = web.context.database.data
    kept, stray = pictures.read(jpeg()), pictures.read(jpeg(turned=3))
    for picture in (kept, stray):
        pictures.keep(data, picture)
        old_s = web.context.wall.now_ms() / 1000 - 2 * rounds.STRAY_S
        os.utime(pictures.place(data, picture.sha256), (old_s, old_s))
    with web.context.database.write() as session:
        order = work.open_order(session, "saw-1", "Blade", work.Opening(Source.TECHNICIAN, "t"), NOW_MS)
        work.add_photo(session, order, kept, "t", NOW_MS)
    found = pictures.untouched(data, web.context.wall.now_ms() / 1000 - rounds.STRAY_S)
    pictures.keep(data, stray)  # it comes again, while one sweeps
    pictures.delete(found, {kept.sha256})
    assert pictures.place(data, stray.sha256).exists()
    os.utime(pictures.place(data, stray.sha256), (old_s, old_s))
    await rounds.ROUNDS[1].look(web.context)
    assert [path.name for path in (data / "photos").glob("??/*")] == [kept.sha256]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PLANS.replace("days = 30", ""), r"maintenance.toml:\d+.*plans\[2\].busy_hours"),
        (PLANS.replace("days = 30", "days = 0"), r"plans\[2\].days"),
        (PLANS.replace("days = 30", "weeks = 3"), r"plans\[2\].weeks"),
        (PLANS.replace('"grease"', '"lens"'), r"plans\[2\].id"),
        (PLANS.replace('machines = ["saw-1"]', ""), r"plans\[2\].machines"),
        (PLANS.replace('"lock"', '"burn"'), r"plans\[1\].when_overdue"),
        ("", "plans"),
    ],
)
def test_a_file_that_is_wrong_says_where(web: WebFloor, text: str, says: str) -> None:
    with web.context.database.write() as session, pytest.raises(ConfigError, match=says):
        plans.put_file(session, text, "maintenance.toml", NOW_MS)


async def test_a_fault_from_the_phone_to_the_machine_in_order_again(web: WebFloor) -> None:
    mira, tomas, otto = [await web.signed_in(name) for name in ("mira", "tomas", "otto")]
    assert "/faults/laser-1" in (await mira.get("/machines/laser-1")).text
    sent = await mira.post(
        "/faults/laser-1",
        data={"title": "Smells  of smoke", "words": "At the lens.", "urgent": "yes"},
        files={"photo": ("me.jpg", jpeg(secret=b"48.1N"), "text/html")},
    )
    assert sent.headers["location"] == "/machines/laser-1?notice=reported"
    (order,) = orders(web)
    here = f"/upkeep/orders/{order.id}"
    assert (order.title, order.urgent, order.member) == ("Smells of smoke", True, web.people["mira"])
    assert "Smells of smoke" in (await otto.get("/machines/laser-1")).text
    assert (await otto.get(here)).status_code == 404
    await _see_photo(web, order.id, mira, otto)
    ply = {"id": "lens", "name": "Lens", "unit": "pc", "price_micro": 9_000_000, "stock_milli": 2000}
    async with web.program("olga") as olga:
        await olga.put(f"{API}/items/lens", json=ply | {"minimum_milli": 2000})
    locks = await tomas.post(f"{here}/lockout", data={"reason": "Smoke"})
    assert "notice=done" in locks.headers["location"]
    assert locked(web)
    await tomas.post(here, data={"state": "in_progress", "assignee": web.people["tomas"]})
    assert (
        "part_used"
        in (await tomas.post(f"{here}/parts", data={"item": "lens", "quantity": "0,5"})).headers["location"]
    )
    assert told(web, H.PART_LOW) == ["lens"]
    assert "Lens" in (await tomas.get("/upkeep")).text
    await tomas.post(f"{here}/clear", data={"reason": "New lens"})
    assert not locked(web)
    await tomas.post(here, data={"state": "done", "words": "New lens."})
    shown = (await tomas.get(here)).text
    assert "New lens." in shown
    page = (await tomas.get("/machines/laser-1")).text
    assert "MTBF" in page
    async with web.program("mira") as program:
        whole = (await program.get(f"{API}/work-orders/{order.id}")).json()
        found = (await program.get(f"{API}/machines/laser-1/reliability")).json()
    assert whole["state"] == "done"
    assert whole["parts"] == [{"item": "lens", "quantity_milli": 500}]
    assert (found["failures"], found["mended"]) == (1, 1)
    assert told(web, H.FAULT_REPORTED) == told(web, H.WORK_ORDER_DONE) == [order.id]


async def _see_photo(web: WebFloor, order: str, mine: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    with web.context.database.read() as session:
        (row,) = work.photos(session, order)
    address = f"/upkeep/orders/{order}/photos/{row.id}"
    photo = await mine.get(address)
    assert photo.headers["content-type"] == "image/jpeg"
    assert "sandbox" in photo.headers["content-security-policy"]
    assert photo.headers["x-content-type-options"] == "nosniff"
    assert b"48.1N" not in photo.content
    assert (await other.get(address)).status_code == 404
    bad = await mine.post(
        f"/upkeep/orders/{order}/photos", files={"photo": ("x.jpg", b"<svg/>", "image/jpeg")}
    )
    assert bad.status_code == 422
    more = await mine.post(f"{API}/work-orders/{order}/photos", content=jpeg())
    assert more.status_code == 201


async def test_labels_are_printed_on_the_sheet_that_is_asked_for(web: WebFloor) -> None:
    tomas = await web.signed_in("tomas")
    assert "Letter" in (await tomas.get("/upkeep/labels")).text
    made = await tomas.get("/upkeep/labels.pdf?sheet=a4-2x7&skip=13")
    assert made.content.startswith(b"%PDF")
    assert (await tomas.get("/upkeep/labels.pdf?sheet=a9")).status_code == 422
    assert (await tomas.get("/upkeep/labels.pdf?sheet=a4-2x4&skip=8")).status_code == 422


async def test_what_a_member_reported_is_forgotten_with_them(web: WebFloor) -> None:
    async with web.program("otto") as otto:
        made = (await otto.post(f"{API}/machines/saw-1/faults", json={"title": "Otto broke it"})).json()
        await otto.post(f"{API}/work-orders/{made['id']}/photos", content=jpeg())
    from booking_api.privacy import erasers

    with web.context.database.write() as session:
        erasers.forget_faults(session, work.members.get(session, web.people["otto"]), NOW_MS)
    (order,) = orders(web)
    assert (order.title, order.member) == ("", None)
    assert list((web.context.database.data / "photos").glob("??/*")) == []
