"""Who waits is offered what comes free, one after another; gateways and calendars learn of reservations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from icalendar import Calendar

from booking_api.certifications import service as certifications
from booking_api.courses import classes
from booking_api.courses.classes import ClassDetails
from booking_api.courses.models import Course, SignUp
from booking_api.gateways.models import Gateway
from booking_api.gateways.office import Office
from booking_api.members import service as members
from booking_api.members.service import MemberChanges, Shown
from booking_api.reservations.blocks import class_changed
from booking_api.reservations.booking import BookingDetails, book
from booking_api.reservations.diary import Diary
from floor.timescale import TimeScale
from floor.wire.messages import Hello
from floor.wire.roster import Booking, OnReserved, Roster, RosterDelta, apply
from tests.kit.reservations import API, HOUR, POLICY, TOMORROW, slot, with_policy
from tests.kit.web import GATEWAY, MINUTE, NOW_MS, WebFloor, build

URL = f"{API}/reservations"
TEN = TOMORROW + 10 * HOUR
BLOCKS = """
[[blocks]]
name = "Maker club"
kind = "class"
machines = ["saw-1"]
days = "fri"
from = "18:00"
to = "20:00"
"""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = with_policy(build(tmp_path))
    with made.context.database.write() as session:
        for name in ("otto", "ines", "tomas"):
            certifications.grant(session, made.people[name], "laser-1", made.people["ada"], NOW_MS)
    yield made
    made.context.database.close()


def turn_to(web: WebFloor, at_ms: int) -> None:
    web.context.clock.scale = TimeScale(web.context.wall.now_ms(), at_ms, 1)


async def ask(web: WebFloor, name: str, method: str, path: str, **json: object) -> httpx.Response:
    async with web.program(name) as client:
        return await client.request(method, f"{API}{path}", json=json or None)


async def wait(web: WebFloor, name: str, hours: float = 1) -> dict[str, object]:
    wish = {"machine": "laser-1", "from_ms": TEN, "to_ms": TEN + 2 * HOUR, "length_ms": round(hours * HOUR)}
    answer = await ask(web, name, "POST", "/reservation-waiting", **wish)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def offers(web: WebFloor, name: str) -> list[tuple[int, int, int]]:
    found = (await ask(web, name, "GET", "/reservation-offers")).json()
    return [(one["begins_ms"] - TEN, one["ends_ms"] - TEN, one["until_ms"]) for one in found]


async def test_what_comes_free_is_offered_in_line_and_lapses_by_itself(web: WebFloor) -> None:
    made = (await ask(web, "mira", "POST", "/reservations", **slot(10, 2))).json()
    assert [(await wait(web, name))["place"] for name in ("otto", "ines", "tomas")] == [1, 2, 3]
    await ask(web, "mira", "POST", f"/reservations/{made['id']}/cancel")
    now = NOW_MS + 30 * MINUTE
    ((*first, until),) = await offers(web, "otto")
    ((*second, _),) = await offers(web, "ines")
    assert (first, second) == ([0, HOUR], [HOUR, 2 * HOUR])
    assert abs(until - now) < 10_000
    assert await offers(web, "tomas") == []
    stranger = await ask(web, "mira", "POST", "/reservations", **slot())
    assert (stranger.status_code, stranger.json()["code"]) == (409, "reservation_offer")
    turn_to(web, until)
    ((*third, until),) = await offers(web, "tomas")  # both went by: the third has the first piece
    assert (third[1] - third[0], abs(until - now - 30 * MINUTE) < 20_000) == (HOUR, True)
    (one,) = (await ask(web, "tomas", "GET", "/reservation-offers")).json()
    taken = await ask(web, "otto", "POST", f"/reservation-offers/{one['id']}/accept")
    assert taken.status_code == 404
    taken = await ask(web, "tomas", "POST", f"/reservation-offers/{one['id']}/accept")
    assert (taken.status_code, taken.json()["mine"]) == (201, True)
    again = await ask(web, "tomas", "POST", f"/reservation-offers/{one['id']}/accept")
    assert again.json()["code"] == "offer_over"
    assert (await ask(web, "tomas", "GET", "/reservation-waiting")).json() == []


async def test_who_declines_or_leaves_makes_room_for_the_next(web: WebFloor) -> None:
    made = (await ask(web, "mira", "POST", "/reservations", **slot(10, 2))).json()
    for name in ("otto", "ines", "tomas"):
        await wait(web, name, 2)
    await ask(web, "mira", "POST", f"/reservations/{made['id']}/cancel")
    (one,) = (await ask(web, "otto", "GET", "/reservation-offers")).json()
    assert (await ask(web, "otto", "POST", f"/reservation-offers/{one['id']}/decline")).status_code == 204
    assert len(await offers(web, "ines")) == 1
    (entry,) = (await ask(web, "ines", "GET", "/reservation-waiting")).json()
    assert (await ask(web, "otto", "DELETE", f"/reservation-waiting/{entry['id']}")).status_code == 404
    assert (await ask(web, "ines", "DELETE", f"/reservation-waiting/{entry['id']}")).status_code == 204
    assert [len(await offers(web, name)) for name in ("otto", "ines", "tomas")] == [0, 0, 1]
    seen = (await ask(web, "olga", "GET", "/reservation-waiting")).json()
    assert [one["member"] for one in seen] == [web.people["otto"], web.people["tomas"]]


async def test_who_books_elsewhere_in_that_time_leaves_what_was_offered(web: WebFloor) -> None:
    made = (await ask(web, "mira", "POST", "/reservations", **slot(10, 2))).json()
    wish = {"machine": "laser-1", "from_ms": TEN - 2 * HOUR, "to_ms": TEN + 2 * HOUR, "length_ms": HOUR}
    await ask(web, "otto", "POST", "/reservation-waiting", **wish)
    await wait(web, "ines", 2)
    await ask(web, "mira", "POST", f"/reservations/{made['id']}/cancel")
    assert [len(await offers(web, name)) for name in ("otto", "ines")] == [1, 0]
    assert (await ask(web, "otto", "POST", "/reservations", **slot(8))).status_code == 201
    assert await offers(web, "otto") == []


class Peer:
    """A gateway that holds what it is told."""

    def __init__(self, web: WebFloor) -> None:
        self.web, self.office = web, Office(web.context.vault, "EUR")
        hello = Hello(gateway=GATEWAY, boot_id="b", software="1", journal_epoch=1, next_seq=1, roster=None)
        with web.context.database.write() as session:
            _, given = self.office.greet(session, hello, web.context.clock.now_ms())
        assert isinstance(given, Roster)
        self.roster = given

    def told(self, machine: str = "laser-1") -> list[Booking]:
        with self.web.context.database.write() as session:
            given = self.office.update(session, GATEWAY, self.web.context.clock.now_ms())
        if given is not None:
            self.roster = apply(self.roster, given) if isinstance(given, RosterDelta) else given
        return next(one for one in self.roster.machines if one.id == machine).bookings


@pytest.fixture
def peer(web: WebFloor) -> Peer:
    with web.context.database.write() as session:
        gateway_key = web.context.vault.seal(b"k" * 32)
        session.get_one(Gateway, GATEWAY).badge_key_sealed = gateway_key
    return Peer(web)


async def test_gateways_are_told_what_is_reserved(web: WebFloor, peer: Peer) -> None:
    made = (await ask(web, "mira", "POST", "/reservations", **slot())).json()
    (one,) = peer.told()
    assert (one.id, one.member, one.shown, one.begun) == (made["id"], web.people["mira"], "", False)
    with web.context.database.write() as session:
        members.show_as(session, web.people["mira"], Shown.NICKNAME, "Miri", NOW_MS)
    (one,) = peer.told()
    assert one.shown == "Miri", "who stands at a station reads a name that its bearer chose"
    assert (one.released_ms, one.on_others, one.warn_s) == (TEN + 15 * MINUTE, OnReserved.REFUSE, 600)
    with web.context.database.write() as session:
        members.change(session, web.people["mira"], MemberChanges(shown_name="M."), NOW_MS)
    assert peer.told()[0].shown == "M."
    await ask(web, "mira", "POST", f"/reservations/{made['id']}/cancel")
    assert peer.told() == []


async def test_what_is_far_ahead_is_told_as_time_goes_on(web: WebFloor, peer: Peer) -> None:
    await ask(web, "mira", "POST", "/reservations", **slot(10 + 9 * 24))
    assert peer.told() == []
    turn_to(web, NOW_MS + 4 * 24 * HOUR)
    with web.context.database.write() as session:
        peer.office.turn_bookings(session, web.context.clock.now_ms())
    assert len(peer.told()) == 1


async def test_a_class_lets_in_who_has_a_place(web: WebFloor, peer: Peer) -> None:
    with web.context.database.write() as session:
        session.add(
            Course(
                id="intro",
                names={"en": "Intro"},
                minutes=60,
                capacity=3,
                updated_ms=NOW_MS,
                opens_machines=True,
            )
        )
        session.flush()
        details = ClassDetails(course="intro", instructor=web.people["ines"], starts_ms=TEN)
        planned = classes.plan(session, details, NOW_MS).id
    mine = (await ask(web, "mira", "POST", "/reservations", **slot())).json()
    block = slot() | {"kind": "class", "class_session": planned, "words": "Intro to lasers"}
    assert (await ask(web, "olga", "POST", "/reservations/blocks", **block)).status_code == 409
    assert (await ask(web, "mira", "POST", "/reservations/blocks", **block)).status_code == 403
    made = await ask(web, "olga", "POST", "/reservations/blocks", **block, displace=True)
    assert made.status_code == 201
    assert (await ask(web, "mira", "GET", f"/reservations/{mine['id']}")).json()["standing"] == "cancelled"
    (one,) = peer.told()
    assert (one.member, one.guests, one.shown) == ("", [web.people["ines"]], "Intro to lasers")
    assert one.opens, "its people need no training, once it was opened at the machine"
    with web.context.database.write() as session:
        session.add(
            SignUp(id="u", session=planned, member=web.people["otto"], signed_ms=NOW_MS, changed_ms=NOW_MS)
        )
        session.flush()
        class_changed(session, planned, web.people["ines"], NOW_MS)
    assert peer.told()[0].guests == [web.people["ines"], web.people["otto"]]
    with web.context.database.write() as session:
        session.get_one(Course, "intro").opens_machines = False
        class_changed(session, planned, web.people["ines"], NOW_MS)
    assert not peer.told()[0].opens, "this course's people need training, as everybody does"
    with web.context.database.write() as session:
        classes.call_off(session, planned, web.people["ines"], NOW_MS)
    assert peer.told() == []


async def test_a_reservation_that_gets_shorter_leaves_its_rest_to_who_waits(
    web: WebFloor, peer: Peer
) -> None:
    later = TEN + 24 * HOUR  # so that it is not too late to change it
    made = (await ask(web, "mira", "POST", "/reservations", **slot(34, 2))).json()
    wish = {"machine": "laser-1", "from_ms": later, "to_ms": later + 2 * HOUR, "length_ms": HOUR}
    await ask(web, "otto", "POST", "/reservation-waiting", **wish)
    shorter = await ask(web, "mira", "PATCH", f"/reservations/{made['id']}", ends_ms=later + HOUR)
    assert shorter.status_code == 200, shorter.text
    ((*offered, _),) = await offers(web, "otto")
    assert offered == [25 * HOUR, 26 * HOUR]
    assert [one.id for one in peer.told()] == [made["id"]], "the offer is over long before it begins"


async def test_what_is_kept_for_who_waited_is_theirs_at_the_machine(web: WebFloor, peer: Peer) -> None:
    await ask(web, "mira", "POST", "/reservations", **slot(10, 2))
    await wait(web, "otto")
    turn_to(web, TEN + 15 * MINUTE)
    ((begins, ends, until),) = await offers(web, "otto")
    (one,) = peer.told()
    assert (one.member, one.begins_ms - TEN, one.ends_ms - TEN) == (web.people["otto"], begins, ends)
    assert one.released_ms == until, "it lapses by itself, unless its member comes"


async def test_without_a_reservation_nobody_uses_what_the_rules_keep(web: WebFloor, peer: Peer) -> None:
    with_policy(web, POLICY.replace("[policy.lasers]", "[policy.lasers]\nwalk_in = false"))
    made = (await ask(web, "mira", "POST", "/reservations", **slot())).json()
    before, mine, after = peer.told()
    assert (mine.id, before.ends_ms, after.begins_ms) == (made["id"], TEN, TEN + HOUR)
    assert (before.member, before.on_others, before.begins_ms <= NOW_MS) == ("", OnReserved.REFUSE, True)
    assert peer.told("saw-1") == []


async def test_blocks_of_the_policy_file_are_told_too(web: WebFloor, peer: Peer) -> None:
    with_policy(web, POLICY + BLOCKS)
    with web.context.database.write() as session:
        peer.office.turn_bookings(session, web.context.clock.now_ms())
    (one,) = peer.told("saw-1")
    assert (one.shown, one.member, one.ends_ms - one.begins_ms) == ("Maker club", "", 2 * HOUR)


def booked(web: WebFloor, name: str, begins: datetime, hours: float = 1) -> str:
    begins_ms = round(begins.timestamp() * 1000)
    details = BookingDetails(
        machine="laser-1", begins_ms=begins_ms, ends_ms=begins_ms + round(hours * HOUR), words="walnut"
    )
    with web.context.database.write() as session:
        return book(Diary(session, web.context.clock.now_ms(), web.people[name], "EUR"), details).id


async def test_a_private_calendar_is_read_without_signing_in_until_it_is_revoked(web: WebFloor) -> None:
    zone = ZoneInfo("Europe/Dublin")
    before = datetime(2026, 10, 25, 0, 30, tzinfo=zone)  # the clocks go back at 02:00 local time that night
    booked(web, "mira", before, 3)
    booked(web, "otto", datetime(2026, 10, 26, 10, tzinfo=zone))
    mine = (await ask(web, "mira", "POST", "/calendar-feeds")).json()
    async with web.browser() as browser:
        path = mine["address"].removeprefix(web.context.settings.address)
        answer = await browser.get(path)
        assert answer.headers["cache-control"].startswith("private")
        assert answer.headers["content-type"].startswith("text/calendar")
        (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
        assert (event.decoded("dtstart"), event["summary"]) == (before, "Laser cutter 60 W")
        assert event.decoded("dtend").astimezone(zone).strftime("%H:%M") == "02:30"
        assert (event.decoded("dtend") - event.decoded("dtstart")).total_seconds() == 3 * 3600
        kept = await browser.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert (kept.status_code, kept.content) == (304, b"")
        machine = (await ask(web, "mira", "POST", "/calendar-feeds", machine="laser-1")).json()
        path = machine["address"].removeprefix(web.context.settings.address)
        events = Calendar.from_ical((await browser.get(path)).content).walk("VEVENT")
        assert [str(one["summary"]) for one in events] == [
            "Laser cutter 60 W: Mira",
            "Laser cutter 60 W: Otto",
        ]
        assert [str(one.get("description", "")) for one in events] == ["walnut", ""]
        await ask(web, "mira", "DELETE", f"/calendar-feeds/{machine['id']}")
        assert (await browser.get(path)).status_code == 404
        again = (await ask(web, "mira", "POST", "/calendar-feeds")).json()
        listed = (await ask(web, "mira", "GET", "/calendar-feeds")).json()
        assert [one["id"] for one in listed] == [again["id"]], "the address before shows nothing any more"
        assert "address" not in listed[0]


async def test_one_reservation_is_added_to_a_calendar(web: WebFloor) -> None:
    id = booked(web, "mira", datetime(2026, 5, 22, 10, tzinfo=ZoneInfo("Europe/Dublin")))
    async with web.program("mira") as client:
        answer = await client.get(f"/reservations/{id}.ics")
    (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
    assert event.decoded("dtstart").isoformat() == "2026-05-22T09:00:00+00:00"
    assert "attachment" in answer.headers["content-disposition"]
    assert (event["status"], event["sequence"]) == ("CONFIRMED", 0)
    turn_to(web, NOW_MS + HOUR)
    await ask(web, "mira", "POST", f"/reservations/{id}/cancel")
    async with web.program("mira") as client:
        (off,) = Calendar.from_ical((await client.get(f"/reservations/{id}.ics")).content).walk("VEVENT")
    assert (off["uid"], off["status"], off["sequence"] > 3000) == (event["uid"], "CANCELLED", True)
    async with web.program("otto") as client:
        assert (await client.get(f"/reservations/{id}.ics")).status_code == 404
