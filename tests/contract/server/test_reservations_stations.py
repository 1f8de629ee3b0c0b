"""Stations learn the rules on use without a reservation, take offers, and hear of what is freed."""

from __future__ import annotations

from sqlmodel import select

from booking_api.happenings.models import Happened
from booking_api.members import service as members
from booking_api.privacy.service import forget
from booking_api.reservations.models import Offer, Reserved, Waiting
from floor.reservation.terms import Standing
from tests.contract.server.test_reservations import begin
from tests.contract.server.test_reservations_line import TEN, Peer, ask, offers, peer, turn_to, wait, web
from tests.kit.reservations import HOUR, POLICY, slot, with_policy
from tests.kit.web import MINUTE, NOW_MS, WebFloor

__all__ = ["peer", "web"]
HOURS = '\nhours = { daily = "06:00-24:00" }'
LIMITS = (
    POLICY
    + """
[[policy.lasers.limits]]
per = "rolling"
window = "3 days"
most = "6 h"
counts = ["use", "no_shows"]
over = "policy"
then = "cede"
"""
)


async def test_the_rules_are_told_where_they_say_something_of_it(web: WebFloor, peer: Peer) -> None:
    peer.told()
    assert peer.roster.walk_in.texts == []
    text = POLICY.replace("[policy.lasers]", "[policy.lasers]" + HOURS)
    with_policy(web, text)
    peer.told()
    (told,) = peer.roster.walk_in.texts
    assert told.text == text
    assert peer.roster.walk_in.kinds["laser-1"] == "laser"
    with_policy(web, POLICY)
    peer.told()
    assert peer.roster.walk_in.texts == []


async def test_what_limits_count_is_told_as_it_changes(web: WebFloor, peer: Peer) -> None:
    with_policy(web, LIMITS)
    peer.told()
    mira = web.people["mira"]
    (before,) = peer.roster.members[mira].counted
    assert (before.machine, before.what, before.ends_ms) == ("laser-1", "walk_in", NOW_MS - 90 * MINUTE)
    made = (await ask(web, "mira", "POST", "/reservations", **slot())).json()
    await wait(web, "otto")
    peer.told()
    (waits,) = next(one for one in peer.roster.machines if one.id == "laser-1").waits
    assert (waits.member, waits.from_ms - TEN) == (web.people["otto"], 0)
    turn_to(web, TEN + 20 * MINUTE)
    await ask(web, "olga", "POST", f"/reservations/{made['id']}/cancel")
    begin(web, "mira", TEN + 90 * MINUTE, TEN + 91 * MINUTE)
    turn_to(web, TEN + 91 * MINUTE)
    peer.told()
    _, missed, running = peer.roster.members[mira].counted
    assert (missed.what, missed.begins_ms, running.what, running.ends_ms) == ("no_shows", TEN, "walk_in", 0)


async def test_a_session_in_an_offered_slot_takes_it_once(web: WebFloor, peer: Peer) -> None:
    await ask(web, "mira", "POST", "/reservations", **slot(10, 2))
    await wait(web, "otto")
    turn_to(web, TEN + 15 * MINUTE)
    await offers(web, "otto")
    turn_to(web, TEN + 20 * MINUTE)
    for _ in range(2):
        begin(web, "otto", TEN + 18 * MINUTE, TEN + 20 * MINUTE)
    (mine,) = (one for one in peer.told() if one.member == web.people["otto"])
    assert (mine.begins_ms - TEN, mine.ends_ms - TEN, mine.begun) == (18 * MINUTE, 78 * MINUTE, True)
    with web.context.database.read() as session:
        assert [one.state for one in session.exec(select(Offer))] == ["accepted"]
        assert all(one.left_ms for one in session.exec(select(Waiting)))


async def test_a_tap_that_is_heard_of_late_takes_what_nobody_else_has(web: WebFloor, peer: Peer) -> None:
    await ask(web, "mira", "POST", "/reservations", **slot(10, 2))
    await wait(web, "otto")
    turn_to(web, TEN + 15 * MINUTE)
    await offers(web, "otto")
    turn_to(web, TEN + 50 * MINUTE)
    assert await offers(web, "otto") == [], "it has lapsed"
    begin(web, "otto", TEN + 20 * MINUTE, TEN + 50 * MINUTE)
    assert [one.begun for one in peer.told() if one.member == web.people["otto"]] == [True]


async def test_what_a_suspended_member_had_is_offered(web: WebFloor, peer: Peer) -> None:
    made = (await ask(web, "mira", "POST", "/reservations", **slot(10, 2))).json()
    await wait(web, "otto")
    turn_to(web, TEN - HOUR)
    mira = web.people["mira"]
    answer = await ask(web, "olga", "POST", f"/members/{mira}/suspend", reason="rude")
    assert answer.status_code == 200, answer.text
    ((begins, _, _),) = await offers(web, "otto")
    assert begins == 0
    assert mira not in {one.member for one in peer.told()}
    with web.context.database.read() as session:
        row = session.get_one(Reserved, made["id"])
        assert (row.standing, row.excused) == (Standing.CANCELLED, True)
        told = select(Happened).where(Happened.subject == row.id, Happened.member == mira)
        assert "reservation.cancelled" in {one.what for one in session.exec(told)}


async def test_what_is_reserved_at_a_machine_that_goes_is_called_off(web: WebFloor, peer: Peer) -> None:
    made = (await ask(web, "mira", "POST", "/reservations", **slot(10, 2))).json()
    await wait(web, "otto")
    answer = await ask(web, "ada", "DELETE", "/machines/laser-1")
    assert answer.status_code == 200, answer.text
    with web.context.database.read() as session:
        assert session.get_one(Reserved, made["id"]).standing is Standing.CANCELLED
        assert all(one.left_ms for one in session.exec(select(Waiting)))
    assert await offers(web, "otto") == []


async def test_what_was_kept_for_one_who_is_erased_is_offered(web: WebFloor, peer: Peer) -> None:
    await ask(web, "mira", "POST", "/reservations", **slot(10, 2))
    await wait(web, "otto")
    turn_to(web, TEN - HOUR)
    with web.context.database.write() as session:
        forget(session, members.get(session, web.people["mira"]), "ada", web.context.clock.now_ms())
    ((begins, _, _),) = await offers(web, "otto")
    assert begins == 0
    assert NOW_MS < TEN
