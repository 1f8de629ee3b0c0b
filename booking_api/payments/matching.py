"""Whose money is this? What a payer wrote names an invoice or a member, or a person must decide.

Exact is what names somebody beyond doubt: an invoice number, or a member number that is called one. A name
with the amount that is owed is a suggestion and posts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from booking_api.documents.models import Invoice, InvoiceKind
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import AccountBalance
from booking_api.members.models import Member

CALLED = re.compile(
    r"(?:member(?:ship)?|mitglied(?:er|s)?|customer|kunden?|会员|客户)\s*-?\s*"
    r"(?:number|nummer|nr|no|id|号码?|编号)?\s*[.:：#]*\s*([A-Za-z0-9-]{1,32})",
    re.IGNORECASE,
)
"""A member number with the word for it before it, in English, German and Chinese."""
TEXT_MAX = 2_000
Spot = tuple[str, list[int]]


@dataclass(frozen=True, slots=True)
class Match:
    """Whose money it is: `exact` posts by itself, else `account` is a suggestion or None; `words` say why."""

    account: str | None = None
    exact: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True)
class Register:
    """What can be named in a remittance, read once for a file: by number without separators, and by name."""

    invoices: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[frozenset[str], tuple[str, ...]] = field(default_factory=dict)
    owed: Mapping[str, int] = field(default_factory=dict)


def read_register(session: Session, commodity: str) -> Register:
    """Read what payments can name. Invoices map to their account and number, names to accounts."""
    issued = select(Invoice.number, Invoice.account).where(Invoice.kind == InvoiceKind.INVOICE)
    people = session.exec(select(Member.number, Member.account, Member.first_name, Member.last_name)).all()
    names: dict[frozenset[str], tuple[str, ...]] = {}
    for _, account, first, last in people:
        words = frozenset(_words(f"{first} {last}"))
        if words and account not in names.get(words, ()):
            names[words] = (*names.get(words, ()), account)
    prefix = member_account("")
    owing = select(AccountBalance).where(
        col(AccountBalance.account).startswith(prefix), AccountBalance.commodity == commodity
    )
    return Register(
        invoices={_spots(number)[0]: (account, number) for number, account in session.exec(issued)},
        members={number.upper(): account for number, account, _, _ in people},
        names=names,
        owed={row.account.removeprefix(prefix): row.amount_micro for row in session.exec(owing)},
    )


def match(register: Register, remittance: str, name: str, amount_micro: int) -> Match:
    """Return whose payment it is."""
    text = remittance[:TEXT_MAX]
    named = _invoices_in(register, text)
    called = {
        (register.members[number.upper()], f"member {number}")
        for number in CALLED.findall(text)
        if number.upper() in register.members
    }
    accounts = {account for account, _ in (*named, *called)}
    if len(accounts) == 1:
        numbers = ", ".join(sorted({number for _, number in named} or {number for _, number in called}))
        return Match(accounts.pop(), True, numbers)
    if len(accounts) > 1:
        return Match(None, False, "names several accounts")
    return _by_name(register, name, amount_micro)


def _by_name(register: Register, name: str, amount_micro: int) -> Match:
    payer = set(_words(name))
    found = [one for words, accounts in register.names.items() if words <= payer for one in accounts]
    owing = [account for account in found if register.owed.get(account, 0) == amount_micro]
    if len(owing) == 1:
        return Match(owing[0], False, "name and amount")
    if len(found) == 1:
        return Match(found[0], False, "name")
    return Match(None, False, "several of that name" if found else "")


def _invoices_in(register: Register, text: str) -> set[tuple[str, str]]:
    """Return account and number of every invoice that a text names, however its parts are set apart.

    A number counts where it does not go on: INV-2026-7 is not in INV-2026-71.
    """
    letters, places = _spots(text)
    found: set[tuple[str, str]] = set()
    for size in {len(number) for number in register.invoices}:
        for at in range(len(letters) - size + 1):
            known = register.invoices.get(letters[at : at + size])
            if known and _stands_alone(text, places[at], places[at + size - 1]):
                found.add(known)
    return found


def _stands_alone(text: str, first: int, last: int) -> bool:
    before = text[first - 1] if first else " "
    after = text[last + 1] if last + 1 < len(text) else " "
    return not _counts(before) and not (_counts(after) and after.isdigit())


def _counts(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()


def _spots(text: str) -> Spot:
    """Return a text's letters and digits in capitals, and where each stood."""
    places = [at for at, sign in enumerate(text) if _counts(sign)]
    return "".join(text[at].upper() for at in places), places


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
