"""The books as an hledger journal (hledger 1.25's manual: journal format).

Account names keep their letters and digits of any script, "." "_" and "-"; anything else in a part between
colons is written as the %XX of its UTF-8 bytes, so that the name can be read back. An entry's memo is its
description; everything else about it stands in tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from booking_api.exports.books import (
    BROUGHT_FORWARD,
    Outline,
    Written,
    decimal,
    escaped,
    moment,
)
from floor.ledger import EntryKind

TYPES = (
    ("assets", "A"),
    ("liabilities", "L"),
    ("equity", "E"),
    ("income", "R"),
    ("expense", "X"),
    ("allowances", "A"),
    *((f"allowances:{word}", "E") for word in ("granted", "used", "expired", "moved")),
)
"""hledger's account types. Units in a lot are an asset, against where they came from and went."""


def head(of: Outline) -> Iterator[str]:
    """Yield what stands before the entries: commodities, accounts, and what was brought forward."""
    yield f"; {escaped(of.title, '')}, the books up to entry {of.seq}, whose hash is {of.hash}\n"
    yield "decimal-mark .\n\n"
    for code in of.commodities:
        yield f"commodity 1000.000000 {commodity(code)}\n"
    for name, kind in TYPES:
        yield f"account {name}  ; type:{kind}\n"
    declared = {name for name, _ in TYPES}
    for name in of.accounts:
        if account(name) not in declared:
            known = f"  ; name:{value(of.names[name])}" if name in of.names else ""
            yield f"account {account(name)}{known}\n"
    if of.brought:
        rows = ((p.account, p.amount_micro, p.commodity) for p in of.brought)
        yield f"\n{of.first} {BROUGHT_FORWARD}\n{_postings(rows)}"


def entry(one: Written, of: Outline) -> str:
    """Return one entry as a transaction."""
    row = one.row
    tags = {
        "kind": row.kind,
        "entry": row.id,
        "source": row.source,
        "author": row.author,
        "posted": moment(row.posted_ms, of.zone).isoformat(),
        "hash": row.hash,
    }
    if row.kind is EntryKind.REVERSAL:
        tags |= {"reversal": "", "reverses": row.reverses or ""}
    if row.detail:
        tags["detail"] = row.detail
    words = escaped(row.memo or row.kind, ";|").strip()
    comments = "".join(f"    ; {name}:{value(text)}\n" for name, text in tags.items())
    rows = ((p.account, p.amount_micro, p.commodity) for p in one.postings)
    return f"\n{one.day} ({row.seq}) {words}\n{comments}{_postings(rows)}"


def account(name: str) -> str:
    """Return an account's name for a journal; no two accounts share one."""
    return ":".join("".join(map(_safe, part)) or "%" for part in name.split(":"))


def commodity(code: str) -> str:
    """Return a commodity's symbol for a journal, in quotation marks where it is more than letters."""
    plain = code.isascii() and code.isalpha()
    return code if plain else f'"{escaped(code, chr(34) + ";")}"'


def value(text: str) -> str:
    """Return a tag's value: it ends at a comma, so that a comma is written otherwise."""
    return escaped(text, ",")


def _safe(character: str) -> str:
    return character if character.isalnum() or character in "._-" else escaped(character, character)


def _postings(rows: Iterable[tuple[str, int, str]]) -> str:
    return "".join(
        f"    {account(name)}  {decimal(amount)} {commodity(code)}\n" for name, amount, code in rows
    )
