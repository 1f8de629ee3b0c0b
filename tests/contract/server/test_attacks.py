"""What was tried to get at others' rights and secrets, one way after another: none of it may work."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, delete, select

from booking_api.auth import service as auth
from booking_api.auth.models import Throttled
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.courses import classes
from booking_api.courses.classes import ClassDetails
from booking_api.happenings.telling import Teller
from booking_api.happenings.words import LetterKind
from booking_api.members.models import Member, MemberImport
from booking_api.memberships import plans
from booking_api.tables import METADATA
from floor.money import Commodity
from tests.kit.signing_in import House, build_house
from tests.kit.web import NOW_MS

API = "/api/v1"
NEW = "quite another long one"
PLAN = 'valid_from = 2026-01-01\n[[plans]]\nid = "basic"\nname = "Basic"\nprice = 10\n'
COURSE = """
valid_from = 2026-01-01
[[courses]]
id = "laser"
name = "Laser"
price = 0
certifies = ["laser-1"]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build_house(tmp_path_factory.mktemp("attacks"))


def member_of(session: Session, house: House, name: str) -> Member:
    return session.get_one(Member, house.web.people[name])


def email_of(house: House, name: str) -> str | None:
    with house.web.context.database.read() as session:
        return member_of(session, house, name).email


def narrow(house: House, name: str, *scopes: Permission) -> str:
    """The secret of a token that may a part of what somebody may."""
    with house.web.context.database.write() as session:
        who = Who(member_of(session, house, name), frozenset(Permission))
        return auth.issue_token(session, who, "narrow", frozenset(scopes), None, house.wall.now_ms())[1]


async def test_a_link_of_a_letter_stands_in_its_letter_only(house: House) -> None:
    """An operator reads no invitation of an admin in the log, and no new password in a member's file."""
    web = house.web
    async with web.program("ada") as admin:
        await admin.post(f"{API}/invitations", json={"email": "boss@kelp.test", "role": "admin"})
    link = house.link(LetterKind.INVITATION, "boss@kelp.test").rpartition("/")[2]
    await web.browser().post("/forgotten", data={"login": "ada"})
    reset = house.link(LetterKind.PASSWORD_RESET, "ada@kelp.test").rpartition("/")[2]
    async with web.program("olga") as operator:
        told = (await operator.get(f"{API}/audit/export/jsonl")).text
        assert "boss@kelp.test" in told
        assert link not in told
        answer = await operator.get(f"{API}/members/{web.people['ada']}/data.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        everything = "".join(found.read(name).decode() for name in found.namelist())
    assert "ada@kelp.test" in everything
    assert reset not in everything


async def test_a_file_changes_no_address_of_staff_and_the_old_address_is_told(house: House) -> None:
    text = "number,email\n6,thief@else.test\n"
    async with house.web.program("olga") as operator:
        for dry_run in ("true", "false"):
            answer = await operator.post(f"{API}/member-imports", params={"dry_run": dry_run}, content=text)
            assert [one["code"] for one in answer.json()["problems"]] == ["email_staff"]
        assert email_of(house, "ada") == "ada@kelp.test"
        mine = await operator.post(f"{API}/member-imports", content="number,email\n2,otto@new.test\n")
        assert mine.json()["applied"] is True
    async with house.web.program("ada") as admin:
        at = f"{API}/members/{house.web.people['otto']}"
        assert (await admin.patch(at, json={"email": "otto@kelp.test"})).status_code == 200
        theirs = await admin.post(f"{API}/member-imports", content="number,email\n4,tomas@new.test\n")
        assert theirs.json()["applied"] is True
    for old, new in (
        ("otto@kelp.test", "otto@new.test"),
        ("otto@new.test", "otto@kelp.test"),
        ("tomas@kelp.test", "tomas@new.test"),
    ):
        (letter,) = house.letters(LetterKind.EMAIL_CHANGED, old)
        assert letter.values == {"link": "", "new_address": new}
    assert house.told("otto") == ["email", "email"]


async def test_a_file_that_waits_lies_sealed(house: House) -> None:
    operator = await house.web.signed_in("olga")
    file = {"file": ("m.csv", b"number,badges\n2,04D1D2D3\n", "text/csv")}
    shown = (await operator.post("/member-import", files=file)).headers["location"]
    assert "04D1D2D3" in (await operator.get(shown)).text
    with house.web.context.database.read() as session:
        assert "04D1D2D3" not in session.exec(select(MemberImport.text)).one()
    assert (await (await house.web.signed_in("ada")).get(shown)).status_code == 404, "another's file"


async def test_links_end_with_what_they_could_undo(house: House) -> None:
    """A link of before opens nothing after a new password, a new address or another role."""
    web, stranger = house.web, house.web.browser()
    mira = await web.signed_in("mira")
    await mira.post("/me/security/email", data={"email": "thief@else.test"})
    begun = house.link(LetterKind.EMAIL_CHANGED, "thief@else.test")
    at = f"{API}/members/{web.people['mira']}"
    async with web.program("olga") as operator:
        await operator.put(f"{at}/sign-in", json={"login": "mira", "password": NEW})
        assert (await stranger.post(begun)).status_code == 404
        await operator.post(f"{API}/invitations", json={"email": "mira@kelp.test"})
        first = house.link(LetterKind.INVITATION, "mira@kelp.test")
        await operator.patch(at, json={"email": "mira@new.test"})
        assert (await stranger.post(first, data={"password": NEW})).status_code == 404
        await operator.post(f"{API}/invitations", json={"email": "mira@new.test"})
        second = house.link(LetterKind.INVITATION, "mira@new.test")
    async with web.program("ada") as admin:
        await admin.patch(at, json={"role": "technician"})
        assert (await stranger.post(second, data={"password": NEW})).status_code == 404
        await admin.patch(at, json={"role": "member", "email": "mira@kelp.test"})


async def test_a_token_that_may_only_look_changes_nothing_of_its_owners(house: House) -> None:
    web, mine = house.web, house.web.people["mira"]
    program, key, other = web.browser(), *({"idempotency-key": f"a-key-of-{one}"} for one in "mt")
    program.headers["authorization"] = f"Bearer {narrow(house, 'mira', Permission.ME_READ)}"
    with web.context.database.write() as session:
        plans.add_file(session, PLAN, "plans.toml", Commodity("EUR"), "test", NOW_MS)
    async with web.program("mira") as whole:
        made = await whole.post(f"{API}/members/{mine}/memberships", json={"plan": "basic"}, headers=key)
        assert made.status_code == 201, made.text
        membership = f"{API}/memberships/{made.json()['id']}"
    tried = [
        await program.post(f"{API}/members/{mine}/memberships", json={"plan": "basic"}, headers=other),
        await program.post(f"{membership}/end", json={}),
        await program.put(f"{API}/classes/none/places/{mine}"),
        await program.put(f"{API}/classes/none/waiting/{mine}"),
        await program.delete(f"{API}/classes/none/places/{mine}"),
    ]
    assert [one.status_code for one in tried] == [403] * 5


async def test_an_instructor_calls_off_no_class_of_another(house: House) -> None:
    web = house.web
    with web.context.database.write() as session:
        classes.put_file(session, COURSE, "classes.toml", Commodity("EUR"), "test", NOW_MS)
        begins_ms = NOW_MS + 72 * 3_600_000
        details = ClassDetails(course="laser", instructor=web.people["ada"], starts_ms=begins_ms)
        at = f"{API}/classes/{classes.plan(session, details, NOW_MS).id}"
    async with web.program("ines") as instructor, web.program("olga") as operator:
        assert (await instructor.delete(at)).status_code == 403
        assert (await operator.delete(at)).status_code == 204


async def test_a_kept_answer_is_given_to_the_rights_that_asked_only(house: House) -> None:
    """A token that may less finds no secret that its owner was shown in a browser, whatever key it names."""
    mira, key = await house.web.signed_in("mira"), {"idempotency-key": "a-guessed-key"}
    wanted = {"name": "kept", "scopes": ["me:read", "me:write"]}
    made = await mira.post(f"{API}/tokens", json=wanted, headers=key)
    again = await mira.post(f"{API}/tokens", json=wanted, headers=key)
    assert made.status_code == 201
    assert again.text == made.text
    program = house.web.browser()
    program.headers["authorization"] = f"Bearer {narrow(house, 'mira', Permission.ME_READ)}"
    refused = await program.post(f"{API}/tokens", json=wanted, headers=key)
    assert refused.status_code >= 400
    assert made.json()["secret"] not in refused.text


async def test_nothing_tells_of_who_is_erased(house: House) -> None:
    """A member who did about everything, and whom staff acted on: no table has a word of them after."""
    web = house.web
    staff, stranger = web.program("ada"), web.browser()
    with web.context.database.write() as session:
        session.execute(delete(Throttled))

    async def do(method: str, where: str, body: object = None, key: str = "") -> dict[str, Any]:
        headers = {"idempotency-key": key} if key else {}
        answer = await staff.request(method, f"{API}{where}", json=body, headers=headers)
        assert answer.status_code < 300, (where, answer.text)
        return dict(answer.json()) if answer.content else {}

    hook = {"name": "all", "address": "https://example.org/hook", "happenings": ["*"]}
    await do("POST", "/webhooks", hook)
    await do("POST", "/invitations", {"email": "zaphod@bebe.test"})
    link = house.link(LetterKind.INVITATION, "zaphod@bebe.test")
    names = {"first_name": "Zaphod", "last_name": "Beeblebrox", "password": NEW}
    assert (await stranger.post(link, data=names)).status_code == 303
    with web.context.database.read() as session:
        id = session.exec(select(Member.id).where(Member.email == "zaphod@bebe.test")).one()
    number = (await do("GET", f"/members/{id}"))["number"]
    me = f"/members/{id}"
    await do("PUT", f"{me}/contact", {"phone": "Zaphod 1", "emergency_name": "Zaphod's mum"})
    await do("POST", f"{me}/suspend", {"reason": "Zaphod was loud"})
    await do("POST", f"{me}/restore")
    await do("POST", "/households", {"name": "Zaphod's home", "member": id})
    badge = await do("POST", f"{me}/badges", {"uid": "04AABBCC", "kind": "uid_13mhz", "label": "Zaphod fob"})
    await do("POST", f"/badges/{badge['id']}/lost")
    await do("PUT", f"{me}/certifications/laser-1", {})
    await do("DELETE", f"{me}/certifications/laser-1?reason=Zaphod")
    slot = {"machine": "saw-1", "begins_ms": NOW_MS + 90_000_000, "ends_ms": NOW_MS + 93_600_000}
    words = {"member": id, "words": "Zaphod builds", "reason": "Zaphod asked"}
    await do("POST", "/reservations", slot | words)
    cash = {"amount_micro": 5_000_000, "commodity": "EUR", "memo": "Zaphod paid"}
    paid = await do("POST", f"{me}/payments", cash, "somebody-pays")
    await do("POST", f"/ledger/entries/{paid['entry']}/reverse", {"reason": "Zaphod again"}, "somebody-undo")
    await do("PATCH", me, {"first_name": "Zaphod B.", "email": "zaphod@else.test"})
    await Teller(web.context).tell()
    await do("POST", f"{me}/erase", {"number": number, "reason": "Zaphod asked"})
    with web.context.database.read() as session:
        for table in METADATA.tables:
            for row in session.execute(text(f"SELECT * FROM {table}")).all():
                assert "zaphod" not in str(tuple(row)).lower(), (table, row)
                assert "beeblebrox" not in str(tuple(row)).lower(), (table, row)
