"""The audit log: what staff and commands do is in it; it cannot be changed, and shows tampering."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session

from booking_api import cli, doctor
from booking_api.audit import acting, chain, service
from booking_api.audit.acting import Actor, Via
from booking_api.audit.export import Form, export
from booking_api.audit.notes import note
from booking_api.audit.service import Act, Filters
from booking_api.audit.tables import EVERYBODY, NOT_RECORDED, RECORDED, is_secret
from booking_api.badges import service as badges
from booking_api.db import DATA, Database, after_commit, start_again
from booking_api.members import service as members
from booking_api.migrations.guards import GUARDS
from booking_api.reservations import booking
from booking_api.reservations.booking import BookingDetails
from booking_api.reservations.diary import Diary
from booking_api.tables import METADATA
from floor.errors import Refused
from floor.words import BadgeKind
from tests.kit.reservations import with_policy
from tests.kit.server import NOW_MS, Floor
from tests.kit.web import WebFloor, build

API = "/api/v1"
ALL = Filters()
OLGA = Actor(Via.BROWSER, "olga-id", "Olga Maple", "PATCH /x", True, NOW_MS, NOW_MS + 1, reason="she asked")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    return build(tmp_path_factory.mktemp("audit"))


def acts(floor: Floor, filters: Filters = ALL) -> list[Act]:
    return everything(floor.db, filters)


def everything(database: Database, filters: Filters = ALL) -> list[Act]:
    with database.read() as session:
        return list(service.everything(session, filters))


def last(web: WebFloor) -> Act:
    with web.context.database.read() as session:
        return service.listed(session, Filters(), limit=1)[0][0]


def rename(floor: Floor, member: str, name: str, actor: Actor | None = OLGA) -> None:
    with acting.scope(actor), floor.db.write() as session:
        members.change(session, member, members.MemberChanges(first_name=name), NOW_MS)


def test_every_table_is_recorded_or_says_why_not() -> None:
    undecided = set(METADATA.tables) - RECORDED - set(NOT_RECORDED)
    assert undecided == set(), "name it in booking_api/audit/tables.py"
    assert RECORDED & set(NOT_RECORDED) == set()
    assert EVERYBODY <= RECORDED


def test_what_was_changed_stands_with_before_after_who_and_why(floor: Floor) -> None:
    rename(floor, floor.ada, "Adele")
    (act,) = acts(floor)
    assert (act.seq, act.via, act.member, act.name) == (1, "browser", "olga-id", "Olga Maple")
    assert (act.act, act.reason, act.at_ms, act.floor_ms) == ("PATCH /x", "she asked", NOW_MS, NOW_MS + 1)
    told = {part.kind: part for part in act.parts}
    assert {(f.name, f.before, f.after) for f in told["member"].fields} == {
        (name, "Ada", "Adele") for name in ("first_name", "shown_name")
    }
    assert told["account"].fields[0].after == "Adele Byron"
    assert {part.about for part in act.parts} == {floor.ada}


def test_several_flushes_are_one_act_and_what_came_to_nothing_is_none(floor: Floor) -> None:
    with acting.scope(OLGA), floor.db.write() as session:
        made = members.add(session, members.MemberDetails(first_name="New", last_name="One"), NOW_MS)
        made.tier = "guest"
        session.flush()
        session.delete(made)
        session.flush()
    with acting.scope(OLGA), floor.db.write() as session:
        for name in ("A", "B", "Ada"):
            members.get(session, floor.ada).first_name = name
            session.flush()
    first, second = acts(floor)
    assert [part.kind for part in first.parts] == ["account"]
    assert [(f.before, f.after) for f in second.parts[0].fields] == [("Ada", "Ada")]


def test_what_a_savepoint_undid_is_neither_recorded_nor_told(floor: Floor) -> None:
    told: list[str] = []

    def change(session: Session, name: str) -> None:
        members.change(session, floor.ada, members.MemberChanges(first_name=name), NOW_MS)
        session.flush()
        note(session, "thing", name, "noted")
        after_commit(session, lambda: told.append(name))

    def refuse(session: Session, name: str) -> None:
        with contextlib.suppress(Refused), session.begin_nested():
            change(session, name)
            with session.begin_nested():
                change(session, f"{name}, deeper")
            raise Refused("machine_taken", "No.")

    with acting.scope(OLGA), floor.db.write() as session:
        change(session, "thrown away")
        start_again(session)
        change(session, "before")
        refuse(session, "refused")
        with session.begin_nested():
            refuse(session, "refused within")
            change(session, "after")
    (act,) = acts(floor)
    assert told == [part.object for part in act.parts if part.kind == "thing"] == ["before", "after"]
    renamed = next(part for part in act.parts if part.kind == "member")
    assert {(field.before, field.after) for field in renamed.fields} == {("Ada", "after")}
    with acting.scope(OLGA), floor.db.write() as session:
        refuse(session, "alone")
    assert len(acts(floor)) == 1
    assert told == ["before", "after"]


async def test_a_booking_that_is_refused_half_way_leaves_no_trace(
    web: WebFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is shown with its refusal, and commits: neither the log nor the heads know of the booking."""
    book, tried, ran = booking.book, list[str](), list[str]()

    def books_then_refuses(diary: Diary, details: BookingDetails) -> None:
        tried.append(book(diary, details).id)
        after_commit(diary.session, lambda: ran.append("told"))
        raise Refused("machine_taken", "Somebody was quicker.")

    with_policy(web)
    monkeypatch.setattr(booking, "book", books_then_refuses)
    olga = await web.signed_in("olga")
    before = everything(web.context.database)
    form = {"begin": "2026-05-25T10:00", "end": "2026-05-25T11:00", "member": web.people["mira"]}
    answer = await olga.post("/machines/laser-1/reserve", data=form)
    assert (answer.status_code, len(tried)) == (409, 1)
    assert (everything(web.context.database), ran) == (before, [])
    assert doctor.examine(web.context.database) == []


def test_secrets_are_not_told(floor: Floor) -> None:
    with acting.scope(OLGA), floor.db.write() as session:
        badges.enrol(
            session, floor.vault, floor.ada, bytes.fromhex("04a1b2c3"), BadgeKind.UID_13MHZ, "x", NOW_MS
        )
    told = json.dumps([part.fields for act in acts(floor) for part in act.parts], default=str)
    with floor.db.read() as session:
        badge = badges.of_member(session, floor.ada)[0]
    assert badge.uid_sealed not in told
    assert badge.uid_lookup not in told
    assert "04a1b2c3" not in told.lower()


def test_every_column_of_a_secret_is_known_as_one() -> None:
    """Whoever adds a column that ends in these words adds a secret; a new word is to be added to the rule."""
    columns = {column.name for table in METADATA.tables.values() for column in table.columns}
    secret = {name for name in columns if name.endswith(("_hash", "_sealed", "_lookup", "_secret", "secret"))}
    assert {name for name in secret if not is_secret(name)} == set()
    assert is_secret("password_hash")
    assert is_secret("pending"), "a second factor that is being set up, sealed"
    assert not is_secret("first_name")


def test_nobodys_and_a_members_own_changes_are_not_recorded(floor: Floor) -> None:
    rename(floor, floor.ada, "Adele", None)
    rename(floor, floor.ada, "Ada", replace(OLGA, is_staff=False))
    with acting.scope(replace(OLGA, is_staff=False)), floor.db.write() as session:
        note(session, "machine", "laser-1", "stopped")
    assert [part.kind for act in acts(floor) for part in act.parts] == ["machine"]


def test_it_is_frozen_and_tampering_is_found(floor: Floor) -> None:
    for name in ("Adele", "Ada", "Adela"):
        rename(floor, floor.ada, name)
    assert doctor.examine(floor.db) == []
    tampering = (
        "UPDATE audit_act SET member = 'x' WHERE seq = 2",
        "DELETE FROM audit_act WHERE seq = 3",
        "UPDATE audit_part SET object = 'x' WHERE act = 2",
        "UPDATE audit_part SET body = 'x' WHERE act = 2",
        "DELETE FROM audit_part WHERE act = 3",
        "UPDATE audit_part SET body = '', salt = '' WHERE about = ''",
    )
    for sql in tampering[:5]:
        with pytest.raises(DatabaseError), floor.db.write() as session:
            session.connection().execute(text(sql))
    for sql in (tampering[0], tampering[2], tampering[3], tampering[4]):
        with floor.db.engine.execution_options(writes=True).connect() as connection:
            _drop(connection)
            connection.execute(text(sql))
            found = _found(floor, connection)
            connection.rollback()
        assert found, sql


def _drop(connection: Connection) -> None:
    """Take the triggers away, as who owns the machine can."""
    for name, table, _, _ in GUARDS:
        if table.startswith("audit_"):
            on = "" if connection.dialect.name == "sqlite" else f" ON {table}"
            connection.execute(text(f"DROP TRIGGER {name}{on}"))


def _found(floor: Floor, connection: Connection) -> list[tuple[str, str]]:
    with Session(bind=connection, info={DATA: floor.db.data}) as session:
        return list(service.check_chain(session))


def test_a_log_that_was_cut_is_found_by_its_heads(floor: Floor) -> None:
    for name in ("Adele", "Ada"):
        rename(floor, floor.ada, name)
    first = acts(floor)[0]
    with floor.db.read() as session:
        hash = session.connection().execute(text("SELECT hash FROM audit_act WHERE seq = 1")).scalar_one()
    assert [seq for seq, _ in chain.published(floor.db.data)] == [1, 2]
    with floor.db.engine.execution_options(writes=True).connect() as connection:
        _drop(connection)
        connection.execute(text("DELETE FROM audit_part WHERE act = 2"))
        connection.execute(text("DELETE FROM audit_act WHERE seq = 2"))
        connection.execute(text(f"UPDATE audit_head SET seq = 1, hash = '{hash}'"))
        (where, words) = _found(floor, connection)[0]
        connection.rollback()
    assert first.seq == 1
    assert where == "audit log, act 2"
    assert "is gone" in words


def test_an_erased_person_is_blanked_and_the_chain_holds(floor: Floor) -> None:
    rename(floor, floor.ada, "Adele", replace(OLGA, reason="Ada said so"))
    rename(floor, floor.ben, "Benno", replace(OLGA, member=floor.ada, name="Ada Byron", reason=""))
    with acting.scope(OLGA), floor.db.write() as session:
        service.blank(session, floor.ada)
        members.change(session, floor.ada, members.MemberChanges(first_name="Erased"), NOW_MS)
    everything = acts(floor)
    assert len(everything) == 3
    told = json.dumps([act.__class__.__name__ + repr(act) for act in everything])
    assert "Adele" not in told
    assert "Ada" not in told
    assert "Byron" not in told
    assert everything[1].name == "erased"
    assert "Benno" in told
    assert doctor.examine(floor.db) == []


async def test_acts_at_the_same_time_make_one_chain(floor: Floor) -> None:
    await asyncio.gather(
        *(asyncio.to_thread(rename, floor, floor.ada, name) for name in ("A", "B", "C", "D", "E", "F"))
    )
    assert [act.seq for act in acts(floor)] == [1, 2, 3, 4, 5, 6]
    assert doctor.examine(floor.db) == []


async def test_a_signed_in_request_is_recorded_with_its_route_and_reason(web: WebFloor) -> None:
    browser = await web.signed_in("olga")
    mira = web.people["mira"]
    answer = await browser.post(f"{API}/members/{mira}/suspend", json={"reason": "=1+1 left the laser alone"})
    assert answer.status_code == 200
    act = last(web)
    assert (act.via, act.name, act.act) == ("browser", "Olga Maple", f"POST {API}/members/{{id}}/suspend")
    assert act.reason == "=1+1 left the laser alone"
    assert {part.kind for part in act.parts} == {"member", "suspension"}
    async with web.program("olga") as program:
        await program.post(f"{API}/members/{mira}/restore")
        assert (last(web).via, last(web).token) == ("token", "test")
        page = (await program.get(f"{API}/audit", params={"about": mira, "limit": 1})).json()
        assert page["items"][0]["act"].endswith("/restore")
        again = (await program.get(f"{API}/audit", params={"cursor": page["next"], "limit": 1})).json()
        assert again["items"][0]["reason"].startswith("=1+1")
        assert (await program.get(f"{API}/audit", params={"cursor": "eA=="})).status_code == 422
        sheet = (await program.get(f"{API}/audit/export/csv")).text
        rows = list(csv.DictReader(io.StringIO(sheet.lstrip("\ufeff"))))
        assert "'=1+1 left the laser alone" in {row["reason"] for row in rows}
        lines = (await program.get(f"{API}/audit/export/jsonl")).text.splitlines()
        assert json.loads(lines[-1])["act"].endswith("/restore")


async def test_orders_and_sign_ins_of_staff_are_recorded_and_a_members_are_not(web: WebFloor) -> None:
    web.shows(web.in_use("laser-1", "mira"))
    async with web.program("tomas") as program:
        await program.post(f"{API}/machines/laser-1/stop")
        act = last(web)
        assert [(p.kind, p.object, p.change) for p in act.parts] == [("machine", "laser-1", "stopped")]
        await program.post(f"{API}/machines/laser-1/lockout", json={"reason": "smoke"})
    assert (last(web).name, last(web).reason) == ("Tomás Flint", "smoke")
    before = last(web).seq
    for name, more in (("mira", 0), ("olga", 1)):
        answer = await web.browser().post(
            "/sign-in", data={"login": name, "password": "a long enough password"}
        )
        assert answer.status_code == 303
        assert last(web).seq == before + more
    assert last(web).act == "sign in"
    mira = await web.signed_in("mira")
    await mira.post(f"{API}/tokens", json={"name": "wall", "scopes": ["me:read"]})
    assert (last(web).name, last(web).parts[0].kind) == ("Mira Quince", "api_token")
    with web.context.database.read() as session:
        assert list(service.check_chain(session)) == []


async def test_money_names_its_entry(web: WebFloor) -> None:
    async with web.program("olga") as program:
        made = await program.post(
            f"{API}/members/{web.people['otto']}/payments",
            json={"amount_micro": 5_000_000, "commodity": "EUR", "memo": "cash"},
            headers={"Idempotency-Key": "audit-money-1"},
        )
    assert made.status_code == 201, made.text
    assert ("ledger_entry", made.json()["entry"]) in {(p.kind, p.object) for p in last(web).parts}


def test_an_export_of_all_is_written_in_order(web: WebFloor) -> None:
    lines = list(export(web.context.database, Form.JSONL, Filters()))
    seqs = [json.loads(line)["seq"] for line in lines]
    assert seqs == sorted(seqs)
    assert seqs


def test_commands_are_recorded_and_the_log_is_exported(
    web: WebFloor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "log.jsonl"
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(web.context.settings.file))
    for words in (
        ["certify", web.people["ines"], "saw-1"],
        ["audit", "export", str(out), "--as", "jsonl", "--about", web.people["ines"]],
    ):
        monkeypatch.setattr(sys, "argv", ["makerfloor", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code, capsys.readouterr().err
    (line,) = out.read_text().splitlines()
    told = json.loads(line)
    assert (told["via"], told["member"], told["name"]) == ("command", "", acting.os_user())
    assert (told["act"], told["reason"]) == ("makerfloor certify", "")
    assert out.stat().st_mode & 0o077 == 0
