"""Whole requests with one value at the end of what there is: days before Christ's and after all, sums beyond
64 bits, text in any script, addresses that mean something elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from booking_api.api.examples import example
from tests.kit.schema_walk import Walk
from tests.kit.web import WebFloor

DAYS = ("0001-01-01", "9999-12-31", "1970-01-01", "2026-02-28")
NUMBERS = (0, -1, 1, (1 << 47) - 1, 1 << 47, (1 << 53) - 1, 1 << 62, -(1 << 62), 10**15, 1e308, -1e308, 0.1)
TEXTS = (
    "", "x", "2026-13", "9999-12", "0001-01", "1e400", "-0", "0.0000001", "9" * 60, "NaN", "x" * 5000,
    "\u202e😀", "'; DROP TABLE member;--", "../../etc/passwd", "{{7*7}}", "\t\n",
)  # fmt: skip
VALUES: tuple[Any, ...] = (*DAYS, *NUMBERS, *TEXTS, None, [], {}, True, 1.5)
PLACES = (*DAYS, "9999-12", "99999999999999999999", "-1", "x" * 3000, "😀", "a%2Fb", "%00")


@dataclass
class Ask:
    """One request: an operation with a body, a query and an address."""

    method: str
    path: str
    body: dict[str, Any] | None
    query: dict[str, str]


async def walk(web: WebFloor, client: httpx.AsyncClient, known: dict[str, list[str]]) -> Walk:
    """Ask every operation with each value in each place; what the document does not name is wrong."""
    done = Walk(known)
    document = web.app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for ask in _asks(document, path, method, operation, known):
                done.asked += 1
                key = {"Idempotency-Key": f"extreme-{done.asked:07}"}
                body = {"json": ask.body} if ask.body is not None else {}
                answer = await client.request(ask.method, ask.path, params=ask.query, headers=key, **body)
                if str(answer.status_code) not in operation["responses"]:
                    told = f"{answer.text[:200]} {ask.body!r:.300} {ask.query} {ask.path:.100}"
                    done.wrong.setdefault(f"{method} {path} {answer.status_code}", told)
    return done


def _asks(
    document: dict[str, Any], path: str, method: str, operation: dict[str, Any], known: dict[str, list[str]]
) -> Iterator[Ask]:
    room, names = path.split("/")[3], re.findall(r"\{(\w+)\}", path)
    here = {name: (known.get(f"{room}/{name}") or known.get(name) or ["x"])[0] for name in names}
    address, asked = path.format(**here), operation.get("parameters", ())
    must = {one["name"]: "0" for one in asked if one["in"] == "query" and one.get("required")}
    bodies = list(_bodies(document, operation, room, known))
    for body in bodies:
        yield Ask(method, address, body, must)
    for one in asked:
        if one["in"] == "query":
            for value in (*DAYS, *NUMBERS, *TEXTS):
                yield Ask(method, address, None, must | {one["name"]: str(value)})
    for name in names:
        for place in PLACES:
            yield Ask(method, path.format(**here | {name: place}), bodies[0] if bodies else None, must)


def _bodies(
    document: dict[str, Any], operation: dict[str, Any], room: str, known: dict[str, list[str]]
) -> Iterator[dict[str, Any]]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    schemas = document["components"]["schemas"]
    whole = example(content["schema"], schemas, whole=True)
    for base in (example(content["schema"], schemas, whole=False), whole):
        real = {
            name: (known.get(f"{room}/{name}") or known.get(name) or [value])[0]
            for name, value in base.items()
        }
        base |= {name: value for name, value in real.items() if isinstance(base[name], str)}
        yield base
        for name in whole:
            yield from (base | {name: value} for value in VALUES)
