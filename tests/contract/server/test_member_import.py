"""Members from a file and into one: what would change, all or nothing, and nothing when it comes again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlmodel import col, func, select

from booking_api.badges import service as badges
from booking_api.certifications import service as certifications
from booking_api.gateways.models import RosterChange
from booking_api.happenings.models import Happened
from booking_api.members import care, sheet
from booking_api.members import service as members
from booking_api.members.exporting import export
from booking_api.members.importing import Importer, Plan
from booking_api.members.models import Member
from floor.errors import Refused
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor, make_floor

TODAY = datetime.fromtimestamp(NOW_MS / 1000, UTC).date()
FILE = (
    "编号;姓名;邮箱;有效期至;电话;紧急联系人;出生日期;监护人编号;卡号;认证\n"
    '7;王小明;wang@example.org;2027-01-31;+86 10;李娜;2015-03-01;8;"04A2B3C4 ; 04a2b3c5";'
    "laser-1 2026-03-01/2028-03-01\n"
    "8;李娜;;;;;;;;\n"
)


@pytest.fixture(scope="module")
def one_floor(tmp_path_factory: pytest.TempPathFactory) -> Floor:
    """A floor for many cases that leave it as it is."""
    folder = tmp_path_factory.mktemp("cases")
    return make_floor(url_in(folder), folder)


def plan(floor: Floor, text: str, mapping: dict[str, str] | None = None) -> Plan:
    with floor.db.read() as session:
        return Importer(session, floor.vault, NOW_MS, NOW_MS).plan(sheet.read(text, mapping))


def bring_in(floor: Floor, text: str) -> Plan:
    with floor.db.write() as session:
        importer = Importer(session, floor.vault, NOW_MS, NOW_MS)
        made = importer.plan(sheet.read(text))
        assert [(one.line, one.column, one.code) for one in made.problems] == []
        importer.apply(made, "test")
    return made


def exported(floor: Floor) -> str:
    with floor.db.read() as session:
        return "".join(export(session, floor.vault))


def test_a_file_in_chinese_brings_a_family_in_and_changes_nothing_again(floor: Floor) -> None:
    assert plan(floor, FILE).counts == {"add": 2, "change": 0, "same": 0}
    assert bring_in(floor, "\ufeff" + FILE).counts["add"] == 2
    with floor.db.read() as session:
        child, mother = members.find(session, "7"), members.find(session, "8")
        assert (child.last_name, child.first_name, mother.last_name) == ("王", "小明", "李")
        kept = care.of(session, child.id)
        assert (str(kept.minor_until), kept.guardian, kept.phone) == ("2033-03-01", mother.id, "+86 10")
        assert len(badges.of_member(session, child.id)) == 2
        (held,) = certifications.of_member(session, child.id)
        assert held.skill == "laser-1"
        assert held.expires_ms
    assert plan(floor, FILE).counts == {"add": 0, "change": 0, "same": 2}
    assert plan(floor, exported(floor)).counts == {"add": 0, "change": 0, "same": 4}


def test_what_would_change_is_said_and_an_empty_cell_changes_nothing(floor: Floor) -> None:
    bring_in(floor, FILE)
    made = plan(floor, "number,tier,email,badges\n7,student,,04A2B3C4;04D0\n8,,li@example.org,\n")
    assert [(row.number, row.what) for row in made.rows] == [("7", "change"), ("8", "change")]
    said = [(one.column, one.before, one.after) for row in made.rows for one in row.changes]
    assert said == [
        ("tier", "member", "student"),
        ("badges", "–", "04D0"),
        ("email", "–", "li@example.org"),
    ]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ("number,first_name,email\n1000,Eve,nonsense", [(2, "email", "email")]),
        ("number,first_name,valid_until\n1000,Eve,31.02.2027", [(2, "valid_until", "date")]),
        ("number,first_name\n1000,", [(2, "first_name", "name")]),
        ("number,first_name\n1000,Eve\n1000,Eva", [(3, "number", "twice")]),
        ("first_name,last_name\nEve,Li\nEve,Li", [(3, "first_name", "twice")]),
        ("number,first_name,badges\n1000,Eve,04A2;04", [(2, "badges", "uid")]),
        ("number,first_name,badges\n1000,Eve,04A2\n1001,Eva,04A2", [(3, "badges", "badge_taken")]),
        ("number,first_name,certifications\n1000,Eve,nothing", [(2, "certifications", "machine")]),
        ("number,first_name,certifications\n1000,Eve,laser-1 x", [(2, "certifications", "certification")]),
        ("number,first_name,born\n1000,Eve,2020-01-01", [(2, "minor_until", "guardian")]),
        ("number,first_name,guardian\n1000,Eve,999", [(2, "guardian", "guardian")]),
        ("number,first_name,language\n1000,Eve,tlh", [(2, "language", "language")]),
        ("number,first_name,credit_limit\n1000,Eve,-1", [(2, "credit_limit", "amount")]),
        (f"number,first_name\n1000,{'x' * 101}", [(2, "first_name", "length")]),
        ("number,first_name,badges,badge_kind\n1000,Eve,04A2,nfc", [(2, "badge_kind", "kind")]),
        ("number,first_name,badges\n1000,Eve,ntag424=04A2", [(2, "badges", "uid")]),
        (
            'number,first_name\n1000,"a\nb"\n1001,\x07',
            [(2, "first_name", "control"), (4, "first_name", "control")],
        ),
    ],
)  # fmt: skip
def test_each_bad_cell_is_named_with_what_would_be_right(
    one_floor: Floor, lines: str, wrong: list[tuple[int, str, str]]
) -> None:
    made = plan(one_floor, lines)
    assert [(one.line, one.column, one.code) for one in made.problems] == wrong
    assert all(one.words() for one in made.problems)


def test_a_number_and_an_address_of_two_members_are_refused(floor: Floor) -> None:
    bring_in(floor, "number,first_name,email\n20,Eve,eve@example.org\n21,Zoe,zoe@example.org\n")
    made = plan(floor, "number,email\n20,zoe@example.org\n")
    assert [one.code for one in made.problems] == ["two_members"]


def test_files_are_read_whatever_parts_them_and_headings_can_be_named() -> None:
    for delimiter in (",", ";", "\t"):
        text = f'Member Number{delimiter}Given name\n1{delimiter}"a{delimiter}b"\n'
        (row,) = sheet.read(text).rows
        assert row.cells == {"number": "1", "first_name": f"a{delimiter}b"}
    found = sheet.read("Nr,Rufname,x\n1,Eve,y\n", {"Nr": "number", "Rufname": "first_name", "x": "-"})
    assert found.rows[0].cells == {"number": "1", "first_name": "Eve"}
    assert sheet.read("number,Haustier\n1,Cat\n").unknown == ["Haustier"]


@pytest.mark.parametrize("text", ["", "what,ever\n1,2\n", "number,no\n1,2\n"])
def test_what_is_no_file_of_members_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        sheet.read(text)
    with pytest.raises(Refused, match="UTF-8"):
        sheet.decode("número".encode("latin-1"))
    with pytest.raises(Refused, match="large"):
        sheet.decode(b"x" * (sheet.BYTES_MAX + 1))


@pytest.mark.parametrize(
    "name", ["=1+1", "+x", "-x", "@x", "'quoted", "''=x", "O'Neil", "😀 明", "مريم", 'a"b,c']
)
def test_a_formula_is_defused_in_the_file_and_comes_back_as_it_was(one_floor: Floor, name: str) -> None:
    with one_floor.db.write() as session:
        made = members.add(session, members.MemberDetails(first_name=name), NOW_MS)
    text = exported(one_floor)
    assert f",{name}," not in text or not name.startswith(tuple("=+-@"))
    assert plan(one_floor, text).counts["change"] == 0
    found = {row.cells["number"]: row.cells["first_name"] for row in sheet.read(text).rows}
    assert found[made.number] == name


def test_very_many_members_come_in_at_once_and_rosters_are_told_once(floor: Floor) -> None:
    lines = ["number,first_name,last_name,email,badges,certifications"]
    lines += [f"{n},Eve,Number {n},eve{n}@example.org,04{n:08X},laser-1" for n in range(12_000, 12_550)]
    with floor.db.read() as session:
        before = session.exec(select(func.count()).select_from(RosterChange)).one()
    bring_in(floor, "\n".join(lines))
    with floor.db.read() as session:
        assert session.exec(select(func.count()).select_from(RosterChange)).one() == before + 1
        told = session.exec(select(Happened).where(col(Happened.member).is_(None))).all()
        assert [one.data["added"] for one in told if "added" in one.data] == [550]
        page = members.listed(session, "number 123", limit=50)
        assert page
        assert page == sorted(page, key=lambda one: one.sort)


def test_a_new_number_follows_the_greatest_that_is_all_digits(floor: Floor) -> None:
    with floor.db.read() as session:
        for number in ("0042", "9", "x99", "4-3"):
            members.add(session, members.MemberDetails(first_name="Eve", number=number), NOW_MS)
        assert members.add(session, members.MemberDetails(first_name="Li"), NOW_MS).number == "43"


def test_chinese_names_are_sorted_by_pinyin_and_found_in_both_orders(floor: Floor) -> None:
    bring_in(floor, "number,name\n1,张伟\n2,Zoë Ångström\n3,陈静\n4,王芳\n5,anna Zebra\n")
    with floor.db.read() as session:
        names = [one.number for one in members.listed(session) if one.number in "12345"]
        assert names == ["2", "5", "3", "4", "1"]
        for text, number in (("张伟", "1"), ("伟 张", "1"), ("angstrom", "2"), ("ZOË", "2"), ("伟", "1")):
            assert [one.number for one in members.listed(session, text)] == [number]
        assert not session.exec(select(Member).where(Member.search == "")).all()
