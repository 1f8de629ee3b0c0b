"""The day of all machines, what may be picked of it, and what the form to reserve says beforehand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.reservations import API, HOUR, POLICY, TOMORROW, slot, with_policy
from tests.kit.web import WebFloor, build

HOURS = 'hours = { daily = "09:00-21:00" }\n'
BUFFER = POLICY.replace('length_max = "4 h"', 'length_max = "4 h"\nbuffer = "15 min"\nahead = "2 weeks"')
DAY = "/reservations/day?day=2026-05-22"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = with_policy(build(tmp_path_factory.mktemp("timeline")), HOURS + BUFFER)
    yield made
    made.context.database.close()


async def test_what_may_be_picked_is_what_is_booked(web: WebFloor) -> None:
    async with await web.signed_in("mira") as mira:
        booked = await mira.post(f"{API}/reservations", json=slot(10, 2))
        assert booked.status_code == 201
        found = (await mira.get("/reservations/options?machine=laser-1&day=2026-05-22")).json()
        assert found["grid_ms"] == 900_000
        starts = dict(found["starts"])
        for hour, hours in (
            (8, 1),
            (8, 1.75),
            (8, 2),
            (12, 1),
            (12.25, 4),
            (12.25, 4.25),
            (19, 1),
            (19, 1.25),
        ):
            asked = slot(hour, hours)
            begins, ends = int(str(asked["begins_ms"])), int(str(asked["ends_ms"]))
            reason = next(number for until, number in starts[begins] if ends <= until)
            tried = (await mira.post(f"{API}/reservations/try", json=asked)).json()
            assert tried["allowed"] == (reason < 0), (hour, hours)
        assert "At most 4 h." in " ".join(found["reasons"]).replace("\u00a0", " ")
        moved = (
            await mira.get(
                f"/reservations/options?machine=laser-1&day=2026-05-22&changes={booked.json()['id']}"
            )
        ).json()
        assert dict(moved["starts"])[TOMORROW + 11 * HOUR][0][1] == -1
        other = await (await web.signed_in("otto")).get(
            f"/reservations/options?machine=laser-1&day=2026-05-22&changes={booked.json()['id']}"
        )
        assert other.status_code == 403
        price = await mira.get(
            "/reservations/price",
            params={"machine": "laser-1", "begins_ms": TOMORROW + 14 * HOUR, "ends_ms": TOMORROW + 15 * HOUR},
        )
        assert price.json() == {"allowed": True, "words": "", "price": "about €12.00"}


async def test_the_day_shows_what_is_whose_and_why_not(web: WebFloor) -> None:
    web.shows(web.in_use("saw-1", "otto"))
    async with await web.signed_in("mira") as mira, await web.signed_in("otto") as otto:
        page = (await mira.get(DAY)).text
        assert "★ You" in page
        assert "/machines/laser-1/reserve?begin=2026-05-22T09:00&amp;end=2026-05-22T10:00" in page
        assert "You are not certified for" in page
        theirs = (await otto.get(DAY)).text
        assert "★" not in theirs.split("legend")[0]
        assert "Mira" in theirs
        assert 'class="mark runs"' in (await mira.get("/reservations/day")).text
        few = (await mira.get(f"{DAY}&kind=laser&q=60")).text
        assert few.count('class="track"') == 1
        mine = (await mira.get(f"{DAY}&mine=1")).text
        assert "You are not certified for" not in mine
        none = (await mira.get(f"{DAY}&area=Nowhere")).text
        assert "No machine is like this." in none
        bad = await mira.get("/reservations/day?day=nonsense")
        assert bad.status_code == 200


async def test_a_move_is_undone_and_the_form_says_what_is_left(web: WebFloor) -> None:
    async with await web.signed_in("mira") as mira:
        made = (await mira.post(f"{API}/reservations", json=slot(15, 1))).json()
        moved = await mira.post(
            f"/reservations/{made['id']}/change",
            data={"begin": "2026-05-22T17:00", "end": "2026-05-22T18:00", "back": "2026-05-22"},
        )
        place = moved.headers["location"]
        assert place.startswith("/reservations/day?day=2026-05-22&moved=")
        page = (await mira.get(place)).text
        assert 'name="begin" value="2026-05-22T16:00"' in page
        form = (await mira.get("/machines/laser-1/reserve?begin=2026-05-22T18:30&end=2026-05-22T19:30")).text
        assert "At most 2" in form
        assert "used: 2, left: 4" in form
        assert "about €12.00" in form
        barred = (await mira.get("/machines/laser-2/reserve")).text
        assert "You are not certified for Laser cutter 100 W." in barred
        booked = await mira.post(
            "/machines/laser-1/reserve",
            data={"begin": "2026-05-22T19:00", "end": "2026-05-22T20:00", "back": "2026-05-22"},
        )
        assert booked.headers["location"] == "/reservations/day?day=2026-05-22&notice=reserved"
