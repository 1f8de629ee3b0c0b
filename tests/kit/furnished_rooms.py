"""What a furnished floor has of people and reservations, made through the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from booking_api.registrations.models import Registration, RegistrationState
from tests.kit.pictures import jpeg
from tests.kit.reservations import HOUR, POLICY, slot
from tests.kit.web import NOW_MS, WebFloor

Make = Callable[..., Awaitable[Any]]
SKILLS = """
[[skills]]
id = "soldering"
name = "Soldering"
months = 12
"""
REGISTRATION = "0196f0c4-5a00-7000-8000-00000000000a"


async def furnish_rooms(web: WebFloor, made: Make) -> dict[str, list[str]]:
    """Make one of each thing; return ids by what requests call them."""
    people = web.people
    known = await _members(web, made)
    await made("reservations/policies", {"text": POLICY})
    first = await made("reservations", slot(10, reason="A demonstration."))
    theirs = await made("reservations", slot(12, member=people["mira"]))
    again = await made("reservations/series", slot(15, again={"times": 2}, reason="A demonstration."))
    window = {"machine": "laser-1", "from_ms": NOW_MS, "to_ms": NOW_MS + 72 * HOUR, "length_ms": HOUR}
    waits = await made("reservation-waiting", window | {"member": people["mira"]})
    feed = await made("calendar-feeds", {})
    hook = {"name": "Door sign", "address": "https://sign.kelp.test/in", "happenings": ["*"]}
    webhook = await made("webhooks", hook)
    delivery = await made(f"webhooks/{webhook['id']}/ping")
    plan = '[[plans]]\nid = "lens"\nname = "Clean it"\nkinds = ["laser"]\ndays = 14\n'
    await made("maintenance/plans", {"text": plan})
    fault = await made("machines/laser-1/faults", {"title": "It smells."})
    photo = await made(f"work-orders/{fault['id']}/photos", None, content=jpeg())
    return known | {
        "plans/id": ["lens"],
        "work-orders/id": [fault["id"]],
        "photo": [photo["id"]],
        "reservations/id": [first["id"], theirs["id"], again["dates"][0]["reservation"]],
        "reservation-waiting/id": [waits["id"]],
        "calendar-feeds/id": [feed["id"]],
        "webhooks/id": [webhook["id"]],
        "webhooks/delivery": [delivery["id"]],
        "begins_ms": [slot(hour)["begins_ms"] for hour in (10, 18, 40)],
        "ends_ms": [slot(hour)["ends_ms"] for hour in (10, 18, 40)],
    }


async def _members(web: WebFloor, made: Make) -> dict[str, list[str]]:
    people = web.people
    await made("skills", {"text": SKILLS})
    household = await made("households", {"name": "Quince", "member": people["mira"]})
    waiver = await made("waivers", {"kind": "rules", "names": {"en": "Rules"}, "texts": {"en": "Be kind."},
                                    "grace_days": 30})  # fmt: skip
    invited = await made("invitations", {"email": "wren@kelp.test"})
    with web.context.database.write() as session:
        session.add(
            Registration(
                id=REGISTRATION,
                state=RegistrationState.ASKED,
                first_name="Kit",
                last_name="Loam",
                email="kit@kelp.test",
                language="en",
                written_ms=NOW_MS,
                confirmed_ms=NOW_MS,
                token_hash="ab" * 32,
            )
        )
    return {
        "skill": ["soldering", "laser-1"],
        "skills/id": ["soldering", "laser-1"],
        "households/id": [household["id"]],
        "version": [waiver["id"]],
        "invitations/id": [invited["id"]],
        "registrations/id": [REGISTRATION],
    }
