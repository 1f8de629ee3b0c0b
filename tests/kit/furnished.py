"""A floor with one of each thing that the API knows, made through the API; other sites beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from booking_api.courses import classes
from booking_api.memberships import plans
from floor.money import Commodity
from tests.kit.furnished_rooms import furnish_rooms
from tests.kit.furnished_sites import furnish_sites
from tests.kit.months import cost_file
from tests.kit.web import GATEWAY, NOW_MS, WebFloor

API = "/api/v1"
HOUR_MS = 3_600_000
PLANS = """
valid_from = 2026-01-01
[[plans]]
id = "full"
name = "Full member"
price = 30
tier = "member"
[[plans]]
id = "pass"
name = "Day pass"
price = 12
per = "day"
open = true
"""
COURSES = """
valid_from = 2026-01-01
[[courses]]
id = "laser"
name = "Laser cutting, basics"
price = 40
capacity = 2
"""
GCODE = ";FLAVOR:Marlin\n;TIME:4200\n;Filament used: 1m\nG28\nG1 X10 Y10 E5\n"
TEXTS = {
    "text": ["id = 1", "[[", "x"],
    "uid": ["04:A2:B3:C4"],
    "commodity": ["EUR"],
    "tariff": ["laser", "printer"],
}


async def furnish(web: WebFloor, client: httpx.AsyncClient) -> dict[str, list[str]]:
    """Make one of each thing as `client`, who may do all; return ids by what requests call them."""
    with web.context.database.write() as session:
        plans.add_file(session, PLANS, "plans.toml", Commodity("EUR"), "test", NOW_MS)
        classes.put_file(session, COURSES, "classes.toml", Commodity("EUR"), "test", NOW_MS)
    made = Maker(client)
    people = list(web.people.values())
    account = (await client.get(f"{API}/members/{web.people['mira']}")).json()["account"]
    known = TEXTS | {
        "member": people,
        "members/id": people,
        "who": people,
        "machine": ["laser-1", "printer-1", "saw-1"],
        "machines/id": ["laser-1", "printer-1", "saw-1", "door-1"],
        "badges/id": list(web.badge.values()),
        "sessions/id": ["use-1", "use-2", "use-3", "use-4"],
        "account": [account, "rocket"],
        "accounts/id": [account, "rocket"],
        "plan": ["pass", "full"],
        "course": ["laser"],
        "instructor": [web.people["ines"]],
        "gateway": [GATEWAY],
        "month": ["2026-05", "2026-04"],
        "site": ["harbour", "pier"],
        "from_ms": ["0", str(NOW_MS - 10**9)],
        "to_ms": [str(NOW_MS + 10**9)],
        "cursor": [""],
    }
    known |= await _money(web, made, account)
    known |= await furnish_rooms(web, made)
    furnish_sites(web)
    return known | await _people(web, made)


@dataclass
class Maker:
    """Makes things through the API; each must succeed."""

    client: httpx.AsyncClient
    number: int = 0

    async def __call__(self, path: str, body: object = None, method: str = "POST", **more: Any) -> Any:
        self.number += 1
        headers = {"Idempotency-Key": f"furnish-{self.number:04}"}
        sent = {"json": body} if body is not None else {}
        answer = await self.client.request(method, f"{API}/{path}", headers=headers, **sent, **more)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None


async def _money(web: WebFloor, made: Maker, account: str) -> dict[str, list[str]]:
    ply = {"id": "ply", "name": "Plywood", "unit": "sheet", "price_micro": 4_000_000, "stock_milli": 50_000}
    line = {"pool": "laser", "kind": "upkeep", "amount_micro": 5_000_000}
    await made("funds", {"id": "grant", "name": "A grant"})
    await made("costs/versions", {"text": cost_file().replace('"2027-01"', '"2026-05"')})
    bill = await made(
        "costs/invoices", {"supplier": "Acme", "number": "1", "dated_ms": NOW_MS, "lines": [line]}
    )
    await made("items/ply", ply, "PUT")
    await made("desk/drawer/open", {"float_micro": 100_000_000})
    sale = await made("sales", {"item": "ply", "quantity_milli": 1000, "means": "cash"})
    lot = await made(f"accounts/{account}/allowances", {"commodity": "EUR", "amount": "5"})
    period = {"from_ms": 0, "to_ms": NOW_MS + 10**9}
    statement = await made(f"members/{web.people['mira']}/statement", None, "GET", params=period)
    charges = [item["charge"] for item in statement["items"] if item["charge"]]
    dispute = await made(f"charges/{charges[0]}/disputes", {"reason": "The lens was cracked."})
    issued = await made(f"accounts/{account}/invoices", {"month": "2026-05"})
    return {
        "funds/id": ["grant"],
        "costs/id": [str(bill["id"])],
        "items/id": ["ply"],
        "item": ["ply"],
        "sales/entry": [sale["entry"]],
        "lot": [lot["lot"]],
        "charges/id": charges,
        "charge": charges,
        "entry": [item["entry"] for item in statement["items"]],
        "disputes/id": [dispute["id"]],
        "number": [one["number"] for one in issued["invoices"]],
    }


async def _people(web: WebFloor, made: Maker) -> dict[str, list[str]]:
    await made("teams", {"id": "rocket", "name": "Rocket team"})
    await made("teams/rocket/people", {"who": web.people["mira"], "role": "owner"})
    joined = await made(f"members/{web.people['mira']}/memberships", {"plan": "pass"})
    starts = {"starts_ms": NOW_MS + 48 * HOUR_MS}
    course = await made("classes", {"course": "laser", "instructor": web.people["ines"]} | starts)
    for name in ("ada", "mira"):
        await made(f"members/{web.people[name]}/certifications/printer-1", {}, "PUT")
    where = {"machine": "printer-1", "name": "gear.gcode"}
    job = await made("prints", None, params=where, content=GCODE.encode())
    return {
        "teams/id": ["rocket"],
        "parent": ["rocket"],
        "memberships/id": [joined["id"]],
        "classes/id": [course["id"]],
        "prints/id": [job["id"]],
    }
