"""What hledger, Beancount and a reader of CSV make of the exported books."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from booking_api.db import Database
from booking_api.exports import beancount, hledger, table
from booking_api.exports.books import Span, span_of
from booking_api.exports.service import Format, export
from booking_api.ledger.models import AccountBalance, LedgerEntry
from booking_api.ledger.service import take_payment
from booking_api.settings import Settings, read_settings
from tests.kit.hostile import DAY_MS, FIRST_MS, ZONE, post_hostile_books
from tests.kit.server import Floor

ROOT = Path(__file__).resolve().parents[3]
BEANCOUNT = ROOT / ".peers" / "beancount" / "bin"
Sums = dict[tuple[str, str], Decimal]
MICRO = Decimal("0.000001")
ENTRIES = 400


@pytest.fixture
def books(floor: Floor) -> Database:
    """The floor's database on Berlin's clock, with hostile books in it."""
    with floor.db.write() as session:
        post_hostile_books(session, ENTRIES, seed=5)
    floor.db.zone = ZONE
    return floor.db


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "makerfloor.toml"
    file.write_text('[space]\nname = "Kelp \\"Street\\"; 激光"\ntimezone = "Europe/Berlin"\n')
    return read_settings(file, {})


def written(
    books: Database, settings: Settings, form: Format, tmp_path: Path, span: Span | None = None
) -> Path:
    file = tmp_path / f"books.{form}"
    with open(file, "w", encoding="utf-8", newline="") as out:
        out.writelines(export(books, settings, form, span or Span()))
    return file


def kept(books: Database) -> Sums:
    with books.read() as session:
        rows = session.exec(select(AccountBalance))
        return {(row.account, row.commodity): row.amount_micro * MICRO for row in rows}


def nonzero(sums: Sums) -> Sums:
    return {key: amount for key, amount in sums.items() if amount}


def run_hledger(*arguments: str) -> str:
    assert shutil.which("hledger"), "no hledger: install it with `apt-get install hledger`"
    env = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["hledger", *arguments], capture_output=True, env=env, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def hledger_sums(file: Path) -> Sums:
    text = run_hledger("-f", str(file), "bal", "-N", "--flat", "-E", "--layout=bare", "-O", "csv")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    return {(account, commodity): Decimal(amount) for account, commodity, amount in rows if commodity}


def run_beancount(file: Path) -> dict[str, Any]:
    checker = BEANCOUNT / "bean-check"
    assert checker.exists(), "no Beancount: install it with `python scripts/peers.py beancount`"
    checked = subprocess.run(
        [str(checker), str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    reader = [str(BEANCOUNT / "python"), str(ROOT / "tests" / "peers" / "beancount_sums.py"), str(file)]
    done = subprocess.run(reader, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def beancount_sums(found: dict[str, Any]) -> Sums:
    return {
        (beancount.account_back(account), beancount.commodity_back(commodity)): Decimal(amount)
        for account, commodity, amount in found["sums"]
    }


def csv_rows(file: Path) -> list[dict[str, str]]:
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    lines = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
    names = next(lines)
    assert tuple(names) == table.COLUMNS
    return [dict(zip(names, row, strict=True)) for row in lines]


def plain(text: str) -> str:
    return text[1:] if text.startswith("'") else text


def test_hledger_finds_nothing_wrong_and_sums_as_we_do(
    books: Database, settings: Settings, tmp_path: Path
) -> None:
    file = written(books, settings, Format.HLEDGER, tmp_path)
    run_hledger("-f", str(file), "check", "-s")
    ours = {
        (hledger.account(account), hledger.commodity(code).strip('"')): amount
        for (account, code), amount in kept(books).items()
    }
    assert len(ours) == len(kept(books))
    assert nonzero(hledger_sums(file)) == nonzero(ours)


def test_hledger_knows_reversals_and_memos(books: Database, settings: Settings, tmp_path: Path) -> None:
    file = written(books, settings, Format.HLEDGER, tmp_path)
    undone = run_hledger("-f", str(file), "print", "tag:reversal")
    assert undone.count("; kind:reversal") == ENTRIES // 10
    assert "激光切割机　一号" in run_hledger("-f", str(file), "print")


def test_beancount_finds_nothing_wrong_and_sums_as_we_do(
    books: Database, settings: Settings, tmp_path: Path
) -> None:
    found = run_beancount(written(books, settings, Format.BEANCOUNT, tmp_path))
    assert found["errors"] == []
    assert found["title"] == 'Kelp "Street"; 激光'
    assert nonzero(beancount_sums(found)) == nonzero(kept(books))
    assert found["reversals"] == ENTRIES // 10
    said = {beancount.text(account)[1:-1] for account, _ in kept(books)}
    assert {beancount.text(ours)[1:-1] for ours in found["accounts"].values()} == said
    assert {"two\nlines\r\nthree", 'say "hi" \\ there', "50 % off %3B"} <= set(found["narrations"])


def test_csv_says_every_posting_and_no_text_is_a_formula(
    books: Database, settings: Settings, tmp_path: Path
) -> None:
    rows = csv_rows(written(books, settings, Format.CSV, tmp_path))
    sums: Sums = {}
    for row in rows:
        key = plain(row["account"]), plain(row["commodity"])
        sums[key] = sums.get(key, Decimal(0)) + Decimal(row["amount"])
        texts = [value for name, value in row.items() if name != "amount"]
        assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for text in texts)
    assert sums == kept(books)
    with books.read() as session:
        entries = {entry.id: entry for entry in session.exec(select(LedgerEntry))}
    for row in rows:
        entry = entries[row["entry"]]
        said = plain(row["memo"]), plain(row["source"]), plain(row["author"]), row["hash"], row["kind"]
        assert said == (entry.memo, entry.source, entry.author, entry.hash, entry.kind)
    assert [int(row["seq"]) for row in rows] == sorted(int(row["seq"]) for row in rows)


def test_the_day_is_the_one_on_the_clock_of_the_space(
    books: Database, settings: Settings, tmp_path: Path
) -> None:
    first = csv_rows(written(books, settings, Format.CSV, tmp_path))[0]
    assert (first["date"], first["occurred"]) == ("2026-01-01", "2026-01-01T00:00:00+01:00")


def test_months_begin_with_what_was_brought_forward(
    books: Database, settings: Settings, tmp_path: Path
) -> None:
    span = span_of("2026-04", "2026-06", ZONE)
    with books.read() as session:
        found = list(session.exec(select(LedgerEntry)))
    within = [one for one in found if span.from_ms <= one.occurred_ms < span.to_ms]
    rows = csv_rows(written(books, settings, Format.CSV, tmp_path, span))
    assert {row["entry"] for row in rows} == {one.id for one in within} < {one.id for one in found}
    until = Span(0, span.to_ms)
    sums = hledger_sums(written(books, settings, Format.HLEDGER, tmp_path, span))
    assert nonzero(sums) == nonzero(hledger_sums(written(books, settings, Format.HLEDGER, tmp_path, until)))
    found_there = run_beancount(written(books, settings, Format.BEANCOUNT, tmp_path, span))
    assert found_there["errors"] == []
    assert found_there["narrations"].count("brought forward") == 1
    until_there = run_beancount(written(books, settings, Format.BEANCOUNT, tmp_path, until))
    assert nonzero(beancount_sums(found_there)) == nonzero(beancount_sums(until_there))


def test_what_is_posted_while_an_export_is_taken_is_not_in_it(books: Database, settings: Settings) -> None:
    text = export(books, settings, Format.CSV, Span())
    begun = next(text)
    with books.write() as session:
        newest = max(session.exec(select(LedgerEntry.seq)))
        take_payment(session, "late", 5_000_000, "EUR", FIRST_MS + 400 * DAY_MS, "staff")
    rows = list(csv.reader(io.StringIO(begun.removeprefix("\ufeff") + "".join(text), newline="")))
    assert max(int(row[1]) for row in rows[1:]) == newest


def test_an_empty_book_is_exported_too(floor: Floor, settings: Settings, tmp_path: Path) -> None:
    run_hledger("-f", str(written(floor.db, settings, Format.HLEDGER, tmp_path)), "check", "-s")
    assert run_beancount(written(floor.db, settings, Format.BEANCOUNT, tmp_path))["errors"] == []
    assert csv_rows(written(floor.db, settings, Format.CSV, tmp_path)) == []
