"""A floor on which each person of every role owns one of each thing that can be owned."""

from __future__ import annotations

from collections.abc import Mapping

from booking_api.courses import classes
from booking_api.memberships import plans
from floor.money import Commodity
from tests.kit.furnished import COURSES, GCODE, HOUR_MS, PLANS, Maker
from tests.kit.web import MINUTE, NOW_MS, PEOPLE, WebFloor

NAMES = tuple(name for name, *_ in PEOPLE)
Things = Mapping[str, str]


async def share_out(web: WebFloor) -> dict[str, Things]:
    """Give each person theirs; return whose is what, by the words that paths and bodies have for it."""
    with web.context.database.write() as session:
        plans.add_file(session, PLANS, "plans.toml", Commodity("EUR"), "test", NOW_MS)
        classes.put_file(session, COURSES, "classes.toml", Commodity("EUR"), "test", NOW_MS)
    async with web.program("ada") as program:
        made = Maker(program)
        starts = {"instructor": web.people["ines"], "starts_ms": NOW_MS + 48 * HOUR_MS}
        course = await made("classes", {"course": "laser"} | starts)
        found: dict[str, Things] = {}
        for at, name in enumerate(NAMES):
            web.session(f"own-{name}", name, "laser-1", NOW_MS - (300 - at) * MINUTE, 25)
            found[name] = {"classes/id": course["id"]} | await _own(web, made, name)
    return found


async def _own(web: WebFloor, made: Maker, name: str) -> Things:
    member = web.people[name]
    account = (await made(f"members/{member}", None, "GET"))["account"]
    await made(f"members/{member}/certifications/printer-1", {}, "PUT")
    await made("teams", {"id": f"team-{name}", "name": f"Team of {name}"})
    await made(f"teams/team-{name}/people", {"who": member, "role": "owner"})
    lot = await made(
        f"accounts/{account}/allowances", {"commodity": "EUR", "amount": "5", "transferable": True}
    )
    period = {"from_ms": 0, "to_ms": NOW_MS + 10**9}
    statement = await made(f"members/{member}/statement", None, "GET", params=period)
    charge = next(item["charge"] for item in statement["items"] if item["session"] == f"own-{name}")
    joined = await made(f"members/{member}/memberships", {"plan": "full"})
    issued = await made(f"accounts/{account}/invoices", {"month": "2026-05"})
    async with web.program(name) as program:
        mine = Maker(program, 500)
        dispute = await mine(f"charges/{charge}/disputes", {"reason": "The lens was cracked."})
        where = {"machine": "printer-1", "name": "gear.gcode"}
        job = await mine("prints", None, params=where, content=GCODE.encode())
        token = (await mine("tokens", None, "GET"))[0]
    return {
        "member": member,
        "members/id": member,
        "account": account,
        "accounts/id": account,
        "badges/id": web.badge[name],
        "sessions/id": f"own-{name}",
        "charges/id": charge,
        "charge": charge,
        "disputes/id": dispute["id"],
        "lot": lot["lot"],
        "memberships/id": joined["id"],
        "number": issued["invoices"][0]["number"],
        "prints/id": job["id"],
        "teams/id": f"team-{name}",
        "tokens/id": token["id"],
        "machine": "printer-1",
    }
