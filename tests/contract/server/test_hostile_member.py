"""A member who tries everything that a browser can: names that are programs, ways out, all slots at once."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx
import pytest
from sqlmodel import select

from booking_api.app import create_app
from booking_api.reservations import policies
from booking_api.reservations.models import Reserved
from booking_api.web.pages import local
from tests.contract.server.test_reservations_apart import token, worker
from tests.kit.crawl import crawl
from tests.kit.furnished import furnish
from tests.kit.reservations import API, HOUR, POLICY
from tests.kit.server import NOW_MS, Floor
from tests.kit.web import WebFloor, build

MOST = 6
"""What the policy of the tests lets somebody reserve in a week."""
PROGRAM = "<img src=x onerror=alert(1)>"
EVIL = (
    f"\"'>{PROGRAM}</script><script>alert(1)</script>",
    "javascript:alert(1)//{{7*7}}${7*7}",
)
NOWHERE = (
    "https://evil.test",
    "//evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "/\t/evil.test",
    "javascript:alert(1)",
    "/a\r\nSet-Cookie: a=b",
    " https://evil.test",
    "https:evil.test",
    "///evil.test",
)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    return build(tmp_path_factory.mktemp("hostile"))


class _Live(HTMLParser):
    """What a browser would run of a page: handlers, scripts without a source, addresses that are programs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "script" and not named.get("src") and named.get("type") != "application/json":
            self.found.append(f"{tag} {attrs}")
        for name, value in attrs:
            program = name in {"href", "src", "action", "formaction"} and re.match(
                r"\s*javascript:", value or "", re.I
            )
            if name.startswith("on") or program or (tag == "img" and value == "x"):
                self.found.append(f"{tag} {name}={value}")


def live(page: str) -> list[str]:
    reader = _Live()
    reader.feed(page)
    return reader.found


async def test_what_people_write_runs_on_no_page(web: WebFloor) -> None:
    """Names, notes, titles and reasons that are programs, then every page that links lead staff to."""
    async with web.program("ada") as staff:
        await furnish(web, staff)
        await write_everywhere(web, staff)
    async with await web.signed_in("ada") as browser:
        reached = [one for one in await crawl(browser) if one.is_page]
        seen = 0
        for one in reached:
            page = (await browser.get(one.address)).text
            assert live(page) == [], one
            seen += PROGRAM.replace("<", "&lt;").replace(">", "&gt;") in page
    assert len(reached) > 40
    assert seen >= 5, "what was written is shown, as text"


async def write_everywhere(web: WebFloor, staff: httpx.AsyncClient) -> None:
    first, second = EVIL
    mira, told = web.people["mira"], list[int]()
    begins = NOW_MS + 90_000_000
    for method, path, body in (
        ("PATCH", f"/members/{mira}", {"first_name": first, "last_name": second}),
        ("PATCH", "/machines/laser-1", {"name": first}),
        ("PATCH", "/machines/saw-1", {"name": second, "location": first}),
        ("POST", f"/members/{mira}/badges", {"uid": "04A1B1C1", "kind": "uid_13mhz", "label": first}),
        ("POST", f"/members/{mira}/suspend", {"reason": first}),
        ("POST", f"/members/{mira}/restore", None),
        (
            "POST",
            "/reservations",
            {"machine": "saw-1", "begins_ms": begins, "ends_ms": begins + HOUR, "words": first},
        ),
        ("POST", "/households", {"name": first, "member": mira}),
        ("PUT", "/items/evil", {"id": "evil", "name": first, "unit": second[:20], "price_micro": 1_000_000}),
        ("POST", "/machines/saw-1/faults", {"words": first}),
        ("POST", "/work-orders", {"machine": "saw-1", "title": first, "words": second}),
        ("POST", "/webhooks", {"name": first, "address": "https://example.org/", "happenings": ["*"]}),
        ("POST", "/tokens", {"name": first, "scopes": ["me:read"]}),
    ):
        answer = await staff.request(method, f"{API}{path}", json=body)
        assert answer.status_code < 500, (path, answer.text)
        told.append(answer.status_code)
    assert sum(code < 300 for code in told) >= 7, told


def test_the_walk_sees_a_program() -> None:
    assert live(f"<p>{PROGRAM}</p>")
    assert live("<a href=' javascript:x'>")
    assert live("<script>1</script>")
    assert not live("<script src=/a.js></script><p>&lt;script&gt;</p>")


@pytest.mark.parametrize("address", NOWHERE)
async def test_no_form_leads_elsewhere_and_no_header_is_split(web: WebFloor, address: str) -> None:
    there = local(address)
    assert there.startswith("/")
    assert not re.match(r"[/\\]{2}", there)
    browser = web.browser()
    for path, sent in (("/language", {"language": "en", "next": address}), ("/sign-in", {"next": address})):
        answer = await browser.post(path, data=sent | {"login": "mira", "password": "wrong"})
        where = urlsplit(answer.headers.get("location", "/"))
        assert where.netloc in {"", "floor.test"}, (path, answer.headers)
        assert "a=b" not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    "way", ["../", "..%2f", "%2e%2e/", "..\\", "..%5c", "%252e%252e%252f", "....//", "/", "%00"]
)
async def test_no_address_leads_out_of_a_folder(web: WebFloor, way: str) -> None:
    async with await web.signed_in("ada") as browser:
        for folder in (
            "/static/",
            "/vendor/",
            "/documents/",
            f"{API}/documents/",
            f"{API}/work-orders/x/photos/",
        ):
            answer = await browser.get(f"{folder}{way * 6}etc/passwd")
            assert answer.status_code in {301, 303, 307, 400, 401, 404, 405, 422}, (
                folder,
                answer.status_code,
            )
            assert "root:" not in answer.text


async def test_one_who_asks_for_all_slots_at_once_has_as_many_as_the_rules_allow(floor: Floor) -> None:
    """Twenty slots, none of which meets another, asked of two servers at one time, on either database."""
    with floor.db.write() as session:
        policies.put(session, POLICY, "test", NOW_MS)
    workers = [worker(floor), worker(floor)]
    bearer = {"authorization": f"Bearer {token(floor, floor.ada)}"}
    clients = [
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_app(one)), base_url="http://floor.test", headers=bearer
        )
        for one in workers
    ]
    begins = NOW_MS // HOUR * HOUR + 30 * HOUR
    slots = [
        {"machine": "laser-1", "begins_ms": begins + n * HOUR, "ends_ms": begins + (n + 1) * HOUR}
        for n in range(20)
    ]
    answers = await asyncio.gather(
        *(clients[n % 2].post(f"{API}/reservations", json=slot) for n, slot in enumerate(slots))
    )
    told = Counter(answer.status_code for answer in answers)
    for client, context in zip(clients, workers, strict=True):
        await client.aclose()
        context.database.close()
    with floor.db.read() as session:
        kept = len(session.exec(select(Reserved)).all())
    assert told == {201: MOST, 409: 20 - MOST}, [
        answer.text for answer in answers if answer.status_code not in {201, 409}
    ]
    assert kept == MOST
