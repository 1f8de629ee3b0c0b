"""G-code for tests of the print queue, and who submits it."""

from __future__ import annotations

import httpx

API = "/api/v1"
GCODE = (
    "; estimated printing time (normal mode) = 1h 10m 0s\nM83\nG28\nG1 X1 E1000\n; filament used [g] = 3.0\n"
)
"""Of 70 minutes, one metre and 3 g: EUR 0.71 by the printer's tariff of tests.kit.web."""


async def submit(
    client: httpx.AsyncClient, gcode: str | bytes = GCODE, machine: str = "printer-1", **more: str
) -> httpx.Response:
    content = gcode.encode() if isinstance(gcode, str) else gcode
    params = {"machine": machine, "name": "gear.gcode"} | more
    return await client.post(f"{API}/prints", params=params, content=content)


async def queued(client: httpx.AsyncClient, **more: str) -> dict:
    """Submit a print and agree to its price."""
    made = await submit(client, **more)
    assert made.status_code == 201, made.text
    agreed = {"price_micro": made.json()["price_micro"]}
    done = await client.post(f"{API}/prints/{made.json()['id']}/confirm", json=agreed)
    assert done.status_code == 200, done.text
    return done.json()
