"""Badges on pages and in the API: what a phone shows, who may have keys, what is weak."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlmodel import Session

from booking_api.badges import service
from booking_api.web.badge import FAILURES
from floor.badge_keys import NTAG424_KEYS, PROOF_KEY, ntag424_key
from floor.sun import sun_mac
from floor.words import BadgeKind
from tests.kit.web import NOW_MS, WebFloor, build

API = "/api/v1"
UID = bytes.fromhex("04DE5F1EACC040")


@pytest.fixture
def web(tmp_path: Path) -> WebFloor:
    floor = build(tmp_path)
    with floor.context.database.write() as session:
        floor.badge["strong"] = enrol(session, floor)
    return floor


def enrol(session: Session, floor: WebFloor) -> str:
    mira, vault = floor.people["mira"], floor.context.vault
    return service.enrol(session, vault, mira, UID, BadgeKind.NTAG424, "Green card", NOW_MS).id


def address(web: WebFloor, counter: int) -> str:
    key = ntag424_key(web.context.vault.masters.master(1), UID, PROOF_KEY, 1)
    return f"/b?u={UID.hex().upper()}&c={counter:06X}&m={sun_mac(key, UID, counter).hex().upper()}"


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("makerfloor_badge_addresses_total", {"outcome": outcome}) or 0.0


async def asked(web: WebFloor, counter: int, name: str = "") -> httpx.Response:
    browser = await web.signed_in(name) if name else web.browser()
    return await browser.get(address(web, counter))


async def test_a_stranger_learns_that_a_badge_is_genuine_and_not_whose_it_is(web: WebFloor) -> None:
    before = counted("genuine")
    answer = await asked(web, 1)
    assert answer.status_code == 200
    assert "This badge is genuine." in answer.text
    assert "Hand it to staff" in answer.text
    assert "Quince" not in answer.text
    assert "Green card" not in answer.text
    assert "Report lost" not in answer.text
    assert counted("genuine") == before + 1


async def test_another_member_learns_no_more(web: WebFloor) -> None:
    answer = await asked(web, 1, "otto")
    assert "Hand it to staff" in answer.text
    assert "Quince" not in answer.text


async def test_its_member_reports_it_lost_with_one_click(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    page = await browser.get(address(web, 1))
    assert "It is yours." in page.text
    form = re.search(r'action="(/me/badges/[^"]+/lost)"', page.text)
    assert form is not None
    assert (await browser.post(form[1])).status_code == 303
    assert "Lost" in (await browser.get(address(web, 2))).text


async def test_staff_see_whose_it_is(web: WebFloor) -> None:
    assert "Mira Quince" in (await asked(web, 1, "olga")).text
    technician = await asked(web, 2, "tomas")
    assert "Mira Quince" in technician.text
    assert "Report lost" not in technician.text


async def test_an_address_opens_once_and_all_that_is_wrong_looks_alike(web: WebFloor) -> None:
    before = {outcome: counted(outcome) for outcome in ("replayed", "forged", "unknown", "malformed")}
    assert (await asked(web, 7)).status_code == 200
    browser = web.browser()
    good = address(web, 8)
    wrong = [
        address(web, 7),
        address(web, 6),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good.replace(UID.hex().upper(), "04" * 7),
        "/b?e=" + "AB" * 16 + "&m=" + "CD" * 8,
        "/b",
        "/b?u=1&c=2&m=3",
    ]
    answers = [await browser.get(one) for one in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert {outcome: counted(outcome) - was for outcome, was in before.items()} == {
        "replayed": 2,
        "forged": 1,
        "unknown": 2,
        "malformed": 2,
    }
    assert (await browser.get(good)).status_code == 200


async def test_whoever_tries_addresses_must_wait_and_even_a_right_one_is_not_looked_at(web: WebFloor) -> None:
    browser = web.browser()
    answers = [await browser.get("/b?u=1") for _ in range(FAILURES + 1)]
    assert [answer.status_code for answer in answers] == [404] * FAILURES + [429]
    assert (await browser.get(address(web, 1))).status_code == 429


async def test_it_speaks_chinese(web: WebFloor) -> None:
    browser = web.browser()
    browser.headers["accept-language"] = "zh"
    assert "此卡是真卡" in (await browser.get(address(web, 1))).text


async def test_pages_and_api_say_which_badges_can_be_copied(web: WebFloor) -> None:
    mira = web.people["mira"]
    for name, path in (("mira", "/me/badges"), ("olga", f"/members/{mira}")):
        text = (await (await web.signed_in(name)).get(path)).text
        assert text.count("Can be copied") == 1
        assert text.count("Cannot be copied") == 1
    async with web.program("mira") as client:
        told = (await client.get(f"{API}/members/{mira}/badges")).json()
    assert sorted((one["kind"], one["weak"], one["key_version"]) for one in told) == [
        ("ntag424", False, 1),
        ("uid_13mhz", True, 0),
    ]
    page = (await web.browser().get("/machines/laser-1")).text
    assert "Takes any badge, also one that can be copied." in page
    async with web.program("olga") as client:
        changed = await client.patch(
            f"{API}/machines/laser-1", json={"policy": {"accepts_weak_badges": False}}
        )
        assert changed.status_code == 200
    page = (await web.browser().get("/machines/laser-1")).text
    assert "Needs a badge that cannot be copied." in page
    assert "also one that can be copied" not in page


async def test_keys_are_given_to_a_writer_and_that_is_recorded(web: WebFloor) -> None:
    path = f"{API}/badges/{web.badge['strong']}/keys"
    async with web.program("olga") as client:
        assert (await client.get(path)).json() == []
        keys = (await client.post(path)).json()
        given = (await client.get(path)).json()
    master = web.context.vault.masters.master(1)
    assert keys["keys"] == {str(n): ntag424_key(master, UID, n, 1).hex() for n in NTAG424_KEYS}
    assert (keys["uid"], keys["kind"], keys["key_version"]) == (UID.hex().upper(), "ntag424", 1)
    assert keys["address"].endswith("/b?u=00000000000000&c=000000&m=0000000000000000")
    assert master.hex() not in str(keys)
    assert [one["by"] for one in given] == [web.people["olga"]]
    async with web.program("olga") as client:
        assert (await client.delete(f"{API}/badges/{web.badge['strong']}")).status_code == 204
        assert (await client.get(path)).json() == given


async def test_a_weak_or_lost_badge_has_no_keys_to_give(web: WebFloor) -> None:
    async with web.program("olga") as client:
        weak = await client.post(f"{API}/badges/{web.badge['mira']}/keys")
        await client.post(f"{API}/badges/{web.badge['strong']}/lost")
        lost = await client.post(f"{API}/badges/{web.badge['strong']}/keys")
        assert [weak.json()["code"], lost.json()["code"]] == ["badge_keyless", "badge_lost"]
        assert (await client.get(f"{API}/badges/{web.badge['strong']}/keys")).json() == []
