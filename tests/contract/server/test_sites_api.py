"""Other sites over the API: passes are asked for, given and ended; settlements are read with their uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.furnished_sites import MONTH, furnish_sites
from tests.kit.web import WebFloor, build

API = "/api/v1"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    furnish_sites(made)
    yield made
    made.context.database.close()


async def test_sites_and_passes_are_listed_to_whom_they_concern(web: WebFloor) -> None:
    mira, otto = web.people["mira"], web.people["otto"]
    async with web.program("mira") as member:
        sites = (await member.get(f"{API}/sites")).json()
        own = (await member.get(f"{API}/members/{mira}/passes")).json()
        assert (await member.get(f"{API}/members/{otto}/passes")).json()["code"] == "forbidden"
        assert (await member.get(f"{API}/passes")).status_code == 403
    assert [(one["site"], one["commodity"], one["way"], one["fee"]) for one in sites] == [
        ("pier", "EUR", "ask", "0"),
        ("harbour", "CNY", "ask", "1/40"),
    ]
    assert [(one["site"], one["standing"], one["limit_micro"]) for one in own] == [
        ("harbour", "given", 400_000_000),
        ("pier", "asked", 0),
    ]
    async with web.program("olga") as staff:
        listed = (await staff.get(f"{API}/passes")).json()
        assert (await staff.get(f"{API}/members/nobody/passes")).json()["code"] == "member_not_found"
    assert [(one["member"], one["site"], one["standing"]) for one in listed] == [
        (mira, "pier", "asked"),
        *((who, "harbour", "given") for who in (otto, mira)),
        (otto, "pier", "given"),
    ]


async def test_a_pass_is_asked_for_given_for_less_and_ended(web: WebFloor) -> None:
    mira, otto = web.people["mira"], web.people["otto"]
    mine, his = f"{API}/members/{mira}/passes", f"{API}/members/{otto}/passes"
    async with web.program("mira") as member, web.program("olga") as staff:
        assert (await member.post(f"{his}/pier/ask")).json()["code"] == "forbidden"
        assert (await member.post(f"{his}/pier/end")).json()["code"] == "forbidden"
        assert (await member.post(f"{mine}/harbour/ask")).json()["code"] == "pass_held"
        assert (await member.post(f"{mine}/harbour/end")).status_code == 204
        asked = (await member.post(f"{mine}/harbour/ask")).json()
        assert (asked["standing"], asked["commodity"]) == ("asked", "CNY")
        assert (await member.post(f"{mine}/harbour", json={})).status_code == 403
        assert (await staff.post(f"{mine}/harbour", json={"limit_micro": 0})).status_code == 422
        given = (await staff.post(f"{mine}/harbour", json={"limit_micro": 90_000_000})).json()
        assert (given["standing"], given["limit_micro"]) == ("given", 90_000_000)
        most = (await staff.post(f"{mine}/pier", json={})).json()
        assert (most["standing"], most["limit_micro"]) == ("given", 400_000_000)
        assert (await staff.post(f"{mine}/harbour/end")).status_code == 204
        assert (await staff.post(f"{mine}/harbour/end")).json()["code"] == "pass_not_found"
        assert (await staff.post(f"{mine}/moon", json={})).json()["code"] == "site_not_found"
        left = {one["site"]: one["standing"] for one in (await member.get(mine)).json()}
    assert left == {"harbour": "ended", "pier": "given"}


async def test_a_settlement_is_its_uses(web: WebFloor) -> None:
    async with web.program("olga") as staff:
        listed = (await staff.get(f"{API}/settlements")).json()
        whole = (await staff.get(f"{API}/settlements/harbour/{MONTH}")).json()
        none = await staff.get(f"{API}/settlements/harbour/2026-99")
        assert (none.status_code, none.json()["code"]) == (404, "settlement_not_found")
    assert {one["commodity"]: (one["month"], one["net_micro"]) for one in listed} == {
        "CNY": (MONTH, -121_500_000),
        "EUR": (MONTH, 12_500_000),
    }
    for one in whole:
        uses = one.pop("uses")
        assert one in listed
        assert sum(use["amount_micro"] for use in uses if use["ours"]) == one["payable_micro"]
        assert sum(use["amount_micro"] for use in uses if not use["ours"]) == one["receivable_micro"]
    async with web.program("mira") as member:
        assert (await member.get(f"{API}/settlements")).status_code == 403
