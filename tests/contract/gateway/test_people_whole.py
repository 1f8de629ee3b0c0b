"""People and reservations at the machine: a real broker, a real server, a real gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from booking_api.badges import service as badges
from booking_api.certifications import service as certifications
from booking_api.members import care
from booking_api.members import service as members
from booking_api.memberships.days import day_of
from booking_api.reservations import policies
from floor.access import MemberStanding
from floor.wire.journal import SessionEnded
from floor.words import BadgeKind, DenialReason, InputRole, Role, StopType
from gateway.signing_off import WORDS
from hardware.events import ButtonPressed
from tests.contract.gateway.test_badges_whole import LOST as ADA
from tests.contract.gateway.test_badges_whole import NEW as BEN
from tests.contract.gateway.test_badges_whole import OTHER as INES
from tests.contract.gateway.test_badges_whole import Space, space, until, until_so

API, MINUTE = "/api/v1/reservations", 60_000
POLICY = '[policy.all]\nmachines = "*"\nextend = "nobody_waits"\n'
BLOCK = '[[blocks]]\nname = "Blade change"\nmachines = "*"\nbegins = {begins}\nends = {ends}\n'

__all__ = ["space"]


def standing(space: Space, uid: bytes) -> MemberStanding:
    found = space.gateways["gw-a"].roster.look_up(uid)[2]
    assert found is not None
    return found


def put(space: Space, text: str) -> None:
    with space.context.database.write() as session:
        policies.put(session, text, "test", space.context.clock.now_ms())


async def ended_as(space: Space, *expected: StopType) -> None:
    async def found() -> bool:
        entries = await space.gateways["gw-a"].journal.to_send(0, 200)
        ends = (entry.fact.stop_type for entry in entries if isinstance(entry.fact, SessionEnded))
        return tuple(ends) == expected

    await until_so(found, f"the journal has {expected}")


@pytest.mark.timeout(180)
async def test_people_and_reservations_reach_the_machine(space: Space) -> None:
    """One floor for all of it: it takes seconds to put one up."""
    now_ms = space.context.clock.now_ms()
    with space.context.database.write() as session:
        details = members.MemberDetails(first_name="Ines", last_name="Hall", role=Role.INSTRUCTOR)
        space.people["ines"] = members.add(session, details, now_ms).id
        certifications.grant(session, space.people["ines"], "laser-1", space.people["olga"], now_ms)
        for name, uid in (("ben", BEN), ("ines", INES)):
            kind, vault = BadgeKind.UID_13MHZ, space.context.vault
            badges.enrol(session, vault, space.people[name], uid, kind, "", now_ms)
    put(space, POLICY)
    await until(lambda: space.gateways["gw-a"].roster.look_up(INES)[2], "the gateway knows Ines")
    await signed_off(space)
    await reserved(space)
    await handed_over(space)
    await of_people(space)
    await blocks_come_and_go(space)


async def signed_off(space: Space) -> None:
    station = space.gateways["gw-a"].stations["laser-1"]
    await station.put(ButtonPressed(InputRole.SIGN_OFF))
    await until(station.signing.waits, "an instructor is waited for")
    await space.tap(INES)
    await until(lambda: station.signing.asks == WORDS["student"], "the student is waited for")
    await space.tap(BEN)
    await until(lambda: "laser-1" in standing(space, BEN).allowed, "Ben is certified at the gateway")


async def reserved(space: Space) -> None:
    station = space.gateways["gw-a"].stations["laser-1"]
    await space.tap(BEN)
    await until(space.running, "Ben uses it")
    begins_ms = space.context.clock.now_ms() + 5 * MINUTE
    body = {"machine": "laser-1", "begins_ms": begins_ms, "ends_ms": begins_ms + 60 * MINUTE}
    async with space.browser("ada") as ada:
        made = await ada.post(API, json=body)
        assert made.status_code == 201, made.text
        mine = f"{API}/{made.json()['id']}"
        await until(lambda: "please end by then" in station.reservations.notice("en"), "Ben is told")
        sooner = {"begins_ms": space.context.clock.now_ms() + 1_500}
        assert (await ada.patch(mine, json=sooner)).status_code == 200
        await until(lambda: not space.running(), "his session ends when it begins")
        await ended_as(space, StopType.RESERVATION)
        await space.tap(BEN)
        await until_so(lambda: space.refusals("gw-a"), "he is refused")
        assert await space.refusals("gw-a") == [DenialReason.RESERVED]
        await space.tap(ADA)
        await until(space.running, "Ada is let in")

        async def begun() -> bool:
            return bool((await ada.get(mine)).json()["begun_ms"])

        await until_so(begun, "the server knows that she came")
        later = {"ends_ms": begins_ms + 70 * MINUTE}
        assert (await ada.post(f"{mine}/extend", json=later)).status_code == 200
        await until(lambda: station.reservations.bookings[0].ends_ms == later["ends_ms"], "it is longer")
        assert (await ada.post(f"{mine}/cancel", json={})).status_code == 200
        await until(lambda: not station.reservations.bookings, "and gone")


async def handed_over(space: Space) -> None:
    station, ben = space.gateways["gw-a"].stations["laser-1"], space.people["ben"]
    await station.put(ButtonPressed(InputRole.HAND_OVER))
    await space.tap(ADA)
    await space.tap(BEN)
    await until(lambda: station.lease and station.lease.member == ben, "Ben goes on")
    await ended_as(space, StopType.RESERVATION, StopType.TAKEOVER)
    await space.tap(BEN)
    await until(lambda: not space.running(), "and ends")


async def of_people(space: Space) -> None:
    now_ms, who = space.context.clock.now_ms(), space.people
    of_age = day_of(now_ms, space.context.database.zone) + timedelta(days=3)
    minor = care.Guardianship(minor_until=of_age, guardian_name="Gil", guardian_contact="gil@hall.test")
    with space.context.database.write() as session:
        members.suspend(session, who["ben"], "late", now_ms)
        certifications.revoke(session, who["ines"], "laser-1", who["olga"], now_ms, "long away")
        care.set_guardianship(session, who["ada"], minor, now_ms)
    await until(lambda: standing(space, BEN).suspended, "Ben is suspended")
    await until(lambda: "laser-1" not in standing(space, INES).allowed, "Ines is certified no more")
    await until(lambda: standing(space, ADA).supervised, "Ada needs somebody beside her")


async def blocks_come_and_go(space: Space) -> None:
    """Also of a machine that nobody has reserved."""
    reservations = space.gateways["gw-b"].stations["saw-1"].reservations
    now = datetime.fromtimestamp(space.context.clock.now_ms() / 1000, UTC).replace(tzinfo=None, microsecond=0)
    begins, ends = ((now + timedelta(hours=hours)).isoformat() for hours in (-1, 1))
    put(space, POLICY + BLOCK.format(begins=begins, ends=ends))
    await until(lambda: "by Blade change" in reservations.free_note("en"), "the block is told")
    put(space, POLICY)
    await until(lambda: not reservations.bookings, "and that it is no more")
