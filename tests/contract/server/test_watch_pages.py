"""Pages and API of the audit log, webhooks and notices."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlmodel import select

from booking_api.badges import service as badges
from booking_api.happenings.models import Happened
from booking_api.happenings.telling import Teller
from booking_api.happenings.words import Happening
from booking_api.notices import choices
from booking_api.notices.kinds import Kind, Way
from booking_api.notices.models import Notice
from booking_api.webhooks.models import WebhookDelivery
from tests.kit.web import NOW_MS, WebFloor, build

API = "/api/v1"
HOOK = {"name": "wall", "address": "https://hook.kelp.test/x", "happenings": ["badge.lost", "session.ended"]}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    return build(tmp_path_factory.mktemp("watch"))


async def test_a_webhook_is_made_told_sent_again_and_removed(web: WebFloor) -> None:
    teller = Teller(web.context)
    async with web.program("olga") as client:
        assert (await client.post(f"{API}/webhooks", json=HOOK | {"happenings": ["x"]})).status_code == 409
        inside = await client.post(f"{API}/webhooks", json=HOOK | {"address": "https://10.0.0.1/"})
        assert inside.json()["code"] == "address_private"
        made = (await client.post(f"{API}/webhooks", json=HOOK)).json()
        hook = f"{API}/webhooks/{made['id']}"
        assert made["secret"].startswith("mfw_")
        assert "secret" not in (await client.get(f"{API}/webhooks")).json()[0]
        changed = await client.patch(hook, json={"name": "Wall of the hall"})
        assert changed.json()["name"] == "Wall of the hall"
        await teller.tell()
        with web.context.database.write() as session:
            badges.report_lost(session, web.badge["mira"], NOW_MS)
        web.session("told-1", "mira", "saw-1", NOW_MS - 60_000, 3)
        await asyncio.gather(teller.tell(), Teller(web.context).tell())
        listed = (await client.get(f"{hook}/deliveries")).json()["items"]
        assert {one["what"] for one in listed} == {"session.ended", "badge.lost"}
        again = await client.post(f"{hook}/deliveries/{listed[0]['id']}/again")
        assert again.json() == {"deliveries": 1}
        assert (await client.post(f"{hook}/deliveries/none/again")).status_code == 404
        renewed = (await client.post(f"{hook}/secret")).json()["secret"]
        assert renewed != made["secret"]
        assert (await client.post(f"{hook}/ping")).json()["what"] == "ping"
        assert (await client.post(f"{hook}/resume")).status_code == 200
        assert (await client.delete(hook)).status_code == 204
        assert (await client.get(f"{hook}/deliveries")).status_code == 404
    with web.context.database.read() as session:
        assert session.exec(select(WebhookDelivery)).all() == []
        assert all(row.told_ms for row in session.exec(select(Happened)))


async def test_sessions_are_told_only_where_somebody_wants_to_know(web: WebFloor) -> None:
    web.session("untold", "otto", "saw-1", NOW_MS - 50_000, 3)
    with web.context.database.write() as session:
        choices.choose(session, web.people["otto"], Kind.SESSIONS, Way.MAIL)
    web.session("told-2", "otto", "saw-1", NOW_MS - 40_000, 3)
    with web.context.database.read() as session:
        told = session.exec(select(Happened.subject).where(Happened.what == Happening.SESSION_ENDED)).all()
    assert "untold" not in told
    assert "told-2" in told


async def test_pages_of_webhooks_show_the_secret_once(web: WebFloor) -> None:
    browser = await web.signed_in("olga")
    made = await browser.post("/webhooks", data={"name": "Hall", "address": "https://hall.kelp.test/"})
    (secret,) = re.findall(r"mfw_[\w-]{40,}", made.text)
    listed = await browser.get("/webhooks")
    assert secret not in listed.text
    (path,) = set(re.findall(r'href="(/webhooks/[\w-]+)"', listed.text))
    for act in ("ping", "again", "resume"):
        assert (await browser.post(f"{path}/{act}")).status_code == 303
    assert "ping" in (await browser.get(path)).text
    assert (await browser.post(f"{path}/nonsense")).status_code == 404
    assert "mfw_" in (await browser.post(f"{path}/secret")).text
    assert (await browser.post(f"{path}/remove")).headers["location"] == "/webhooks"
    log = await browser.get("/audit?kind=webhook")
    assert "Olga Maple" in log.text
    assert secret not in log.text
    assert "https://hall.kelp.test/" in log.text
    assert (await browser.get("/audit?from=2026-01-01&to=nonsense")).status_code == 422
    for meant in ("olga map", "olga@kelp.test", web.people["olga"]):
        found = (await browser.get(f"/audit?member={meant}")).text
        assert ('value="Olga Maple"' in found, "Added: webhook" in found) == (True, True), meant
    several = (await browser.get("/audit?about=kelp.test")).text
    assert "Whom do you mean?" in several
    assert f'href="/audit?about={web.people["mira"]}"' in several


async def test_members_choose_and_stop_mails_by_their_link(web: WebFloor) -> None:
    browser, mira = await web.signed_in("mira"), web.people["mira"]
    page = await browser.get("/me/notices")
    assert "mira@kelp.test" in page.text
    chosen = await browser.post("/me/notices", data={"money": "nothing", "sessions": "mail"})
    assert chosen.status_code == 303
    answer = (await browser.get(f"{API}/members/me/notices")).json()
    assert (answer["kinds"]["money"], answer["kinds"]["sessions"]) == ("nothing", "mail")
    refused = await browser.patch(f"{API}/members/me/notices", json={"push": "ntfys://ntfy.sh/x"})
    assert refused.json()["code"] == "push_invalid"
    address = choices.stop_address(web.context.vault, "", mira, Kind.SESSIONS)
    anybody = web.browser()
    assert "POST" not in (asked := await anybody.get(address)).text
    assert 'method="post"' in asked.text
    with web.context.database.read() as session:
        assert choices.choices(session, mira)[Kind.SESSIONS] is Way.MAIL
    one_click = await anybody.post(address, data={"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 200
    with web.context.database.read() as session:
        assert choices.choices(session, mira)[Kind.SESSIONS] is Way.NOTHING
    forged = address.replace(mira, web.people["otto"])
    assert (await anybody.post(forged)).status_code == 422


async def test_what_does_not_go_out_is_listed_without_what_it_says(web: WebFloor) -> None:
    with web.context.database.write() as session:
        session.add(
            Notice(
                id="n-1", what="badge.lost", member=web.people["mira"], way=Way.MAIL, title="t",
                body="for Mira alone", at_ms=NOW_MS, next_ms=NOW_MS, tries=2, problem="refused",
            )
        )  # fmt: skip
    async with web.program("ada") as client:
        (one,) = (await client.get(f"{API}/notices")).json()
        assert (one["what"], one["problem"], one["tries"]) == ("badge.lost", "refused", 2)
        page = await client.get("/webhooks")
    assert "refused" in page.text
    assert "for Mira alone" not in page.text


async def test_the_teller_runs_and_ends(web: WebFloor) -> None:
    teller = Teller(web.context)
    task = asyncio.create_task(teller.run())
    with web.context.database.write() as session:
        badges.report_lost(session, web.badge["otto"], NOW_MS)
    async with asyncio.timeout(20):
        while True:
            with web.context.database.read() as session:
                if all(row.told_ms for row in session.exec(select(Happened))):
                    break
            await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
