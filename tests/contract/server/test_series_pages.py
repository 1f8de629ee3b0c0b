"""Reservations that come again, on their page: all dates are shown before any is booked, and given up."""

from __future__ import annotations

import re

import pytest
from sqlmodel import col, select

from booking_api.reservations.models import Reserved
from floor.reservation.terms import Standing
from tests.kit.reservations import POLICY, with_policy
from tests.kit.web import WebFloor, build

SERIES = "/machines/laser-1/series"
FORM = {"begin": "2026-05-25T10:00", "end": "2026-05-25T11:00", "rhythm": "week", "until": "2026-06-15"}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    return with_policy(
        build(tmp_path_factory.mktemp("series")),
        POLICY.replace("waiting = true", "waiting = true\nrecurring_most = 5") + "recurring = false\n",
    )


def booked(web: WebFloor) -> list[Reserved]:
    query = select(Reserved).where(Reserved.standing == Standing.BOOKED)
    with web.context.database.read() as session:
        return list(session.exec(query.order_by(col(Reserved.begins_ms))))


def shown(text: str) -> str:
    found = re.search(r'name="shown" value="([^"]*)"', text)
    assert found, text
    return found[1]


async def test_dates_are_shown_then_booked_and_the_rest_is_given_up(web: WebFloor) -> None:
    async with await web.signed_in("mira") as browser:
        page = await browser.get("/machines/laser-1/reserve")
        assert f'formaction="{SERIES}"' in page.text
        page = await browser.post(SERIES, data=FORM | {"until": ""})
        assert 'value="2026-07-06"' in page.text, "six weeks are proposed"
        page = await browser.post(SERIES, data=FORM)
        assert "4 of 4 can be had" in page.text
        assert booked(web) == []
        taken = {"begin": "2026-06-01T10:30", "end": "2026-06-01T12:00"}
        staff = await web.signed_in("olga")
        block = taken | {"kind": "maintenance"}
        assert (await staff.post("/machines/laser-1/block", data=block)).status_code == 303
        page = await browser.post(SERIES, data=FORM | {"book": "1", "shown": shown(page.text)})
        assert "What can be had has changed" in page.text
        assert "3 of 4 can be had" in page.text
        assert "is taken from" in page.text
        answer = await browser.post(SERIES, data=FORM | {"book": "1", "shown": shown(page.text)})
        assert answer.headers["location"] == "/reservations?notice=series"
        mine = [one for one in booked(web) if one.member]
        assert len(mine) == 3
        assert len({one.series for one in mine}) == 1
        page = await browser.get("/reservations")
        assert "Give up this and 2 later ones" in page.text
        answer = await browser.post(f"/reservations/{mine[1].id}/cancel-rest")
        assert answer.headers["location"] == "/reservations?notice=series_cancelled"
        assert [one.id for one in booked(web) if one.member] == [mine[0].id]
        await staff.aclose()


async def test_what_may_not_come_again_is_said_on_the_page(web: WebFloor) -> None:
    async with await web.signed_in("mira") as browser:
        for form, words in (
            (FORM | {"rhythm": "day"}, "at most 5 times"),
            (FORM | {"end": FORM["begin"]}, "ends after it begins"),
            (FORM | {"until": "soon"}, "2026"),
        ):
            answer = await browser.post(SERIES, data=form)
            assert answer.status_code in {409, 422}
            assert words in answer.text
        answer = await browser.post("/machines/saw-1/series", data=FORM)
        assert "do not come again by themselves" in answer.text
        browser.cookies.set("language", "zh")
        answer = await browser.post("/machines/saw-1/series", data=FORM)
        assert "此设备不能重复预约。" in answer.text
        assert f"{SERIES}" not in (await browser.get("/machines/saw-1/reserve")).text
    async with await web.signed_in("otto") as browser:
        page = await browser.post(SERIES, data=FORM)
        assert "0 of 4 can be had" in page.text
        assert "You are not certified" in page.text
        assert 'name="book"' not in page.text
        first = booked(web)[0]
        assert (await browser.post(f"/reservations/{first.id}/cancel-rest")).status_code == 403
