"""What the law gives: everything in one file, and to be forgotten while the books still hold."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from booking_api import doctor
from booking_api.accounts import teams
from booking_api.accounts.models import TeamRole
from booking_api.accounts.teams import PersonDetails, TeamDetails
from booking_api.auth import service as auth
from booking_api.badges.models import Badge
from booking_api.certifications.models import Certification
from booking_api.happenings.models import Happened
from booking_api.happenings.words import Happening
from booking_api.ledger import service as ledger
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.care import Contact, Guardianship
from booking_api.members.models import Member
from booking_api.privacy import service as privacy
from booking_api.privacy.export import archive, known_of
from booking_api.privacy.rooms import ERASERS, KEPT
from booking_api.sessions.models import MachineSession
from booking_api.tables import METADATA
from booking_api.waivers import service as waivers
from booking_api.waivers.models import How
from booking_api.waivers.service import Signing
from floor.errors import Refused
from floor.words import Role
from tests.contract.server.test_waivers import TODAY
from tests.contract.server.test_waivers import text as waiver
from tests.kit.rosters import GatewayPeer, badge
from tests.kit.server import NOW_MS, Floor, Writer

PERSONS = frozenset({"member", "guardian", "author", "by", "account", "instructor"})
SECRET_WORDS = ("Zaphod", "Beeblebrox", "zaphod@example.org", "+44 42", "Trillian", "for the fish")
PASSWORD = "a long enough password"


def names_a_person(table: str) -> bool:
    return any(
        column.name in PERSONS
        or column.name.endswith("_by")
        or any(key.column.table.name == "member" for key in column.foreign_keys)
        for column in METADATA.tables[table].columns
    )


def test_every_table_that_names_a_person_is_erased_or_kept_with_a_reason() -> None:
    """A new table fails here: its room adds an Eraser, or it to KEPT, in booking_api/privacy/rooms.py."""
    erased = {table for eraser in ERASERS for table in eraser.tables}
    assert {table for table in METADATA.tables if names_a_person(table)} - erased - set(KEPT) == set()
    assert (erased | set(KEPT)) - set(METADATA.tables) == set()
    assert not erased & set(KEPT)


def furnish(floor: Floor) -> str:
    """A member with something in every room; returns the id of the entry that names them."""
    badge(floor, floor.ada)
    journal = Writer()
    journal.session(floor.ada, 3)
    floor.apply(journal.batch())
    with floor.db.write() as session:
        changes = members.MemberChanges(
            first_name="Zaphod", last_name="Beeblebrox", shown_name="Zaphod", email="zaphod@example.org"
        )
        members.change(session, floor.ada, changes, NOW_MS)
        care.set_contact(session, floor.ada, Contact(phone="+44 42", emergency_name="Trillian"))
        members.suspend(session, floor.ada, "Zaphod sold Trillian", NOW_MS)
        members.restore(session, floor.ada, NOW_MS)
        auth.set_password(session, floor.ada, "zaphod@example.org", PASSWORD, NOW_MS)
        waivers.publish(session, waiver(), "test", NOW_MS)
        signing = Signing("Zaphod Beeblebrox", "en", How.PAGE, floor.ada)
        waivers.sign(session, floor.ada, "house-rules@1", signing, NOW_MS)
        owed = ledger.balance(session, f"assets:member:{floor.ada}", "EUR")
        sealed = ledger.take_payment(session, floor.ada, owed, "EUR", NOW_MS, "test", "for the fish")
        return sealed.entry.id


def forget(floor: Floor, number: str = "", reason: str = "they asked") -> None:
    with floor.db.write() as session:
        typed = number or members.get(session, floor.ada).number
        privacy.erase(session, floor.ada, typed, reason, floor.ben, NOW_MS)


def everything(floor: Floor) -> str:
    """All that every table holds, as text."""
    with floor.db.read() as session:
        tables = [table for table in METADATA.tables if table != "waiver_version"]
        return "\n".join(
            str(tuple(row)) for table in tables for row in session.execute(text(f"SELECT * FROM {table}"))
        )


def test_a_member_is_forgotten_and_the_books_hold(floor: Floor) -> None:
    entry = furnish(floor)
    assert [word for word in SECRET_WORDS if word not in everything(floor)] == []
    before = floor.balances()
    peer = GatewayPeer(floor)
    peer.hello()
    forget(floor)
    assert [word for word in SECRET_WORDS if word in everything(floor)] == []
    assert doctor.examine(floor.db) == []
    assert floor.balances() == before
    peer.update()
    assert floor.ada not in peer.held.members
    with floor.db.read() as session:
        assert session.execute(text(f"SELECT memo FROM ledger_entry WHERE id = '{entry}'")).scalar_one() == ""
        assert session.exec(select(Badge)).all() == session.exec(select(Certification)).all() == []
        assert [one.member for one in session.exec(select(MachineSession))] == [floor.ada]
        (signed,) = waivers.signatures(session, floor.ada)
        assert (signed.name, signed.version) == ("", "house-rules@1")
        assert members.listed(session, members.get(session, floor.ada).number) == []
        told = session.exec(select(Happened).where(Happened.what == Happening.MEMBER_ERASED)).one()
        assert (told.member, told.data) == (None, {"by": floor.ben})
    with pytest.raises(Refused, match="already"):
        forget(floor)


def owes(session: Session, floor: Floor) -> None:
    ledger.take_payment(session, floor.ada, 5_000_000, "EUR", NOW_MS, "test", "")


def is_staff(session: Session, floor: Floor) -> None:
    members.change(session, floor.ada, members.MemberChanges(role=Role.TECHNICIAN), NOW_MS)


def owns_a_team(session: Session, floor: Floor) -> None:
    teams.add(session, TeamDetails(id="crew", name="Crew"), NOW_MS, floor.ada)


def is_guardian(session: Session, floor: Floor) -> None:
    given = Guardianship(minor_until=TODAY.replace(year=TODAY.year + 1), guardian=floor.ada)
    care.set_guardianship(session, floor.ben, given, NOW_MS)


@pytest.mark.parametrize("matter", [owes, is_staff, owns_a_team, is_guardian])
def test_nobody_is_forgotten_while_something_is_open(
    floor: Floor, matter: Callable[[Session, Floor], None]
) -> None:
    with floor.db.write() as session:
        matter(session, floor)
    with pytest.raises(Refused):
        forget(floor)
    with floor.db.write() as session:
        assert len(privacy.open_matters(session, members.get(session, floor.ada), NOW_MS)) == 1
        if matter is owns_a_team:
            teams.put_person(session, "crew", floor.ben, PersonDetails(role=TeamRole.OWNER), NOW_MS)
            assert privacy.open_matters(session, members.get(session, floor.ada), NOW_MS) == []


def test_a_session_that_runs_is_in_the_way_and_so_is_a_wrong_number(floor: Floor) -> None:
    for number, reason in (("4711", "asked"), ("", " ")):
        with pytest.raises(Refused):
            forget(floor, number, reason)
    journal = Writer()
    journal.session(floor.ada, 3)
    floor.apply(journal.batch(last=1))
    with pytest.raises(Refused, match="session runs"):
        forget(floor)


def test_who_left_long_ago_is_found(floor: Floor) -> None:
    with floor.db.write() as session:
        changes = members.MemberChanges(valid_until_ms=NOW_MS - 400 * 86_400_000)
        members.change(session, floor.ada, changes, NOW_MS)
        assert [one.id for one in privacy.who_left(session, 12, NOW_MS)] == [floor.ada]
        assert privacy.who_left(session, 14, NOW_MS) == privacy.who_left(session, 0, NOW_MS) == []


def test_all_that_is_known_is_in_one_file_and_no_key(floor: Floor) -> None:
    furnish(floor)
    with floor.db.read() as session:
        member = session.get(Member, floor.ada)
        assert member is not None
        known = known_of(session, member)
        raw = archive(known, "<p>page</p>", floor.db.zone)
        sealed = session.exec(select(Badge)).one()
    with zipfile.ZipFile(io.BytesIO(raw)) as made:
        names = set(made.namelist())
        data = json.loads(made.read("data.json"))
        whole = "".join(made.read(name).decode() for name in names)
    tables = {
        "member", "member_care", "badge", "machine_session", "charge", "charge_line", "waiver_signature",
        "ledger_entry", "ledger_posting", "suspension", "certification", "account", "credential",
    }  # fmt: skip
    assert tables - set(data) == {"certification"} - set(data)
    assert {f"csv/{name}.csv" for name in data} | {"index.html", "data.json"} == names
    for word in SECRET_WORDS:
        assert word in whole
    for secret in (sealed.uid_sealed, sealed.uid_lookup, "argon2"):
        assert secret not in whole
