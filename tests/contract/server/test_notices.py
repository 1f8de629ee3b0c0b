"""Notices and letters: as people chose, in their language, through a real mail server on this machine."""

from __future__ import annotations

import contextlib
import email
import email.policy
import re
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from sqlmodel import delete, select

from booking_api import cli, doctor
from booking_api.broker.certificates import make_certificates
from booking_api.happenings.models import Happened, Letter
from booking_api.happenings.service import happened, write_letter
from booking_api.happenings.words import Happening, LetterKind
from booking_api.members import service as members
from booking_api.notices import choices, reminders, sending, service, trying
from booking_api.notices.deliverer import Deliverer
from booking_api.notices.kinds import Kind, Way
from booking_api.notices.models import Notice
from booking_api.notices.settings import NoticeSettings
from booking_api.notices.trying import NotSent
from booking_api.notices.wording import Place, one_line
from booking_api.webhooks.addresses import Reach
from floor.errors import Refused
from floor.reservation.terms import Reservation, Slot
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor, make_floor
from tests.kit.wall import Wall

PLACE = Place("Kelp Street", "https://floor.kelp.test", ZoneInfo("Europe/Dublin"), "EUR")
BEGINS_MS = NOW_MS + 3_600_000
LINK = "https://floor.kelp.test/reset?token=Ab-c_1.2~" + "x" * 80


@dataclass
class Post:
    """A real mail server that keeps what it was given, and refuses once `closed`."""

    port: int = 0
    closed: bool = False
    got: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.closed:
            return "451 try later"
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.got.append(message)
        self.to.extend(envelope.rcpt_tos)
        return "250 kept"


def check_login(server: SMTP, session: Session, envelope: Envelope, how: str, data: object) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"floor", b"sec:r@t")
    return AuthResult(success=known)


@contextlib.contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[Post]:
    post = Post()
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        post.port = door.getsockname()[1]
    more = (
        {"tls_context": tls, "require_starttls": True, "authenticator": check_login, "auth_required": True}
        if tls
        else {}
    )
    controller = Controller(post, hostname="127.0.0.1", port=post.port, **more)
    controller.start()
    try:
        yield post
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    with mail_server() as made:
        yield made


@pytest.fixture(autouse=True)
def emptied(post: Post) -> None:
    post.closed = False
    post.got.clear()
    post.to.clear()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Floor]:
    made = make_floor(url_in(tmp_path), tmp_path)
    with made.db.write() as session:
        for id, mail, language in ((made.ada, "ada@kelp.test", "zh"), (made.ben, "ben@kelp.test", "en")):
            member = members.get(session, id)
            member.email, member.language = mail, language
        session.execute(delete(Happened))  # what making the floor told
    yield made
    made.db.close()


def settings_of(post: Post, **more: object) -> NoticeSettings:
    mail = f"mailto://127.0.0.1:{post.port}?mode=insecure&name=Kelp"
    return replace(NoticeSettings(mail=mail, sender="Kelp Street <floor@kelp.test>"), **more)  # type: ignore[arg-type]


def tell(shop: Floor, settings: NoticeSettings, what: Happening, member: str | None, **data: object) -> None:
    with shop.db.write() as session:
        happened(session, what, "x", NOW_MS, member=member, **data)  # type: ignore[arg-type]
        session.flush()
        rows = session.exec(select(Happened)).all()
        service.plan(session, rows, settings, PLACE, "en", NOW_MS)
        for row in rows:
            session.delete(row)


async def deliver(shop: Floor, settings: NoticeSettings, wall: Wall | None = None) -> None:
    await Deliverer(shop.db, shop.vault, wall or Wall(), settings, PLACE).once()


def text_of(message: EmailMessage) -> str:
    return str(message.get_content())


async def test_a_reservation_is_told_in_chinese_by_mail(shop: Floor, post: Post) -> None:
    settings = settings_of(post)
    tell(
        shop, settings, Happening.RESERVATION_MADE, shop.ada, machine="laser-1", begins_ms=BEGINS_MS,
        ends_ms=BEGINS_MS + 3_600_000,
    )  # fmt: skip
    await deliver(shop, settings)
    (message,) = post.got
    assert post.to == ["ada@kelp.test"]
    assert message["Subject"] == "Kelp Street: 预约成功"
    assert message["From"] == "Kelp Street <floor@kelp.test>"
    assert message["To"] == "ada@kelp.test"
    assert message.get_content_type() == "text/plain"
    text = text_of(message)
    assert "Ada" in text
    assert "Laser-1" in text
    assert "16:13" in text  # on the space's clock
    stop = str(message["List-Unsubscribe"])[1:-1]
    assert stop.startswith("https://floor.kelp.test/notices/stop?member=")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert stop in text
    await deliver(shop, settings)
    assert len(post.got) == 1
    with shop.db.read() as session:
        (kept,) = session.exec(select(Notice))
        assert (kept.title, kept.body, kept.sent_ms) == ("", "", NOW_MS)


async def test_a_letter_brings_its_link_whole_and_is_emptied(shop: Floor, post: Post) -> None:
    with shop.db.write() as session:
        write_letter(session, LetterKind.PASSWORD_RESET, "ben@kelp.test", "en", NOW_MS, link=LINK, name="Ben")
        write_letter(session, LetterKind.INVITATION, "neu@kelp.test", "zh", NOW_MS, link=LINK)
    await deliver(shop, settings_of(post))
    found = {message["To"]: message for message in post.got}
    assert found["ben@kelp.test"]["Subject"] == "Kelp Street: Choose a new password"
    assert LINK in text_of(found["ben@kelp.test"]).splitlines()
    assert found["ben@kelp.test"]["List-Unsubscribe"] is None
    assert LINK in text_of(found["neu@kelp.test"])
    assert re.search("[一-龥]", str(found["neu@kelp.test"]["Subject"]))
    with shop.db.read() as session:
        assert [row.values for row in session.exec(select(Letter))] == [{}, {}]


async def test_a_mail_server_with_tls_and_a_password(
    shop: Floor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = make_certificates(tmp_path / "tls", ())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.server.certfile, files.server.keyfile)
    with mail_server(tls) as post:
        url = f"mailtos://floor:{{}}@127.0.0.1:{post.port}?mode=starttls"
        wrong, right = (
            settings_of(post, mail=url.format(password)) for password in ("nothing", "sec%3Ar%40t")
        )
        for settings, taken, wait_s in ((right, 0, 0.5), (wrong, 0, 0.5), (right, 1, 10)):
            with shop.db.write() as session:
                write_letter(session, LetterKind.REGISTRATION, "new@kelp.test", "en", NOW_MS, link=LINK)
            # With a wrong password this server is silent, and waited for.
            monkeypatch.setattr(sending, "SOCKET_S", wait_s)
            await deliver(shop, settings)
            assert len(post.got) == taken
            monkeypatch.setenv("SSL_CERT_FILE", str(files.cafile))  # from now on its authority counts


async def test_what_does_not_go_out_is_tried_again_then_given_up_and_doctor_says_so(
    shop: Floor, post: Post
) -> None:
    settings, wall = settings_of(post), Wall()
    post.closed = True
    with shop.db.write() as session:
        write_letter(session, LetterKind.PASSWORD_RESET, "ben@kelp.test", "en", NOW_MS, link=LINK)
    tell(shop, settings, Happening.BADGE_LOST, shop.ben, label="Blue")
    await deliver(shop, settings, wall)
    with shop.db.read() as session:
        assert trying.waiting(session) == (1, 1)
        assert trying.stuck(session, NOW_MS + 2 * 3_600_000) == (2, 0)
        (letter,) = session.exec(select(Letter))
        assert letter.problem == "the mail server did not take it"
        assert len(list(doctor.letters_waiting(session, NOW_MS + 2 * 3_600_000))) == 1
    wall.at_ms = NOW_MS + 4 * 86_400_000
    await deliver(shop, settings, wall)
    post.closed = False
    await deliver(shop, settings, wall)
    assert post.got == []
    with shop.db.read() as session:
        (letter,) = session.exec(select(Letter))
        assert (letter.values, letter.given_up_ms) == ({}, wall.at_ms)
        assert trying.stuck(session, wall.at_ms) == (0, 2)
    with shop.db.write() as session:
        trying.purge(session, wall.at_ms + 31 * 86_400_000)
        assert session.exec(select(Letter)).all() == []


async def test_people_choose_and_names_make_no_headers(shop: Floor, post: Post) -> None:
    settings = settings_of(post)
    with shop.db.write() as session:
        members.get(session, shop.ben).first_name = "Ben\r\nBcc: all@kelp.test\u202e"
        choices.choose(session, shop.ben, Kind.MONEY, Way.NOTHING)
        with pytest.raises(Refused, match="always"):
            choices.choose(session, shop.ben, Kind.SECURITY, Way.NOTHING)
    tell(shop, settings, Happening.INVOICE_ISSUED, shop.ben, number="INV-1")
    tell(shop, settings, Happening.SESSION_ENDED, shop.ben)
    tell(shop, settings, Happening.BADGE_LOST, shop.ben, label="x\nBcc: y")
    await deliver(shop, replace(settings))
    (message,) = post.got
    assert message["Bcc"] is None
    assert "Ben Bcc: all@kelp.test," in text_of(message)
    assert "Badge: x Bcc: y" in text_of(message)
    assert one_line("a\x00b\u2028c" + "d" * 400).startswith("a b c")


async def test_a_mail_can_be_ended_by_its_own_link_and_by_no_other(shop: Floor) -> None:
    address = choices.stop_address(shop.vault, "https://x", shop.ada, Kind.MONEY)
    sign = address.rpartition("sign=")[2]
    choices.check_stop(shop.vault, shop.ada, Kind.MONEY, sign)
    for member, kind, other in (
        (shop.ben, Kind.MONEY, sign),
        (shop.ada, Kind.TRAINING, sign),
        (shop.ada, Kind.MONEY, "é"),
    ):
        with pytest.raises(Refused):
            choices.check_stop(shop.vault, member, kind, other)


async def test_own_push_addresses_have_an_allowed_scheme_and_lead_to_no_private_place(
    shop: Floor, post: Post
) -> None:
    settings = settings_of(post, push=("json",))
    url = f"json://localhost:{post.port}/x"
    with shop.db.write() as session:
        files = ("json://x/y?Template=/etc/passwd", "json://x/y?a=1;%2574emplate=b", "json://x?y?keyfile=z")
        others = ("ntfys://ntfy.sh/x", "mailto://a:b@c", "syslog://", "json", "json://", "json://[x/")
        for refused in files + others:
            with pytest.raises(Refused):
                choices.set_push(session, shop.vault, shop.ben, refused, settings, NOW_MS)
        choices.set_push(session, shop.vault, shop.ben, url, settings, NOW_MS)
        choices.choose(session, shop.ben, Kind.SECURITY, Way.PUSH)
    tell(shop, settings, Happening.BADGE_LOST, shop.ben)
    await deliver(shop, settings)
    with shop.db.read() as session:
        (kept,) = session.exec(select(Notice))
        assert (kept.way, kept.sent_ms, kept.problem) == (Way.PUSH, None, "the service did not take it")
    assert post.got == []


def test_what_apprise_connects_to_is_checked_where_it_connects() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        door.settimeout(0.2)
        with pytest.raises(NotSent):
            sending.send_push(f"json://localhost:{door.getsockname()[1]}/x", "a", "b", Reach())
        with pytest.raises(TimeoutError):
            door.accept()


async def test_staff_are_told_of_alarms_at_their_address(shop: Floor, post: Post) -> None:
    staff = (
        f"mailto://127.0.0.1:{post.port}?mode=insecure&from=floor@kelp.test&to=staff@kelp.test&format=text"
    )
    settings = settings_of(post, staff=staff)
    tell(
        shop, settings, Happening.ALARM_RAISED, None, machine="laser-1", code="fire_alarm", words="open 1"
    )  # fmt: skip
    await deliver(shop, settings)
    (message,) = post.got
    assert message["To"] == "staff@kelp.test"
    assert "Fire alarm" in text_of(message)


def test_a_reservation_is_reminded_of_once(shop: Floor, post: Post) -> None:
    settings = settings_of(post, remind_min=60)
    slot = Slot("laser-1", NOW_MS + 50 * 60_000, NOW_MS + 110 * 60_000)
    early, late = NOW_MS - 86_400_000, NOW_MS - 60_000
    kept = [Reservation("r1", slot, shop.ben, early), Reservation("r2", slot, shop.ada, late)]
    kept.append(Reservation("r3", slot, "", early))
    for told in (1, 0):
        with shop.db.write() as session:
            assert reminders.remind(session, lambda *_: kept, settings, PLACE, NOW_MS, NOW_MS) == told
    with shop.db.read() as session:
        (notice,) = session.exec(select(Notice))
        assert (notice.member, notice.what) == (shop.ben, "reservation.reminder")


def test_an_erased_member_leaves_no_notice(shop: Floor, post: Post) -> None:
    tell(shop, settings_of(post), Happening.BADGE_LOST, shop.ben)
    with shop.db.write() as session:
        choices.blank(session, shop.ben)
    with shop.db.read() as session:
        (kept,) = session.exec(select(Notice))
        assert (kept.title, kept.body, kept.next_ms) == ("", "", None)


def test_the_command_sends_a_test_or_says_what_is_wrong(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "makerfloor.toml"
    mail = f'mail = "mailto://127.0.0.1:{post.port}?mode=insecure"\nfrom = "floor@kelp.test"\n'
    for text, address, words in (
        (f"[notices]\n{mail}", "ben@kelp.test", "was sent a test"),
        (f"[notices]\n{mail}", "ben@kelp.test, ada@kelp.test", "not one mail address"),
        ("", "ben@kelp.test", "notices.mail is not set"),
        (f"[notices]\n{mail}", "nonsense://x", "does not know"),
    ):
        file.write_text(text)
        monkeypatch.setattr(sys, "argv", ["makerfloor", "--config", str(file), "notices", "test", address])
        with pytest.raises(SystemExit):
            cli.main()
        written = capsys.readouterr()
        assert words in written.out + written.err, (text, address)
    (message,) = post.got
    assert message["Subject"] == "Makerfloor: test"
