"""Alertmanager tells the server of alerts, a real one too; staff hear of each once, in their language."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import delete, select

from booking_api.app import create_app
from booking_api.child import spawn
from booking_api.members.models import Member
from booking_api.notices import choices
from booking_api.notices.kinds import Kind, Way
from booking_api.notices.models import Notice
from booking_api.notices.settings import NoticeSettings
from tests.kit.served import serving
from tests.kit.web import WebFloor, build

ROOT = Path(__file__).resolve().parents[3]
PATH = "/api/v1/alerts"
NOTICES = NoticeSettings(mail="mailtos://u:p@mail.kelp.test", staff="json://127.0.0.1:9", quiet=(0, 1439))
READY_S = 30.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    floor = build(tmp_path_factory.mktemp("alerts"))
    settings = dataclasses.replace(floor.context.settings, notices=NOTICES)
    context = dataclasses.replace(floor.context, settings=settings)
    with context.database.write() as session:
        session.get_one(Member, floor.people["tomas"]).language = "zh"
    yield dataclasses.replace(floor, context=context, app=create_app(context))
    context.database.close()


@pytest.fixture
def web(made: WebFloor) -> WebFloor:
    with made.context.database.write() as session:
        session.exec(delete(Notice))
    return made


def alert(status: str = "firing", **more: Any) -> dict[str, Any]:
    told = {
        "status": status,
        "labels": {"alertname": "RelayMismatch", "machine": "saw-1", "severity": "page"},
        "annotations": {
            "summary": "saw-1: the power relay did not obey",
            "runbook_url": "docs/a.md#relaymismatch",
        },
        "startsAt": "2026-05-21T10:00:00.5Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "8d2f0a1b2c3d4e5f",
    }
    return told | more


def payload(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "makerfloor",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
    } | more


def notices(web: WebFloor) -> dict[str, list[Notice]]:
    """The notices by who is told; "" is the address for staff."""
    names = {id: name for name, id in web.people.items()}
    found: dict[str, list[Notice]] = {}
    with web.context.database.read() as session:
        for row in session.exec(select(Notice).order_by(Notice.what)):
            found.setdefault(names[row.member] if row.member else "", []).append(row)
    return found


async def tell(web: WebFloor, *alerts: dict[str, Any]) -> int:
    async with web.program("olga") as olga:
        answer = await olga.post(PATH, json=payload(*alerts))
    assert answer.status_code == 200, answer.text
    news: int = answer.json()["news"]
    return news


async def test_staff_hear_of_an_alert_once_when_it_comes_and_once_when_it_is_over(web: WebFloor) -> None:
    assert [await tell(web, alert()), await tell(web, alert())] == [1, 0]
    assert [await tell(web, alert("resolved")), await tell(web, alert("resolved"))] == [1, 0]
    assert await tell(web, alert(startsAt="2026-05-22T10:00:00Z")) == 1, "it came again"
    found = notices(web)
    assert set(found) == {"", "tomas", "olga", "ada"}, "and no member"
    for rows in found.values():
        assert [row.what for row in rows] == ["alert.firing", "alert.firing", "alert.resolved"]


async def test_each_reads_it_in_their_own_language_with_what_to_do(web: WebFloor) -> None:
    await tell(web, alert(), alert(labels={"alertname": "OurOwn"}, fingerprint="aa", annotations={}))
    english = {row.title: row.body for row in notices(web)["olga"]}
    chinese = {row.title: row.body for row in notices(web)["tomas"]}
    assert set(english) == {"Kelp Street: Alert: A relay did not obey", "Kelp Street: Alert: OurOwn"}
    body = english["Kelp Street: Alert: A relay did not obey"]
    for words in (
        "Machine: Table saw",
        "saw-1: the power relay did not obey",
        "Handbook: docs/a.md#relaymismatch",
    ):
        assert words in body
    assert "Kelp Street: 告警: 继电器未按指令动作" in chinese
    assert "设备: Table saw" in chinese["Kelp Street: 告警: 继电器未按指令动作"]


async def test_a_page_comes_at_night_and_a_ticket_waits_for_the_morning(web: WebFloor) -> None:
    ticket = alert(labels={"alertname": "GatewayOffline", "severity": "ticket"}, fingerprint="bb")
    await tell(web, alert(), ticket)
    waits = {row.title.rpartition(": ")[2]: (row.next_ms or 0) - row.at_ms for row in notices(web)[""]}
    assert waits["A relay did not obey"] == 0
    assert waits["A gateway is away"] > 0
    assert {(row.next_ms or 0) - row.at_ms for row in notices(web)["olga"]} == {0}, "a mail rings nobody"


async def test_who_wants_none_hears_none_and_only_staff_are_asked(web: WebFloor) -> None:
    async with await web.signed_in("mira") as mira, await web.signed_in("tomas") as tomas:
        assert 'name="alerts"' not in (await mira.get("/me/notices")).text
        assert 'name="alerts"' in (await tomas.get("/me/notices")).text
        await tomas.post("/me/notices", data={"alerts": "nothing"})
        await tell(web, alert())
    assert set(notices(web)) == {"", "olga", "ada"}
    with web.context.database.write() as session:
        choices.choose(session, web.people["tomas"], Kind.ALERTS, Way.MAIL)


@pytest.mark.parametrize(
    "sent",
    [
        payload(version="5"),
        payload(alert("pending")),
        payload(alert(startsAt="yesterday")),
        payload(alert(startsAt="2026-05-21T10:00:00")),
        payload(alert(fingerprint="../x")),
        payload(alert(labels={"alertname": "x" * 3000})),
        payload(*[alert()] * 501),
        {"version": "4"},
    ],
)
async def test_what_alertmanager_would_not_send_is_refused(web: WebFloor, sent: dict[str, Any]) -> None:
    async with web.program("olga") as olga:
        answer = await olga.post(PATH, json=sent)
    assert answer.status_code == 422
    assert notices(web) == {}


async def test_its_token_can_do_nothing_else(web: WebFloor) -> None:
    token = await token_of(web)
    async with web.browser() as messenger:
        messenger.headers["authorization"] = f"Bearer {token}"
        assert (await messenger.post(PATH, json=payload(alert()))).json() == {"news": 1}
        assert (await messenger.get("/api/v1/members")).status_code == 403
        assert (await messenger.get("/api/v1/members/me")).status_code == 403


async def token_of(web: WebFloor) -> str:
    async with await web.signed_in("olga") as olga:
        answer = await olga.post("/api/v1/tokens", json={"name": "Alertmanager", "scopes": ["alerts:write"]})
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["secret"]
    return token


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


async def until_told(web: WebFloor, what: str) -> list[Notice]:
    async with asyncio.timeout(READY_S):
        while not (found := [row for row in notices(web).get("olga", []) if row.what == what]):
            await asyncio.sleep(0.1)
        return found


async def test_a_real_alertmanager_tells_by_the_configuration_that_comes_along(
    web: WebFloor, tmp_path: Path
) -> None:
    program = shutil.which("prometheus-alertmanager")
    assert program, "prometheus-alertmanager is missing: apt-get install prometheus-alertmanager"
    (tmp_path / "token").write_text(await token_of(web))
    text = (ROOT / "dashboards" / "prometheus" / "alertmanager.yml").read_text()
    with serving(web) as served:
        text = text.replace("http://127.0.0.1:8080", served.url).replace(
            "group_interval: 1m", "group_interval: 1s"
        )
        text = re.sub(r"credentials_file: \S+", f"credentials_file: {tmp_path / 'token'}", text)
        (tmp_path / "alertmanager.yml").write_text(text)
        port = free_port()
        command = [program, f"--config.file={tmp_path / 'alertmanager.yml'}", f"--storage.path={tmp_path}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        child = await spawn(command, tmp_path / "log", 10.0)
        try:
            await check_real(web, f"http://127.0.0.1:{port}")
        finally:
            await child.stop()


async def check_real(web: WebFloor, url: str) -> None:
    labels = {"alertname": "RelayMismatch", "machine": "saw-1", "severity": "page"}
    now = datetime.now(UTC)
    raised = {"labels": labels, "annotations": {"summary": "It did not obey"}, "startsAt": now.isoformat()}
    async with httpx.AsyncClient(base_url=url, trust_env=False) as manager:
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    if (await manager.get("/-/ready")).is_success:
                        break
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        assert (await manager.post("/api/v2/alerts", json=[raised])).is_success
        (came,) = await until_told(web, "alert.firing")
        over = raised | {"endsAt": datetime.now(UTC).isoformat()}
        assert (await manager.post("/api/v2/alerts", json=[over])).is_success
        (ended,) = await until_told(web, "alert.resolved")
    assert came.title == "Kelp Street: Alert: A relay did not obey"
    assert ended.title == "Kelp Street: Alert over: A relay did not obey"
    assert "It did not obey" in came.body
