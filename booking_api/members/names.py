"""Names in any script: how they are sorted and found. Pure.

Chinese names stand in the order of pinyin, as far as GB 2312 gives it: its 3,755 common characters are coded
in that order (GB/T 2312-1980, level 1), the others behind them.
"""

from __future__ import annotations

import unicodedata

SORT_MAX = 300
_HAN = 0x2E80


def folded(text: str) -> str:
    """Return a text as it is compared: small letters without accents, full-width letters as plain ones."""
    plain = unicodedata.normalize("NFKD", text)
    return " ".join("".join(one for one in plain if not unicodedata.combining(one)).casefold().split())


def whole(first: str, last: str) -> str:
    """Return a whole name as it is read: "Mira Quince", and 王桂花 with its last name first."""
    if first and last and all(_is_han(one) for one in first + last):
        return f"{last}{first}"
    return f"{first} {last}".strip()


def sort_key(last: str, first: str) -> str:
    """Return what members are sorted by: last name, then first name."""
    return f"{_ordered(last)} {_ordered(first)}".strip()[:SORT_MAX]


def search_key(first: str, last: str, shown: str, number: str, email: str | None) -> str:
    """Return the text in which a part of a name is looked for: names in both orders, number, email."""
    return folded(f"{first} {last} {first} {last}{first} {shown} {number} {email or ''}")


def _is_han(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("CJK UNIFIED IDEOGRAPH")


def _ordered(text: str) -> str:
    return "".join(_code(one) for one in folded(text))


def _code(letter: str) -> str:
    if ord(letter) < _HAN:
        return letter
    try:
        return f"~{letter.encode('gb2312').hex()}"
    except UnicodeEncodeError:
        return letter
