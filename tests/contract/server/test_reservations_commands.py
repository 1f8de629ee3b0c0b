"""What staff do with reservations by commands and on pages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from booking_api import cli
from booking_api.certifications import service as certifications
from floor.timescale import TimeScale
from tests.kit.initialised import initialised
from tests.kit.reservations import API, HOUR, POLICY, TOMORROW, slot, with_policy
from tests.kit.web import MINUTE, NOW_MS, WebFloor, build

ID = re.compile(r"[0-9a-f-]{36}")
FORM = {"begin": "2026-05-22T10:00", "end": "2026-05-22T11:00"}


def test_a_desk_books_lists_blocks_and_cancels(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(tmp_path / "makerfloor.toml"))

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["makerfloor", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == code, said.err
        return said.out + said.err

    initialised(tmp_path, run, "--name", "Space", "--timezone", "Europe/Berlin")
    (tmp_path / "rules.toml").write_text(POLICY)
    (tmp_path / "wrong.toml").write_text("[policy.x]\nlenght_max = 1\n")
    assert "lenght_max" in run("reservations", "policy", str(tmp_path / "wrong.toml"), code=2)
    assert "is in force from" in run("reservations", "policy", str(tmp_path / "rules.toml"))
    run("machine", "add", "laser-1", "Laser")
    run("member", "add", "Mira", "Quince", "--number", "7")
    day = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d")
    slot = ("laser-1", f"{day}T10:00", f"{day}T11:00")
    assert "not certified" in run("reservations", "book", "7", *slot, code=1)
    made = run("reservations", "book", "7", *slot, "--reason", "a visit")
    assert f"laser-1  {day} 10:00 to {day} 11:00  Mira Quince" in made
    assert "taken" in run("reservations", "block", *slot, code=1)
    assert "new lens" in run("reservations", "block", *slot, "--displace", "--words", "new lens")
    listed = run("reservations", "list", "--machine", "laser-1")
    assert ("new lens" in listed, "Mira" in listed) == (True, False)
    found = ID.search(listed)
    assert found
    assert "is cancelled" in run("reservations", "cancel", found[0])
    assert run("reservations", "list") == ""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = with_policy(build(tmp_path_factory.mktemp("reserve")))
    with made.context.database.write() as session:
        certifications.grant(session, made.people["otto"], "laser-1", made.people["ines"], NOW_MS)
    yield made
    made.context.database.close()


async def test_a_member_sees_why_not_before_asking_books_and_gives_up(web: WebFloor) -> None:
    mira = await web.signed_in("mira")
    page = (await mira.get("/machines/laser-1/reserve")).text
    assert page.count(">free</a>") == 7
    asked = await mira.get("/machines/laser-1/reserve", params=FORM)
    assert "This time can be had." in asked.text
    done = await mira.post("/machines/laser-1/reserve", data=FORM)
    assert (done.status_code, done.headers["location"]) == (303, "/reservations?notice=reserved")
    mine = (await mira.get("/reservations")).text
    assert "Laser cutter 60 W" in mine
    assert "Come by 10:15" in mine
    again = await mira.post("/machines/laser-1/reserve", data=FORM)
    assert again.status_code == 409
    assert "is taken from" in again.text
    mira.cookies.set("language", "zh", domain="floor.test")
    assert "已被占用" in (await mira.get("/machines/laser-1/reserve", params=FORM)).text
    mira.cookies.delete("language", domain="floor.test")
    listed = (await mira.get(f"{API}/reservations", params={"member": web.people["mira"]})).json()["items"]
    id = listed[0]["id"]
    late = await mira.post(f"/reservations/{id}/hand-over", data={"number": "no such"})
    assert (late.status_code, "There is no member with this number." in late.text) == (404, True)
    assert (await mira.post(f"/reservations/{id}/cancel")).status_code == 303
    assert "You have reserved nothing." in (await mira.get("/reservations")).text


async def test_others_see_the_name_that_was_chosen_and_may_wait(web: WebFloor) -> None:
    otto, mira = await web.signed_in("otto"), await web.signed_in("mira")
    form = {"begin": "2026-05-23T10:00", "end": "2026-05-23T11:00"}
    await otto.post("/machines/laser-1/reserve", data=form)
    page = (await mira.get("/machines/laser-1/reserve", params=form)).text
    assert (">Otto<" in page, "Basalt" in page, "Wait for it" in page) == (True, False, True)
    assert (await mira.post("/machines/laser-1/wait", data=form)).status_code == 303
    assert "place 1 in line" in (await mira.get("/reservations")).text
    (one,) = (await otto.get(f"{API}/reservations", params={"member": web.people["otto"]})).json()["items"]
    await otto.post(f"/reservations/{one['id']}/cancel")
    offered = (await mira.get("/reservations")).text
    assert "Offered to you" in offered
    (offer,) = (await mira.get(f"{API}/reservation-offers")).json()
    assert (await mira.post(f"/reservations/offers/{offer['id']}/accept")).status_code == 303
    all_ = (await mira.get(f"{API}/reservations", params={"machine": "laser-1"})).json()["items"]
    (mine,) = (one for one in all_ if one["standing"] == "booked")
    await mira.post(f"/reservations/{mine['id']}/cancel")


async def test_a_calendar_address_is_shown_once(web: WebFloor) -> None:
    mira = await web.signed_in("mira")
    made = (await mira.post("/reservations/calendar", data={"machine": ""})).text
    address = re.search(r"/calendar/[\w-]{43}\.ics", made)
    assert address
    assert (await web.browser().get(address[0])).status_code == 200
    assert address[0] not in (await mira.get("/reservations")).text
    (feed,) = (await mira.get(f"{API}/calendar-feeds")).json()
    await mira.post(f"/reservations/calendar/{feed['id']}/revoke")
    assert (await web.browser().get(address[0])).status_code == 404


async def test_staff_take_a_machine_and_book_for_others(web: WebFloor) -> None:
    olga, mira = await web.signed_in("olga"), await web.signed_in("mira")
    block = FORM | {"kind": "maintenance", "words": "New lens"}
    assert (await mira.post("/machines/laser-1/block", data=block)).status_code == 403
    assert (await olga.post("/machines/laser-1/block", data=block)).status_code == 303
    assert "New lens" in (await mira.get("/machines/laser-1/reserve")).text
    theirs = {"begin": "2026-05-24T10:00", "end": "2026-05-24T20:00", "member": "mira@kelp.test"}
    assert (await olga.post("/machines/laser-1/reserve", data=theirs)).status_code == 409
    why = theirs | {"reason": "an open day"}
    assert (await olga.post("/machines/laser-1/reserve", data=why)).status_code == 303
    assert "an open day" not in (await mira.get("/machines/laser-1/reserve")).text


async def test_wrong_times_are_refused_in_words(web: WebFloor) -> None:
    mira = await web.signed_in("mira")
    for wrong in ({"begin": "x", "end": "y"}, {"begin": FORM["end"], "end": FORM["begin"]}):
        answer = await mira.post("/machines/laser-1/reserve", data=wrong)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert (await mira.get("/machines/laser-1/reserve?day=nonsense")).status_code == 200
    assert (await mira.get("/machines/none/reserve")).status_code == 404


async def test_what_runs_is_extended_on_the_page(web: WebFloor) -> None:
    tomas = web.program("otto")
    made = (await tomas.post(f"{API}/reservations", json=slot(10 + 6 * 24))).json()
    assert made["standing"] == "booked"
    web.context.clock.scale = TimeScale(
        web.context.wall.now_ms(), TOMORROW + (10 + 6 * 24) * HOUR + MINUTE, 1
    )
    otto = await web.signed_in("otto")
    answer: httpx.Response = await otto.post(f"/reservations/{made['id']}/extend", data={"minutes": "30"})
    assert answer.status_code == 409
    assert "has begun, or is over already" in answer.text
