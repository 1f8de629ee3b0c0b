"""Reservations over HTTP: booked by the rules, changed, handed over, waited for, and shown to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from booking_api.certifications import service as certifications
from booking_api.happenings.models import Happened
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.machines import service as machines
from booking_api.members.models import Member
from booking_api.reservations.models import Reserved
from booking_api.reservations.rounds import look
from floor.timescale import TimeScale
from floor.wire.journal import SessionEnded, SessionStarted
from floor.words import StopType
from tests.kit.reservations import API, HOUR, POLICY, TOMORROW, slot, with_policy
from tests.kit.web import MINUTE, NOW_MS, WebFloor, build

URL = f"{API}/reservations"
LATE_NEVER = """
[[limits]]
per = "month"
most = 0
counts = "late_cancels"
"""
TEN = TOMORROW + 10 * HOUR


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = with_policy(build(tmp_path))
    with made.context.database.write() as session:
        certifications.grant(session, made.people["otto"], "laser-1", made.people["ines"], NOW_MS)
    yield made
    made.context.database.close()


@pytest.fixture
async def mira(web: WebFloor) -> AsyncIterator[httpx.AsyncClient]:
    async with web.program("mira") as client:
        yield client


@pytest.fixture
async def otto(web: WebFloor) -> AsyncIterator[httpx.AsyncClient]:
    async with web.program("otto") as client:
        yield client


@pytest.fixture
async def olga(web: WebFloor) -> AsyncIterator[httpx.AsyncClient]:
    async with web.program("olga") as client:
        yield client


def turn_to(web: WebFloor, at_ms: int) -> None:
    """Let it be another time on the floor."""
    web.context.clock.scale = TimeScale(web.context.wall.now_ms(), at_ms, 1)


async def booked(client: httpx.AsyncClient, *at: float, **more: Any) -> dict[str, Any]:
    answer = await client.post(URL, json=slot(*at, **more))
    assert answer.status_code == 201, answer.text
    return answer.json()


def is_refused(answer: httpx.Response, code: str, status: int = 409) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def standing(client: httpx.AsyncClient, id: str) -> str:
    return (await client.get(f"{URL}/{id}")).json()["standing"]


def owed(web: WebFloor, name: str) -> int:
    with web.context.database.read() as session:
        return ledger.balance(session, member_account(web.people[name]), "EUR")


def told(web: WebFloor) -> list[str]:
    with web.context.database.read() as session:
        return [one.what for one in session.exec(select(Happened).order_by(Happened.id))]


def begin(web: WebFloor, name: str, at_ms: int, heard_ms: int, minutes: int = 0) -> None:
    """Let somebody begin a session at laser-1, as the gateway tells it later."""
    id, who = f"s{at_ms}", web.people[name]
    started = SessionStarted(
        session_id=id, machine="laser-1", member=who, account=who, badge="ab" * 16, tier="member",
        max_duration_s=36_000,
    )  # fmt: skip
    web.journal((at_ms, started), heard_ms=heard_ms)
    if minutes:
        elapsed = minutes * MINUTE
        ended = SessionEnded(session_id=id, stop_type=StopType.TAP_OUT, elapsed_ms=elapsed, counters={})
        web.journal((at_ms + elapsed, ended), heard_ms=heard_ms)


async def test_a_slot_is_tried_booked_and_given_up_late(web: WebFloor, mira: httpx.AsyncClient) -> None:
    before = owed(web, "mira")
    assert (await mira.post(f"{URL}/try", json=slot())).json()["allowed"]
    made = await booked(mira, words="acrylic")
    assert (made["standing"], made["mine"], made["shown"]) == ("booked", True, "Mira")
    assert made["released_ms"] == TEN + 15 * MINUTE
    tried = (await mira.post(f"{URL}/try", json=slot(10.5))).json()
    assert (tried["allowed"], tried["rule"]) == (False, "overlap")
    assert tried["sentence"].startswith("laser-1 is taken from")
    asked = {"machine": "laser-1", "from_ms": TEN - HOUR, "to_ms": TEN + 2 * HOUR}
    free = (await mira.get(f"{URL}/free", params=asked)).json()
    assert [(one["begins_ms"] - TEN) // HOUR for one in free] == [-1, 1]
    later = {"begins_ms": TEN + 24 * HOUR, "ends_ms": TEN + 25 * HOUR}
    is_refused(await mira.patch(f"{URL}/{made['id']}", json=later), "reservation_change_late")
    gone = await mira.post(f"{URL}/{made['id']}/cancel", json={})
    assert gone.json()["standing"] == "cancelled"
    assert owed(web, "mira") - before == 2_500_000
    is_refused(await mira.post(f"{URL}/{made['id']}/cancel", json={}), "reservation_standing")
    assert told(web)[-2:] == ["reservation.made", "reservation.cancelled"]


async def test_a_reservation_is_moved_and_its_old_time_is_free(
    web: WebFloor, mira: httpx.AsyncClient, otto: httpx.AsyncClient
) -> None:
    made = await booked(mira, 34)
    moved = await mira.patch(
        f"{URL}/{made['id']}", json={"begins_ms": TEN + 24 * HOUR + MINUTE, "ends_ms": TEN + 26 * HOUR}
    )
    assert (moved.status_code, moved.json()["id"]) == (200, made["id"])
    is_refused(await otto.post(URL, json=slot(35)), "reservation_overlap")
    await booked(otto, 36)
    longer = {"ends_ms": TEN + 30 * HOUR}
    is_refused(await mira.patch(f"{URL}/{made['id']}", json=longer), "reservation_length_max")
    is_refused(await otto.patch(f"{URL}/{made['id']}", json=longer), "forbidden", 403)
    assert told(web)[-2:] == ["reservation.changed", "reservation.made"]


async def test_the_rules_and_wrong_requests_are_named(web: WebFloor, mira: httpx.AsyncClient) -> None:
    is_refused(await mira.post(URL, json=slot(10, 5)), "reservation_length_max")
    is_refused(await mira.post(URL, json=slot(-40)), "reservation_past", 422)
    is_refused(await mira.post(URL, json=slot(10, machine="laser-2")), "reservation_certified")
    is_refused(await mira.post(URL, json=slot(10, machine="none")), "machine_not_found", 404)
    is_refused(await mira.post(URL, json=slot(10, -1)), "reservation_times_invalid", 422)
    is_refused(await mira.post(URL, json=slot(member=web.people["otto"])), "forbidden", 403)
    is_refused(await mira.post(URL, json=slot() | {"begins_ms": 1 << 50}), "request_invalid", 422)
    for hour in range(6):
        await booked(mira, 30 + hour)
    is_refused(await mira.post(URL, json=slot(40)), "reservation_limits")


async def test_staff_book_for_others_and_override_all_but_what_is_taken(
    web: WebFloor, olga: httpx.AsyncClient, mira: httpx.AsyncClient
) -> None:
    otto = web.people["otto"]
    is_refused(await olga.post(URL, json=slot(10, 6, member=otto)), "reservation_length_max")
    made = await booked(olga, 10, 6, member=otto, reason="an open day")
    assert (made["member"], made["made_by"], made["reason"]) == (otto, web.people["olga"], "an open day")
    is_refused(await olga.post(URL, json=slot(12, member=otto, reason="again")), "reservation_overlap")
    over = slot(-24, member=otto, reason="it would be a no-show, with its fee")
    is_refused(await olga.post(URL, json=over), "reservation_past", 422)
    theirs = (await mira.get(f"{URL}/{made['id']}")).json()
    assert (theirs["member"], theirs["shown"], theirs["reason"], theirs["made_by"]) == (
        None,
        "Otto",
        None,
        None,
    )
    before = owed(web, "otto")
    gone = await olga.post(f"{URL}/{made['id']}/cancel", json={"reason": "rain", "waive": True})
    assert (gone.json()["reason"], owed(web, "otto") - before) == ("rain", 0)
    is_refused(await mira.get(f"{URL}/{made['id']}"), "reservation_not_found", 404)
    listed = (await mira.get(URL, params={"machine": "laser-1"})).json()["items"]
    assert listed == []
    is_refused(await mira.get(URL, params={"member": otto}), "forbidden", 403)


async def test_a_machine_whose_text_is_not_signed_is_not_booked(
    web: WebFloor, olga: httpx.AsyncClient, mira: httpx.AsyncClient
) -> None:
    texts = {"names": {"en": "Laser rules"}, "texts": {"en": "Goggles."}}
    published = await olga.post(f"{API}/waivers", json={"kind": "laser", **texts, "machine_kinds": ["laser"]})
    assert published.status_code == 201, published.text
    is_refused(await mira.post(URL, json=slot()), "reservation_waiver")
    tried = (await mira.post(f"{URL}/try", json=slot())).json()
    assert (tried["rule"], tried["values"]) == ("waiver", {"waiver": "laser@1"})
    browser = await web.signed_in("mira")
    form = {"begin": "2026-05-22T10:00", "end": "2026-05-22T11:00"}
    refused = await browser.post("/machines/laser-1/reserve", data=form)
    assert (refused.status_code, 'href="/waivers/laser@1"' in refused.text) == (409, True)
    assert "Laser cutter 60 W there is a text to sign" in refused.text
    staff = await web.signed_in("olga")
    for ask in ({"ask": "1"}, {}):
        shown = await staff.post("/machines/laser-1/reserve", data=form | {"member": "2"} | ask)
        assert f'href="/waivers/laser@1?member={web.people["otto"]}"' in shown.text
    await booked(olga, 14, member=web.people["mira"], reason="signed on paper")
    signed = await mira.post(
        f"{API}/members/{web.people['mira']}/waivers/laser@1", json={"name": "Mira Quince", "agreed": True}
    )
    assert signed.status_code == 201
    await booked(mira, 10)


async def test_lists_go_on_by_their_cursor(web: WebFloor, mira: httpx.AsyncClient) -> None:
    ids = [(await booked(mira, 10 + hour))["id"] for hour in range(3)]
    first = (await mira.get(URL, params={"limit": 2})).json()
    rest = (await mira.get(URL, params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == ids
    within = {"from_ms": TEN + HOUR, "to_ms": TEN + 2 * HOUR}
    assert [one["id"] for one in (await mira.get(URL, params=within)).json()["items"]] == [ids[1]]


async def test_a_better_tier_displaces_and_the_displaced_pays_nothing(
    web: WebFloor, mira: httpx.AsyncClient, otto: httpx.AsyncClient
) -> None:
    made, before = await booked(mira), owed(web, "mira")
    with web.context.database.write() as session:
        session.get_one(Member, web.people["otto"]).tier = "patron"
    assert (await otto.post(f"{URL}/try", json=slot())).json()["displaces"] == 1
    await booked(otto)
    assert await standing(mira, made["id"]) == "cancelled"
    assert owed(web, "mira") == before
    assert told(web)[-2:] == ["reservation.displaced", "reservation.made"]
    with_policy(web, POLICY + LATE_NEVER)
    assert (await mira.post(f"{URL}/try", json=slot(12))).json()["allowed"], "she cancelled nothing"
    given_up = await booked(mira, 9, 0.5)
    later = {"begins_ms": TEN + 4 * HOUR, "ends_ms": TEN + 5 * HOUR}
    is_refused(await mira.patch(f"{URL}/{given_up['id']}", json=later), "reservation_change_late")
    await mira.post(f"{URL}/{given_up['id']}/cancel", json={})
    assert (await mira.post(f"{URL}/try", json=slot(12))).json()["rule"] == "limits"


async def test_a_no_show_is_free_again_by_reading_alone_and_charged_once(
    web: WebFloor, mira: httpx.AsyncClient, otto: httpx.AsyncClient
) -> None:
    made, before = await booked(mira), owed(web, "mira")
    turn_to(web, TEN + 14 * MINUTE)
    is_refused(await otto.post(URL, json=slot(10.5)), "reservation_overlap")
    turn_to(web, TEN + 15 * MINUTE)
    with web.context.database.read() as session:
        assert session.get_one(Reserved, made["id"]).standing == "booked", "nothing has looked yet"
    await booked(otto, 10.5, 0.5)
    assert await standing(mira, made["id"]) == "released"
    for _ in range(2):
        look(web.context)
    assert owed(web, "mira") - before == 5_000_000
    assert told(web).count("reservation.released") == 1


async def test_nobody_pays_for_a_machine_that_is_out_of_order(web: WebFloor, mira: httpx.AsyncClient) -> None:
    made, before = await booked(mira), owed(web, "mira")
    with web.context.database.write() as session:
        machines.lock_out(session, "laser-1", "The tube is broken", "olga", TEN)
    turn_to(web, TEN + 20 * MINUTE)
    assert await standing(mira, made["id"]) == "released"
    assert look(web.context) == 1
    assert (await standing(mira, made["id"]), owed(web, "mira")) == ("cancelled", before)


async def test_whoever_came_keeps_the_slot_even_if_it_is_heard_of_late(
    web: WebFloor, mira: httpx.AsyncClient
) -> None:
    made, other, before = await booked(mira), await booked(mira, 12), owed(web, "mira")
    begin(web, "mira", TEN + 5 * MINUTE, TEN + 6 * MINUTE, minutes=10)
    turn_to(web, TEN + 30 * MINUTE)
    assert await standing(mira, made["id"]) == "begun"
    turn_to(web, TEN + 3 * HOUR)
    look(web.context)
    assert await standing(mira, other["id"]) == "released"
    assert owed(web, "mira") - before == 5_000_000
    begin(web, "mira", TEN + 2 * HOUR + 10 * MINUTE, TEN + 3 * HOUR, minutes=1)
    assert await standing(mira, other["id"]) == "ended"
    assert owed(web, "mira") - before == 0, "the fee is given back"


async def test_a_session_that_runs_into_the_slot_counts(web: WebFloor, mira: httpx.AsyncClient) -> None:
    made = await booked(mira)
    begin(web, "mira", TEN - 10 * MINUTE, TEN - 9 * MINUTE)
    turn_to(web, TEN + 20 * MINUTE)
    seen = (await mira.get(f"{URL}/{made['id']}")).json()
    assert (seen["standing"], seen["begun_ms"]) == ("begun", TEN)


async def test_what_runs_goes_on_unless_somebody_waits(
    web: WebFloor, mira: httpx.AsyncClient, otto: httpx.AsyncClient
) -> None:
    made = await booked(mira)
    longer = {"ends_ms": TEN + 2 * HOUR}
    is_refused(await mira.post(f"{URL}/{made['id']}/extend", json=longer), "reservation_standing")
    begin(web, "mira", TEN + MINUTE, TEN + MINUTE)
    turn_to(web, TEN + 30 * MINUTE)
    extended = await mira.post(f"{URL}/{made['id']}/extend", json=longer)
    assert extended.json()["ends_ms"] == TEN + 2 * HOUR
    wish = {"machine": "laser-1", "from_ms": TEN + HOUR, "to_ms": TEN + 5 * HOUR, "length_ms": HOUR}
    assert (await otto.post(f"{API}/reservation-waiting", json=wish)).status_code == 201
    more = await mira.post(f"{URL}/{made['id']}/extend", json={"ends_ms": TEN + 3 * HOUR})
    is_refused(more, "reservation_extend")
    ended = await mira.post(f"{URL}/{made['id']}/cancel", json={})
    assert ended.json()["standing"] == "ended"


async def test_it_is_handed_over_to_who_may_use_the_machine(
    web: WebFloor, mira: httpx.AsyncClient, otto: httpx.AsyncClient
) -> None:
    made = await booked(mira)
    url = f"{URL}/{made['id']}/hand-over"
    refused = await mira.post(url, json={"member": web.people["ada"]})
    is_refused(refused, "reservation_certified")
    assert refused.json()["detail"].endswith(" may not use laser-1 then.")
    is_refused(await mira.post(url, json={"member": "nobody"}), "member_not_found", 404)
    is_refused(await mira.post(url, json={"member": "otto@kelp.test"}), "member_not_found", 404)
    is_refused(await otto.post(url, json={"member": web.people["otto"]}), "forbidden", 403)
    with web.context.database.read() as session:
        number = session.get_one(Member, web.people["otto"]).number
    theirs = await mira.post(url, json={"member": number})
    assert theirs.status_code == 200
    assert (await otto.get(f"{URL}/{theirs.json()['id']}")).json()["mine"]
    assert await standing(mira, made["id"]) == "handed_over"
    is_refused(await mira.post(URL, json=slot()), "reservation_overlap")


async def test_what_was_booked_under_other_buffers_keeps_its_own(
    web: WebFloor, mira: httpx.AsyncClient, otto: httpx.AsyncClient, olga: httpx.AsyncClient
) -> None:
    made, _ = await booked(mira), await booked(otto, 11)
    block = await olga.post(f"{URL}/blocks", json=slot(13))
    with_policy(web, POLICY.replace("[policy.lasers]", '[policy.lasers]\nbuffer = "30 min"'))
    worded = await mira.patch(f"{URL}/{made['id']}", json={"words": "acrylic"})
    assert (worded.status_code, worded.json()["words"]) == (200, "acrylic")
    to = {"member": web.people["otto"]}
    assert (await mira.post(f"{URL}/{made['id']}/hand-over", json=to)).status_code == 200
    url = f"{URL}/{block.json()['id']}"
    is_refused(await olga.post(f"{url}/hand-over", json=to), "reservation_standing")
    later = {"begins_ms": TEN + 5 * HOUR, "ends_ms": TEN + 6 * HOUR}
    assert (await olga.patch(url, json=later)).json()["begins_ms"] == TEN + 5 * HOUR


async def test_dates_that_cannot_be_had_are_named(
    web: WebFloor, mira: httpx.AsyncClient, otto: httpx.AsyncClient
) -> None:
    await booked(otto, 10 + 7 * 24)
    again = {"unit": "week", "times": 3}
    answer = await mira.post(f"{URL}/series", json=slot() | {"again": again})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["made"] == 2
    assert [one["rule"] for one in made["dates"]] == ["", "reservation_overlap", ""]
    ids = [one["reservation"] for one in made["dates"] if one["reservation"]]
    assert {(await mira.get(f"{URL}/{id}")).json()["series"] for id in ids} == {made["series"]}
    none = await mira.post(f"{URL}/series", json=slot() | {"again": again | {"times": 1}})
    is_refused(none, "reservation_series")


async def test_over_the_change_of_clocks_a_series_keeps_its_local_time(
    web: WebFloor, mira: httpx.AsyncClient
) -> None:
    """Dublin's clocks go back on 2026-10-25: 10:00 is 09:00 UTC before and 10:00 UTC after."""
    before = 1_792_144_800_000 + 2 * 24 * HOUR + HOUR  # 2026-10-18 09:00 UTC
    first = {"machine": "laser-1", "begins_ms": before - before % (24 * HOUR) + 9 * HOUR}
    first["ends_ms"] = first["begins_ms"] + HOUR  # type: ignore[operator]
    answer = await mira.post(f"{URL}/series", json=first | {"again": {"times": 2}})
    one, two = (date["begins_ms"] for date in answer.json()["dates"])
    assert two - one == 7 * 24 * HOUR + HOUR


async def test_rules_are_kept_version_by_version(
    web: WebFloor, olga: httpx.AsyncClient, mira: httpx.AsyncClient
) -> None:
    is_refused(await olga.post(f"{URL}/policies", json={"text": "[policy"}), "policy_invalid", 422)
    shorter = '[policy.all]\nmachines = "*"\nlength_max = "30 min"\n'
    later = {"text": shorter, "valid_from_ms": NOW_MS + HOUR}
    made = (await olga.post(f"{URL}/policies", json=later)).json()
    assert (await mira.post(f"{URL}/try", json=slot())).json()["allowed"]
    turn_to(web, NOW_MS + HOUR)
    assert (await mira.post(f"{URL}/try", json=slot())).json()["rule"] == "length_max"
    assert (await olga.post(f"{URL}/policies", json={"text": shorter})).json()["id"] == made["id"]
    newest, *_ = (await mira.get(f"{URL}/policies")).json()
    assert newest["id"] == made["id"]
    past = {"text": shorter, "valid_from_ms": NOW_MS - HOUR}
    is_refused(await olga.post(f"{URL}/policies", json=past), "date_past", 422)
