"""What an invoice says, frozen: everything that it takes to print it again in ten years, word for word."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction

from pydantic import BaseModel, ConfigDict

from booking_api.documents.models import InvoiceKind


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Party(_Frozen):
    """Who issues an invoice, or who it is made out to; `lines` are the address below the name."""

    name: str
    lines: tuple[str, ...] = ()
    country: str = ""
    vat_id: str = ""


class Bank(_Frozen):
    """Where an invoice is paid to; empty without an account."""

    iban: str = ""
    bic: str = ""


class Item(_Frozen):
    """One line: what it was for, in words, and what is asked for it, tax included.

    `full_micro` is the price before funds and reductions, `worth_micro` what own units are worth in the
    invoice's commodity. `rates` are the tax rates in it, exact fractions such as "1/5". `group` names a
    cost centre, "" for none.
    """

    at_ms: int
    what: str
    details: tuple[str, ...] = ()
    group: str = ""
    rates: tuple[str, ...] = ()
    full_micro: int
    amount_micro: int
    commodity: str
    worth_micro: int | None = None


class TaxSum(_Frozen):
    """All that is taxed at one rate; `rate` is an exact fraction."""

    rate: str
    net_micro: int
    tax_micro: int


class Reduction(_Frozen):
    """What somebody else paid of the items: a fund by its name, or the space ("")."""

    name: str
    amount_micro: int


class Content(_Frozen):
    """The whole invoice. Amounts are micro-units of `commodity`, times UTC milliseconds.

    The amounts of `items` sum to `total_micro`, as do the nets and taxes of `taxes`. `own_units` are charges
    in a space's own units: listed with their worth, and not in the total. `due_micro` is what was left to
    pay when it was issued. `corrects` is the number of the invoice that a credit note corrects.
    """

    form: int = 1
    kind: InvoiceKind
    number: str
    account: str
    language: str
    timezone: str
    month: str
    commodity: str
    issued_ms: int
    due_ms: int
    seller: Party
    contact: str = ""
    bank: Bank = Bank()
    note: str = ""
    recipient: Party
    items: tuple[Item, ...]
    own_units: tuple[Item, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    taxes: tuple[TaxSum, ...] = ()
    total_micro: int
    due_micro: int
    corrects: str = ""

    @property
    def tax_micro(self) -> int:
        """The tax in the total."""
        return sum(part.tax_micro for part in self.taxes)

    @property
    def net_micro(self) -> int:
        """The total without tax."""
        return self.total_micro - self.tax_micro

    def frozen(self) -> str:
        """Return the one text of this content: JSON with sorted keys and no space."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def check(self) -> None:
        """Raise AssertionError when it does not add up: it would be a mistake of this program."""
        assert sum(item.amount_micro for item in self.items) == self.total_micro
        if self.taxes:
            assert sum(part.net_micro + part.tax_micro for part in self.taxes) == self.total_micro


def sha256(frozen: str) -> str:
    """Return the hash of a frozen content."""
    return hashlib.sha256(frozen.encode()).hexdigest()


def read(frozen: str) -> Content:
    """Return the content of a frozen text."""
    return Content.model_validate_json(frozen)


def sum_taxes(parts: list[tuple[str, int, int]]) -> tuple[TaxSum, ...]:
    """Add up (rate, net, tax) by rate, the highest first; none when nothing is taxed at all."""
    sums: dict[Fraction, tuple[int, int]] = {}
    for rate, net, tax in parts:
        known = sums.get(Fraction(rate), (0, 0))
        sums[Fraction(rate)] = known[0] + net, known[1] + tax
    if not any(rate or tax for rate, (_, tax) in sums.items()):
        return ()
    return tuple(
        TaxSum(rate=str(rate), net_micro=net, tax_micro=tax)
        for rate, (net, tax) in sorted(sums.items(), reverse=True)
    )
