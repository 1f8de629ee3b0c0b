"""The books as a Beancount file (Beancount 3: language syntax).

Beancount knows five roots, names of ASCII letters, digits and hyphens that begin with a capital or a digit,
and commodities in capitals. Names are written so that they can be read back and never meet:

* In a part of an account's name the first letter is made a capital, other letters, digits and hyphens stay,
  and anything else, "Z" and a capital in front with it, is "Z" and two hexadecimal digits for each byte.
  An empty part is "ZZ". What has another root, or nothing behind it, stands below `Equity:Z`.
* A commodity that is capitals and digits stays. Any other begins with "U.", its small letters are capitals,
  digits and hyphens stay, and anything else is "_" and two hexadecimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from booking_api.exports.books import BROUGHT_FORWARD, Outline, Written, decimal, moment, shown
from floor.ledger import EntryKind

ROOTS = {
    "assets": "Assets",
    "liabilities": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
    "allowances": "Equity:Allowances",
}
OTHER_ROOT = "Equity:Z"
PLAIN_COMMODITY = re.compile(r"(?!TRUE$|FALSE$|NULL$)[A-Z][A-Z0-9]+")
DIGITS, SMALL = "0123456789", "abcdefghijklmnopqrstuvwxyz"
KEPT = DIGITS + "-" + SMALL + "ABCDEFGHIJKLMNOPQRSTUVWXY"
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"})


def head(of: Outline) -> Iterator[str]:
    """Yield what stands before the entries: options, commodities, accounts, and what was brought forward."""
    yield f'option "title" {text(of.title)}\n'
    if of.currency in of.commodities:
        yield f'option "operating_currency" "{commodity(of.currency)}"\n'
    yield f"; the books up to entry {of.seq}, whose hash is {of.hash}\n\n"
    for code in of.commodities:
        yield f"{of.first} commodity {commodity(code)}\n  name: {text(code)}\n"
    for name in of.accounts:
        yield f"{of.first} open {account(name)}\n  account: {text(name)}\n"
        if name in of.names:
            yield f"  name: {text(of.names[name])}\n"
    if of.brought:
        rows = ((p.account, p.amount_micro, p.commodity) for p in of.brought)
        yield f'\n{of.first} * "{BROUGHT_FORWARD}"\n{_postings(rows)}'


def entry(one: Written, of: Outline) -> str:
    """Return one entry as a transaction."""
    row = one.row
    known = {
        "entry": row.id,
        "kind": row.kind,
        "source": row.source,
        "author": row.author,
        "posted": moment(row.posted_ms, of.zone).isoformat(),
        "hash": row.hash,
    }
    if row.reverses:
        known["reverses"] = row.reverses
    if row.detail:
        known["detail"] = row.detail
    tag = " #reversal" if row.kind is EntryKind.REVERSAL else ""
    data = "".join(f"  {name}: {text(words)}\n" for name, words in known.items())
    rows = ((p.account, p.amount_micro, p.commodity) for p in one.postings)
    head_line = f"\n{one.day} * {text(row.memo or row.kind)}{tag}\n"
    return f"{head_line}  seq: {row.seq}\n{data}{_postings(rows)}"


def account(name: str) -> str:
    """Return an account's name in Beancount."""
    root, *parts = name.split(":")
    # A part of equity that is named so would meet the allowances.
    if root not in ROOTS or not parts or (root, parts[0]) == ("equity", "allowances"):
        return ":".join([OTHER_ROOT, *map(_part, name.split(":"))])
    return ":".join([ROOTS[root], *map(_part, parts)])


def account_back(written: str) -> str:
    """Return the account that `account` wrote so."""
    if written.startswith(f"{OTHER_ROOT}:"):
        return ":".join(map(_part_back, written.split(":")[2:]))
    for root, there in reversed(ROOTS.items()):
        if written.startswith(f"{there}:"):
            parts = written.removeprefix(f"{there}:").split(":")
            return ":".join([root, *map(_part_back, parts)])
    raise ValueError(f"{written!r} is no account of these books")


def commodity(code: str) -> str:
    """Return a commodity's name in Beancount."""
    if PLAIN_COMMODITY.fullmatch(code):
        return code
    known = {letter: letter for letter in DIGITS + "-"} | {letter: letter.upper() for letter in SMALL}
    found = "".join(known.get(c) or _hex(c, "_") for c in code)
    return "U." + (f"{found[:-1]}_2D" if found.endswith("-") else found or "_")


def commodity_back(written: str) -> str:
    """Return the commodity that `commodity` wrote so."""
    if not written.startswith("U."):
        return written
    *parts, last = re.split(r"(_[0-9A-F]{2})", written.removeprefix("U."))
    raw = b"".join(_bytes(part, "_") if part.startswith("_") else part.lower().encode() for part in parts)
    return raw.decode() + last.strip("_").lower()


def text(words: str) -> str:
    """Return a string as Beancount reads it; what cannot stand in a file is shown as U+FFFD."""
    kept = "".join(c if shown(c) or c in "\n\t\r" else "\ufffd" for c in words)
    return f'"{kept.translate(ESCAPES)}"'


def _part(part: str) -> str:
    if not part:
        return "ZZ"
    first, rest = part[0], part[1:]
    begun = first.upper() if "a" <= first <= "y" else first if first in DIGITS else _hex(first, "Z")
    return begun + "".join(c if c in KEPT else _hex(c, "Z") for c in rest)


def _part_back(written: str) -> str:
    if written == "ZZ":
        return ""
    begun = written[0].lower() if "A" <= written[0] <= "Y" else written[0]
    parts = re.split(r"(Z[0-9A-F]{2})", begun + written[1:])
    return b"".join(_bytes(part, "Z") for part in parts).decode()


def _hex(character: str, mark: str) -> str:
    return "".join(f"{mark}{byte:02X}" for byte in character.encode())


def _bytes(part: str, mark: str) -> bytes:
    return bytes.fromhex(part[1:]) if part.startswith(mark) else part.encode()


def _postings(rows: Iterable[tuple[str, int, str]]) -> str:
    return "".join(f"  {account(name)}  {decimal(amount)} {commodity(code)}\n" for name, amount, code in rows)
