"""Every operation of the API on things that somebody owns × every role × one's own and another's.

Requests are complete: bodies are the examples of the OpenAPI document, so that what is refused is refused by
right, and what is let through is let through by right. Nothing that they do is kept.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from tests.contract.server.test_web_access import MAY, NAMES
from tests.kit.owned import Things, share_out
from tests.kit.web import WebFloor, build

API = "/api/v1"
EVERYBODY, KEEPERS = "moitpa", "pa"
OTHERS: dict[tuple[str, str], str] = {
    ("POST", "/allowances/{lot}/transfer"): KEEPERS,
    ("GET", "/charges/{id}"): KEEPERS,
    ("POST", "/charges/{charge}/disputes"): KEEPERS,
    ("GET", "/disputes/{id}"): KEEPERS,
    ("POST", "/disputes/{id}/withdraw"): "",
    ("PUT", "/accounts/{account}/billing-address"): KEEPERS,
    ("GET", "/invoices/{number}"): KEEPERS,
    ("GET", "/invoices/{number}/pdf"): KEEPERS,
    ("POST", "/members/{member}/memberships"): KEEPERS,
    ("POST", "/memberships/{id}/change"): KEEPERS,
    ("POST", "/memberships/{id}/end"): KEEPERS,
    ("POST", "/memberships/{id}/pause"): KEEPERS,
    ("POST", "/memberships/{id}/resume"): KEEPERS,
    ("GET", "/prints/{id}"): "tpa",
    ("POST", "/prints/{id}/cancel"): "tpa",
    ("POST", "/prints/{id}/confirm"): "",
    ("POST", "/prints/{id}/earlier"): "",
    ("POST", "/prints/{id}/again"): "",
    ("POST", "/sessions/{id}/account"): KEEPERS,
    ("POST", "/sessions/{id}/split"): KEEPERS,
    ("POST", "/sessions/{id}/split/undo"): KEEPERS,
    ("DELETE", "/tokens/{id}"): "",
}
"""Who may with another's, where the table of routes has none of the things and lets every asker look."""
OWN: dict[tuple[str, str], str] = {
    ("POST", "/members/{id}/reset-second-factor"): "a",
    ("POST", "/members/{id}/sign-out"): "a",
    ("PUT", "/members/{id}/sign-in"): "a",  # staff's is an admin's to set
    ("GET", "/accounts/{account}/billing-address"): EVERYBODY,
    ("GET", "/accounts/{account}/statement/pdf"): EVERYBODY,
    ("GET", "/teams/{id}"): EVERYBODY,
    ("PATCH", "/teams/{id}"): EVERYBODY,
    ("POST", "/teams/{id}/archive"): KEEPERS,
    ("POST", "/teams/{id}/people"): EVERYBODY,
    ("GET", "/teams/{id}/invitations"): EVERYBODY,
    ("POST", "/teams/{id}/invitations"): EVERYBODY,
    ("DELETE", "/teams/{id}/people/{member}"): EVERYBODY,
}
"""Who may with their own, where the table of routes asks for what is no account of the asker's."""
HIDDEN = {
    f"{noun}_not_found" for noun in ("allowance", "charge", "dispute", "invoice", "print", "session", "token")
}
"""What is another's does not exist there."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("owned"))
    yield made
    made.context.database.close()


@pytest.fixture(scope="module")
def owned(web: WebFloor) -> dict[str, Things]:
    return asyncio.run(share_out(web))


class NotKept(Exception):
    """The work was done, and is undone."""


def filled(path: str, things: Things) -> str | None:
    """Put somebody's ids into an address; None when a part of it is nobody's."""
    room = path.split("/")[3]
    for name in re.findall(r"\{(\w+)\}", path):
        id = things.get(f"{room}/{name}") or things.get(name)
        if id is None:
            return None
        path = path.replace(f"{{{name}}}", id)
    return path


def operations(web: WebFloor, things: Things) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, methods in web.app.openapi()["paths"].items():
        if "{" in path and set(re.findall(r"\{(\w+)\}", path)) != {"machine"} and filled(path, things):
            for method, operation in methods.items():
                yield (method.upper(), path), operation


async def may(client: httpx.AsyncClient, route: tuple[str, str], path: str, operation: Any) -> bool:
    """Whether a whole request is let through; asserts that it was whole."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    query = {
        one["name"]: {"from_ms": 0, "to_ms": 1}.get(one["name"], "")
        for one in operation.get("parameters", ())
        if one["in"] == "query" and one.get("required")
    }
    needed = [one["name"] for one in operation.get("parameters", ()) if one.get("required")]
    headers = {"Idempotency-Key": "never-kept-1"} if "Idempotency-Key" in needed else {}
    try:
        answer = await client.request(
            route[0], path, params=query, headers=headers, **({"json": body} if body is not None else {})
        )
    except NotKept:
        return True
    code = answer.json()["code"] if "problem" in answer.headers.get("content-type", "") else ""
    assert code != "request_invalid", (route, answer.text)
    assert answer.status_code not in {400, 405, 412, 415, 500}, (route, answer.text)
    return answer.status_code not in {401, 403} and code not in HIDDEN


@pytest.mark.parametrize("letter", NAMES)
async def test_each_role_may_with_its_own_and_with_anothers_what_the_table_says(
    web: WebFloor, owned: dict[str, Things], letter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def undo(_session: Session) -> None:
        raise NotKept

    monkeypatch.setattr(Session, "commit", undo)
    name = NAMES[letter]
    wrong: list[str] = []
    async with web.program(name) as client:
        for route, operation in operations(web, owned["mira"]):
            short = (route[0], route[1].removeprefix(API))
            table = MAY[route]
            others = OTHERS.get(short, table.replace("m", ""))
            own = OWN.get(short, EVERYBODY if "m" in table else table)
            other = "otto" if name == "mira" else "mira"
            for whose, letters in ((name, own), (other, others)):
                if not whose:
                    continue
                path = filled(route[1], owned[whose])
                assert path is not None
                expected = letter in letters or (whose != name and letter == "m" and "o" in letters)
                if await may(client, route, path, operation) != expected:
                    wrong.append(
                        f"{route[0]} {route[1]} of {whose}: {'refused' if expected else 'let through'}"
                    )
    assert wrong == []
