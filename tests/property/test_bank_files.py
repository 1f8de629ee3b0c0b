"""Files of banks: what they say is read, and whatever else comes ends in one clear error."""

from __future__ import annotations

import contextlib
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booking_api.payments import bank_csv, camt, price_list
from booking_api.payments.bank_csv import PRESETS, Columns
from booking_api.payments.booking import Booking, keyed
from booking_api.payments.matching import Register, match
from floor.errors import ConfigError, PeerError
from tests.kit.camt import OWNER, Detail, Line, statement

EURO = 1_000_000
WORDS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cs",)), max_size=60
)
CENTS = st.integers(1, 10**9)


def written(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


@pytest.mark.parametrize("version", ["02", "08"])
def test_both_versions_say_the_same(version: str) -> None:
    line = Line(
        "30.00", reference="A1", details=(Detail("30.00", "Ada Byron", OWNER, ("INV", "7"), "D-1", "E2E"),)
    )
    (read,) = camt.read(statement(line, version=version))
    assert read == Booking(
        "2026-09-20", 30 * EURO, "EUR", OWNER, "A1", "Ada Byron", OWNER, "D-1\nINV\n7", "E2E"
    )


@pytest.mark.parametrize("version", ["02", "08"])
def test_a_batch_is_its_transactions_where_they_make_up_its_amount(version: str) -> None:
    parts = (Detail("10.00", "Ada", end_to_end="1"), Detail("20.00", "Ben", end_to_end="2"))
    whole, short = Line("30.00", reference="B", details=parts), Line("31.00", reference="C", details=parts)
    read = camt.read(statement(whole, short, version=version))
    assert [(one.amount_micro, one.reference, one.end_to_end) for one in read] == [
        (10 * EURO, "B/1", "1"), (20 * EURO, "B/2", "2"), (31 * EURO, "C", ""),
    ]  # fmt: skip


def test_a_return_keeps_its_reason_and_the_debtor() -> None:
    returned = Line("-5.00", reversal=True, details=(Detail("", "Ada", end_to_end="1", returned="AC04"),))
    (read,) = camt.read(statement(returned))
    assert (read.amount_micro, read.returned, read.reason, read.name) == (-5 * EURO, True, "AC04", "Ada")


def test_what_is_only_announced_is_left_out_and_statements_follow_each_other() -> None:
    two = statement(Line("1.00", status="PDNG"), Line("2.00")).replace(
        b"</Stmt>", b"</Stmt>" + statement(Line("3.00")).split(b"</GrpHdr>")[1].split(b"</BkToCstmrStmt>")[0]
    )
    assert [one.amount_micro for one in camt.read(two)] == [2 * EURO, 3 * EURO]


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("evil", [BOMB, OUTSIDE, b"<!DOCTYPE x>"])
def test_no_entity_and_no_dtd_is_read(evil: bytes) -> None:
    good = statement(Line("1.00", details=(Detail(name="NAME"),)))
    bad = good.replace(b"?>", b"?>" + evil, 1).replace(b"NAME", b"&a;" if b"ENTITY" in evil else b"x")
    with pytest.raises(PeerError, match="safe to read"):
        camt.read(bad)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'Ccy="EUR"', b"", "Entry 1 .* is no amount"),
        (b">5.00<", b">5,00<", "is no amount"),
        (b">5.00<", b">-5.00<", "is no amount"),
        (b"CRDT", b"WHAT", "neither CRDT nor DBIT"),
        (b"2026-09-20", b"20.9.2026", "no day of booking"),
        (b"2026-09-20", b"2026-02-31", "Entry 1"),
        (b"2026-09-20", b"0001-01-01", "no day of booking"),
        (b">5.00<", b">99999999999.00<", "is no amount"),
        (b"camt.053", b"camt.052", "not a statement camt.053"),
    ],
)
def test_what_a_statement_gets_wrong_is_named(old: bytes, new: bytes, words: str) -> None:
    with pytest.raises(PeerError, match=words):
        camt.read(statement(Line("5.00")).replace(old, new))


@given(st.binary(max_size=2_000))
def test_bytes_are_read_or_refused_with_a_sentence(data: bytes) -> None:
    for preset in PRESETS.values():
        with contextlib.suppress(PeerError):
            bank_csv.read(data, preset)
    with contextlib.suppress(PeerError):
        camt.read(data)


@settings(max_examples=60)
@given(st.data())
def test_a_statement_cut_and_changed_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    good = statement(*(Line(f"{n}.00", details=(Detail(f"{n}.00", "N"),)) for n in range(1, 4)))
    at = data.draw(st.integers(0, len(good)))
    more = data.draw(st.binary(max_size=8))
    cut = data.draw(st.integers(0, 20))
    with contextlib.suppress(PeerError):
        camt.read(good[:at] + more + good[at + cut :])


@pytest.mark.parametrize("filler", [b"<a>", b"\x00", b"\xff", b'"', b"a,", b"\n", b"<a/>", b";", b"="])
def test_a_quarter_of_a_megabyte_of_anything_ends_in_a_sentence(filler: bytes) -> None:
    data = filler * (262_144 // len(filler))
    for read in (camt.read, lambda text: bank_csv.read(text, PRESETS["plain"])):
        with pytest.raises(PeerError):
            read(data)
    wrapped = statement(Line("1.00")).replace(b"</Stmt>", b"<a>" * 50_000 + b"</a>" * 50_000 + b"</Stmt>")
    assert len(camt.read(wrapped)) == 1


@given(st.lists(st.tuples(CENTS, st.booleans(), WORDS), max_size=8))
def test_what_is_written_as_csv_is_read_back(rows: list[tuple[int, bool, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["date", "amount", "name", "iban", "text", "reference", "currency"])
    for cents, debit, words in rows:
        writer.writerow(["2026-09-20", ("-" if debit else "") + written(cents), words, "", "", "", "EUR"])
    read = bank_csv.read(out.getvalue().encode(), PRESETS["plain"])
    signed = [(-1 if debit else 1) * cents * 10_000 for cents, debit, _ in rows]
    assert [one.amount_micro for one in read] == signed
    assert [one.name for one in read] == [" ".join(words.split())[:200] for _, _, words in rows]


@pytest.mark.parametrize(
    ("text", "decimal", "micro"),
    [
        ("1.234,50", ",", 1_234_500_000),
        ("-12,5", ",", -12_500_000),
        ("1,234.50", ".", 1_234_500_000),
        ("+7", ".", 7 * EURO),
        ("\u22127.00", ".", -7 * EURO),
        ("1,50", ".", None),
        ("1.50", ",", None),
        ("12,34,567", ".", None),
        ("5 EUR", ".", None),
    ],
)
def test_amounts_by_their_decimal_sign_and_never_a_hundred_times_too_much(
    text: str, decimal: str, micro: int | None
) -> None:
    mapping = Columns(day="d", amount="a", decimal=decimal, delimiter=";")
    data = f"d;a\n2026-09-20;{text}\n".encode()
    if micro is None:
        with pytest.raises(PeerError, match=r"Line 2: .* is no amount"):
            bank_csv.read(data, mapping)
    else:
        assert bank_csv.read(data, mapping)[0].amount_micro == micro


def test_credit_and_debit_in_columns_of_their_own() -> None:
    mapping = bank_csv.read_mapping('day = "d"\ncredit = "in"\ndebit = "out"\nskip = 1\n', "m.toml")
    read = bank_csv.read(b"My bank\nd,in,out\n2026-09-20,5.00,\n2026-09-21,,3.00\n", mapping)
    assert [one.amount_micro for one in read] == [5 * EURO, -3 * EURO]


@pytest.mark.parametrize(
    "text", ["", "amount = 1", "amount = 'a'\nwhat = 1", "amount = 'a'\ndelimiter = ''",
             "amount = 'a'\nencoding = 'rot13'", "[", "amount = 'a'\nskip = -1", "amount = 'a'\nday = 1"],
)  # fmt: skip
def test_a_wrong_mapping_names_its_key(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^m\.toml: "):
        bank_csv.read_mapping(text if "day" in text else f"day = 'd'\n{text}", "m.toml")


@given(st.text(max_size=400))
def test_a_price_list_is_read_or_refused(text: str) -> None:
    for attempt in (
        text,
        f"[[items]]\n{text}",
        f'[[items]]\nid = "a"\nname = {text!r}\nunit = "u"\nprice = 1',
    ):
        with contextlib.suppress(ConfigError):
            price_list.read(attempt, "items.toml")


@given(st.lists(st.sampled_from(["same", "other"]), max_size=6))
def test_equal_bookings_of_one_file_are_kept_apart_and_known_again(names: list[str]) -> None:
    bookings = [Booking("2026-09-20", EURO, "EUR", name=name) for name in names]
    keys = [key for key, _, _ in keyed(bookings)]
    assert len(set(keys)) == len(names)
    assert keys == [key for key, _, _ in keyed(bookings)]


@given(WORDS, WORDS, st.integers(1, 10**6))
def test_matching_never_fails_and_finds_a_number_wherever_it_stands_alone(
    before: str, name: str, amount: int
) -> None:
    register = Register(
        {"INV20267": ("ada", "INV-2026-7")}, {"12": "ben"}, {frozenset({"ada"}): ("ada",)}, {}
    )
    match(register, before, name, amount)
    found = match(register, f"{'' if 'INV' in before.upper() else before} INV-2026-7", name, amount)
    if not found.exact:
        assert found.words == "names several accounts"
