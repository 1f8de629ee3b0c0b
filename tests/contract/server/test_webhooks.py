"""Webhooks against a real server on this machine: signed, tried again, never led astray."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web as http
from sqlmodel import col, select

from booking_api.badges import service as badges
from booking_api.broker.certificates import make_certificates
from booking_api.gateways.models import Gateway
from booking_api.happenings.again import GIVE_UP_MS, KEPT_MS
from booking_api.happenings.models import Happened
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.notices import choices
from booking_api.notices.settings import NoticeSettings
from booking_api.vault import Vault
from booking_api.webhooks import service, signing, trying
from booking_api.webhooks.addresses import Reach, check, may_reach
from booking_api.webhooks.deliverer import Deliverer
from booking_api.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from booking_api.webhooks.resolver import CheckedResolver
from booking_api.webhooks.service import WebhookDetails
from floor.errors import ConfigError, Refused
from floor.words import BadgeKind
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor, make_floor
from tests.kit.wall import Wall

HERE = Reach(loopback=True)


@dataclass
class Target:
    """A real server that keeps what it was sent, and answers what it is told to."""

    port: int
    got: list[tuple[dict[str, str], str]] = field(default_factory=list)
    hung: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: http.Request) -> http.StreamResponse:
        self.got.append((dict(request.headers), await request.text()))
        match request.path:
            case "/redirect":
                raise http.HTTPFound(f"http://127.0.0.1:{self.port}/ok")
            case "/broken":
                return http.Response(status=500)
            case "/hang":
                await self.hung.wait()
            case "/flood":
                answer = http.StreamResponse()
                await answer.prepare(request)
                for _ in range(200):
                    await answer.write(b"x" * 65536)
                return answer
        return http.Response(text="thanks")


@contextlib.asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Target]:
    made = Target(0)
    app = http.Application()
    app.router.add_post("/{any}", made.answer)
    runner = http.AppRunner(app)
    await runner.setup()
    made.port = free_port()
    await http.TCPSite(runner, "127.0.0.1", made.port, ssl_context=tls).start()
    try:
        yield made
    finally:
        made.hung.set()
        await runner.cleanup()


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    async with serving() as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Floor]:
    """The floor on SQLite alone: where the database makes no difference."""
    made = make_floor(url_in(tmp_path), tmp_path)
    yield made
    made.db.close()


def deliverer(floor: Floor, wall: Wall, reach: Reach = HERE, tls: ssl.SSLContext | None = None) -> Deliverer:
    return Deliverer(floor.db, floor.vault, wall, reach, tls, timeout_s=0.5)


def register(floor: Floor, address: str, *what: str, reach: Reach = HERE) -> tuple[str, str]:
    details = WebhookDetails(name="hook", address=address, happenings=list(what) or ["*"])
    with floor.db.write() as session:
        made, secret = service.add(session, floor.vault, details, reach, "olga", NOW_MS)
        return made.id, secret


def tell(floor: Floor, what: Happening = Happening.BADGE_LOST, now_ms: int = NOW_MS) -> None:
    with floor.db.write() as session:
        happened(session, what, "b-1", now_ms, member=floor.ada, label="蓝色")
        session.flush()
        rows = session.exec(select(Happened).where(col(Happened.told_ms).is_(None))).all()
        service.plan(session, rows, now_ms)
        for row in rows:
            row.told_ms = now_ms


def sent(floor: Floor) -> list[WebhookDelivery]:
    with floor.db.read() as session:
        return list(session.exec(select(WebhookDelivery).order_by(WebhookDelivery.id)))


async def test_a_delivery_is_signed_and_sent_once(floor: Floor, target: Target) -> None:
    wall = Wall()
    _, secret = register(floor, f"http://127.0.0.1:{target.port}/ok", "badge.lost")
    tell(floor)
    tell(floor, Happening.SESSION_ENDED)
    await asyncio.gather(*(deliverer(floor, wall).once() for _ in range(3)))
    ((headers, body),) = target.got
    (row,) = sent(floor)
    told = json.loads(body)
    assert told["id"] == headers[signing.ID] == row.id
    assert (told["what"], told["subject"], told["member"]) == ("badge.lost", "b-1", floor.ada)
    assert told["data"] == {"label": "蓝色"}
    assert told["at"] == "2026-09-21T14:13:20.000+00:00"
    stamp = int(headers[signing.TIMESTAMP])
    assert stamp == NOW_MS // 1000
    assert headers[signing.SIGNATURE] == "v1=" + signing.signature(secret, stamp, body)
    assert (row.state, row.status, row.tries) == (DeliveryState.DELIVERED, 200, 1)


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("/broken", 500, "answered 500"),
        ("/redirect", 302, "not followed"),
        ("/hang", None, "no answer within"),
        (None, None, "Cannot connect"),
    ],
)
async def test_what_is_not_taken_waits_and_is_sent_again_by_the_same_id(
    shop: Floor, target: Target, path: str | None, status: int | None, problem: str
) -> None:
    wall = Wall()
    nobody = free_port()
    address = f"http://127.0.0.1:{target.port}{path}" if path else f"http://127.0.0.1:{nobody}/"
    id, _ = register(shop, address)
    tell(shop)
    await deliverer(shop, wall).once()
    (row,) = sent(shop)
    assert (row.state, row.status) == (DeliveryState.PENDING, status)
    assert problem in row.problem
    assert wall.at_ms + 7_000 < row.next_ms < wall.at_ms + 13_000
    await deliverer(shop, wall).once()
    assert len(target.got) == (1 if path else 0)
    with shop.db.write() as session:
        good = service.WebhookChanges(address=f"http://127.0.0.1:{target.port}/flood")
        service.change(session, id, good, HERE)
    wall.at_ms = row.next_ms
    await deliverer(shop, wall).once()
    (again,) = sent(shop)
    assert (again.id, again.state, again.tries) == (row.id, DeliveryState.DELIVERED, 2)
    assert len({json.loads(body)["id"] for _, body in target.got}) == 1


async def test_one_that_hangs_leaves_room_for_others(shop: Floor, target: Target) -> None:
    register(shop, f"http://127.0.0.1:{target.port}/hang")
    for _ in range(20):
        tell(shop)
    register(shop, f"http://127.0.0.1:{target.port}/ok", "session.ended")
    tell(shop, Happening.SESSION_ENDED)
    await deliverer(shop, Wall()).once()
    assert [row.what for row in sent(shop) if row.state is DeliveryState.DELIVERED] == ["session.ended"]


async def test_after_days_it_is_dead_paused_and_can_be_sent_again(floor: Floor, target: Target) -> None:
    wall = Wall()
    id, _ = register(floor, f"http://127.0.0.1:{target.port}/broken")
    tell(floor)
    tries = 0
    while sent(floor)[0].state is DeliveryState.PENDING:
        await deliverer(floor, wall).once()
        wall.at_ms = max(wall.at_ms, sent(floor)[0].next_ms)
        tries += 1
    assert NOW_MS + GIVE_UP_MS <= wall.at_ms < NOW_MS + GIVE_UP_MS + 10 * 3_600_000
    assert 12 < tries < 40
    tell(floor, now_ms=wall.at_ms)
    assert [(row.state, row.tries > 0) for row in sent(floor)] == [("dead", True), ("dead", False)]
    with floor.db.write() as session:
        assert session.get_one(Webhook, id).paused_ms is not None
        with pytest.raises(Refused, match="paused"):
            service.ping(session, id, wall.at_ms)
        fixed = service.WebhookChanges(address=f"http://127.0.0.1:{target.port}/ok")
        service.change(session, id, fixed, HERE)
        service.resume(session, id)
        assert service.again(session, id, wall.at_ms) == 2
    await deliverer(floor, wall).once()
    assert {row.state for row in sent(floor)} == {DeliveryState.DELIVERED}
    with floor.db.write() as session:
        service.purge(session, wall.at_ms + KEPT_MS + 1)
    assert sent(floor) == []


async def test_who_dies_between_sending_and_writing_it_down_leaves_it_to_another(floor: Floor) -> None:
    register(floor, "https://example.org/")
    tell(floor)
    with floor.db.write() as session:
        (mine,) = trying.claim(session, NOW_MS, 16, {})
    with floor.db.write() as session:
        assert trying.claim(session, NOW_MS, 16, {}) == []
        assert trying.claim(session, NOW_MS + trying.LEASE_MS - 1, 16, {}) == []
        (again,) = trying.claim(session, NOW_MS + trying.LEASE_MS, 16, {})
    assert (again.id, again.body) == (mine.id, mine.body)


@pytest.mark.parametrize("trusted", [False, True])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    shop: Floor, tmp_path: Path, trusted: bool
) -> None:
    files = make_certificates(tmp_path / "tls", ())
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=files.cafile)
    server.load_cert_chain(files.server.certfile, files.server.keyfile)
    async with serving(server) as target:
        register(shop, f"https://127.0.0.1:{target.port}/ok")
        tell(shop)
        await deliverer(shop, Wall(), HERE, client if trusted else None).once()
        assert len(target.got) == trusted
    assert ("certificate" in sent(shop)[0].problem.lower()) is not trusted


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://",
        "https://user:secret@example.org/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://192.168.0.1:8443/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[fec0::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:7f00:1::]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://100.64.0.1/",
        "https://exa mple.org/",
        "https://example.org:0/",
        "https://example.org/\r\nHost: x",
        "http://localhost:80/",
        "https://" + "a" * 600 + ".org/",
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(Refused):
        check(address, Reach())


def test_what_settings_allow_may_be_reached() -> None:
    check("https://93.184.216.34/hook", Reach())
    check("http://127.0.0.1:8000/hook", HERE)
    check("https://192.168.0.7/hook", Reach(private=True))
    with pytest.raises(Refused):
        check("http://192.168.0.7/hook", Reach(loopback=True, private=True))
    with pytest.raises(Refused):
        check("https://169.254.169.254/", Reach(loopback=True, private=True))
    assert not may_reach(ipaddress.ip_address("127.0.0.1"), Reach(private=True))


async def test_a_name_that_leads_inside_is_refused_where_it_is_resolved(
    shop: Floor, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to what was checked: names with a public and a private address are refused too."""
    loop = asyncio.get_running_loop()
    wanted: list[str] = []

    def leads_to(*numbers: str) -> Callable[..., object]:
        async def resolve(host: str, port: int, **_: object) -> object:
            wanted.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in numbers]

        return resolve

    for numbers in (("127.0.0.1",), ("93.184.216.34", "10.0.0.1")):
        monkeypatch.setattr(loop, "getaddrinfo", leads_to(*numbers))
        with pytest.raises(OSError, match="not public"):
            await CheckedResolver(Reach()).resolve("hook.example.org", 443)
    register(shop, f"https://hook.example.org:{target.port}/ok", reach=Reach())
    tell(shop)
    await deliverer(shop, Wall(), Reach()).once()
    assert "not public" in sent(shop)[0].problem
    assert target.got == []
    assert wanted[-1] == "hook.example.org"


async def test_numbers_in_disguise_are_resolved_and_checked() -> None:
    for disguise in ("2130706433", "0x7f.1", "127.1"):
        with pytest.raises(OSError, match="not public"):
            await CheckedResolver(Reach()).resolve(disguise, 80)


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def test_a_copied_database_tells_no_secret(shop: Floor, tmp_path: Path) -> None:
    """What only the key file opens: badge numbers, gateways' passwords, webhooks' secrets, push addresses."""
    _, secret = register(shop, "https://example.org/hook")
    url, uid = "ntfys://ntfy.sh/a-topic-that-nobody-guesses", bytes.fromhex("04a1b2c3d4e5f6")
    with shop.db.write() as session:
        choices.set_push(session, shop.vault, shop.ada, url, NoticeSettings(push=("ntfys",)), NOW_MS)
        badges.enrol(session, shop.vault, shop.ada, uid, BadgeKind.UID_13MHZ, "x", NOW_MS)
        gateway = session.exec(select(Gateway)).one()
        password = shop.vault.open(gateway.broker_password_sealed)
    shop.db.close()
    copied = b"".join(path.read_bytes() for path in tmp_path.glob("floor.db*"))
    for kept in (
        secret.encode(),
        url.encode(),
        uid,
        uid.hex().encode(),
        uid.hex().upper().encode(),
        password,
    ):
        assert kept not in copied
    with pytest.raises(ConfigError):
        Vault(bytes(32)).open(gateway.broker_password_sealed)
