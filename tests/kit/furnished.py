"""A floor with one of each thing that the API knows, made through the API."""

from __future__ import annotations

from typing import Any

import httpx

from booking_api.memberships import classes, plans
from floor.money import Commodity
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
    number = 0

    async def made(path: str, body: object = None, **more: Any) -> Any:
        nonlocal number
        number += 1
        headers = {"Idempotency-Key": f"furnish-{number:04}"}
        answer = await client.post(f"{API}/{path}", json=body, headers=headers, **more)
        assert answer.status_code in {200, 201}, (path, answer.text)
        return answer.json()

    people, mira, otto = list(web.people.values()), web.people["mira"], web.people["otto"]
    me = (await client.get(f"{API}/members/{mira}")).json()
    await made("teams", {"id": "rocket", "name": "Rocket team"})
    await client.post(f"{API}/teams/rocket/people", json={"who": mira, "role": "owner"})
    await made("funds", {"id": "grant", "name": "A grant"})
    await made("costs/versions", {"text": cost_file().replace('"2027-01"', '"2026-05"')})
    await made("costs/invoices", {"supplier": "Acme", "number": "1", "dated_ms": NOW_MS, "lines": [
        {"pool": "laser", "kind": "upkeep", "amount_micro": 5_000_000}]})  # fmt: skip
    await client.put(f"{API}/items/ply", json={"id": "ply", "name": "Plywood", "unit": "sheet",
                                               "price_micro": 4_000_000, "stock_milli": 50_000})  # fmt: skip
    await made("desk/drawer/open", {"float_micro": 100_000_000})
    sale = await made("sales", {"item": "ply", "quantity_milli": 1000, "means": "cash"})
    lot = await made(f"accounts/{me['account']}/allowances", {"commodity": "EUR", "amount": "5"})
    statement = (await client.get(f"{API}/members/{mira}/statement?from_ms=0&to_ms={NOW_MS + 10**9}")).json()
    charges = [item["charge"] for item in statement["items"] if item["charge"]]
    entries = [item["entry"] for item in statement["items"]]
    dispute = await made(f"charges/{charges[0]}/disputes", {"reason": "The lens was cracked."})
    member = await made(f"members/{otto}/memberships", {"plan": "pass"})
    course = await made("classes", {"course": "laser", "instructor": web.people["ines"],
                                    "starts_ms": NOW_MS + 48 * HOUR_MS})  # fmt: skip
    issued = await made(f"accounts/{me['account']}/invoices", {"month": "2026-05"})
    await client.put(f"{API}/members/{web.people['ada']}/certifications/printer-1", json={})
    job = (await client.post(f"{API}/prints", params={"machine": "printer-1", "name": "gear.gcode"},
                             content=GCODE.encode())).json()  # fmt: skip
    assert "id" in job, job
    invoice = (await client.get(f"{API}/costs/invoices")).json()[0]["id"]
    return TEXTS | {
        "member": people,
        "members/id": people,
        "who": [*people, me["number"]],
        "machine": ["laser-1", "printer-1", "saw-1"],
        "machines/id": ["laser-1", "printer-1", "saw-1", "door-1"],
        "badges/id": list(web.badge.values()),
        "sessions/id": ["use-1", "use-2", "use-3", "use-4"],
        "account": [me["account"], "rocket"],
        "accounts/id": [me["account"], "rocket"],
        "teams/id": ["rocket"],
        "parent": ["rocket"],
        "funds/id": ["grant"],
        "costs/id": [str(invoice)],
        "items/id": ["ply"],
        "item": ["ply"],
        "sales/entry": [sale["entry"]],
        "lot": [lot["lot"]],
        "charges/id": charges,
        "charge": charges,
        "entry": entries,
        "disputes/id": [dispute["id"]],
        "memberships/id": [member["id"]],
        "plan": ["pass", "full"],
        "course": ["laser"],
        "classes/id": [course["id"]],
        "instructor": [web.people["ines"]],
        "number": [one["number"] for one in issued.get("invoices", [issued]) if "number" in one],
        "prints/id": [job["id"]],
        "gateway": [GATEWAY],
        "month": ["2026-05", "2026-04"],
        "from_ms": ["0", str(NOW_MS - 10**9)],
        "to_ms": [str(NOW_MS + 10**9)],
        "cursor": [""],
    }
