"""What an entry on an account was for, in words, with the tax that is in it: the lines of documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.accounts.models import Fund
from booking_api.documents.content import Item, Reduction
from booking_api.documents.gather import Waiting, credited_charge
from booking_api.documents.reading import Charged, by_entry
from booking_api.ledger.accounts import TAX
from booking_api.ledger.models import LedgerPosting
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.payments.models import Sale
from booking_api.web.explain import Row, explain, split_words
from booking_api.web.formats import Formats
from booking_api.web.vocabulary import KINDS, OCCASIONS, remarked
from floor.ledger import EntryKind
from floor.money import MICRO, round_fraction, share
from floor.tariff import Occasion

TaxPart = tuple[str, int, int]
"""A rate as an exact fraction, and what is net and what is tax of an amount at that rate, in micro-units."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What explains entries: the charges and sales that they posted, taxes, and names by id."""

    charged: Mapping[str, Charged]
    sales: Mapping[str, Sale]
    taxes: Mapping[str, int]
    machines: Mapping[str, str]
    funds: Mapping[str, str]
    numbers: Mapping[str, str]


def read_sources(session: Session, items: Sequence[Waiting]) -> Sources:
    """Read what explains these items, and what they reverse or give back."""
    entries = {one.entry.id for one in items} | {one.original.id for one in items if one.original}
    credited = {charge.entry for one in items if (charge := credited_charge(session, one.entry))}
    wanted = sorted(entries | {entry for entry in credited if entry})
    taxes = select(LedgerPosting).where(col(LedgerPosting.entry).in_(wanted), LedgerPosting.account == TAX)
    sales = select(Sale).where(col(Sale.entry).in_(wanted))
    return Sources(
        by_entry(session, wanted),
        {sale.entry: sale for sale in session.exec(sales)},
        {row.entry: -row.amount_micro for row in session.exec(taxes)},
        {id: name for id, name in session.exec(select(Machine.id, Machine.name))},
        {id: name for id, name in session.exec(select(Fund.id, Fund.name))},
        {id: number for id, number in session.exec(select(Member.id, Member.number))},
    )


def item_of(session: Session, one: Waiting, sources: Sources, group: str, f: Formats) -> Item:
    """Return the line of an entry."""
    gettext = f.texts.gettext
    entry = one.original or one.entry
    sign = -1 if one.original is not None else 1
    charged, sale = sources.charged.get(entry.id), sources.sales.get(entry.id)
    full = one.amount_micro
    worth = None
    details: list[str] = []
    if charged is not None:
        what, details = charge_words(charged, sources, f)
        full = sign * charged.full_micro
        worth = _worth(one, charged)
    elif sale is not None:
        what = sale.name_zh if f.language == "zh" and sale.name_zh else sale.name
        each = f.money(sale.price_micro, sale.commodity, exact=True)
        details = [f"{f.number(Fraction(sale.quantity_milli, 1000), 3)} × {each} / {sale.unit}"]
    else:
        what = gettext(KINDS[entry.kind])
        details = [entry.memo] if entry.memo else []
        credited = credited_charge(session, entry)
        of = sources.charged.get(credited.entry or "") if credited else None
        if of is not None:
            what = gettext("%(what)s: %(of)s") % {"what": what, "of": charge_words(of, sources, f)[0]}
    if one.original is not None:
        what = gettext("%(what)s: %(of)s") % {"what": gettext(KINDS[EntryKind.REVERSAL]), "of": what}
        details = [one.entry.memo] if one.entry.memo else []
    return Item(
        at_ms=charged.charge.ended_ms if charged else entry.occurred_ms,
        what=what,
        details=tuple(details),
        group=group,
        rates=tuple(rate for rate, _, _ in taxes_of(session, one, sources)),
        full_micro=full,
        amount_micro=one.amount_micro,
        commodity=one.commodity,
        worth_micro=worth,
    )


def charge_words(charged: Charged, sources: Sources, f: Formats) -> tuple[str, list[str]]:
    """Say what was charged for, and how the price came about, a text for each line."""
    gettext = f.texts.gettext
    charge, fee = charged.charge, charged.fee
    if charge.session is None and charge.fee is None:
        return gettext("Rounding of the month"), []
    machine = sources.machines.get(charge.machine or "", charge.machine or "")
    if charge.occasion is Occasion.SESSION and fee is None:
        what = machine
    else:
        parts = [gettext(OCCASIONS[charge.occasion]), fee.words if fee else "", machine]
        what = " · ".join(part for part in parts if part)
    details = [detail_words(row, charge.commodity, f) for row in rows_of(charged, f)]
    if charge.rounding_micro:
        rounding = f.money(charge.rounding_micro, charge.commodity, exact=True)
        details.append(f"{gettext('Rounding')}: {rounding}")
    if charged.split is not None:
        details.append(split_words(charged.split, f))
    return what, details


def rows_of(charged: Charged, f: Formats) -> list[Row]:
    """Explain the lines of a charge."""
    charge = charged.charge
    return explain(charged.lines, charged.versions, charge.tier, charge.commodity, f)


def detail_words(row: Row, code: str, f: Formats) -> str:
    """Write a line of a charge as one text: "machine time: 25 min, 3 × 10 min, €4.00 / 10 min = €12.00"."""
    gettext = f.texts.gettext
    parts = [row.metered, row.billed and gettext("billed: %(billed)s") % {"billed": row.billed}, row.price]
    amount = f.money(row.amount_micro, code, exact=True)
    said = "" if parts == ["", "", amount] else gettext(", ").join(part for part in parts if part)
    said = f"{row.what}: {said} = {amount}" if said else f"{row.what}: {amount}"
    return remarked(said, row.note, f) if row.note else said


def taxes_of(session: Session, one: Waiting, sources: Sources) -> list[TaxPart]:
    """Divide an item's amount by tax rate into what is net and what is tax."""
    entry = one.original or one.entry
    sign = -1 if one.original is not None else 1
    charged, sale = sources.charged.get(entry.id), sources.sales.get(entry.id)
    if charged is not None and charged.charge.nets:
        taxes = charged.charge.taxes
        return [(rate, sign * net, sign * taxes.get(rate, 0)) for rate, net in charged.charge.nets.items()]
    if sale is not None:
        return [(sale.tax_rate, sign * sale.net_micro, sign * sale.tax_micro)]
    tax = sign * sources.taxes.get(entry.id, 0)
    credited = credited_charge(session, entry)
    of = sources.charged.get(credited.entry or "") if credited else None
    if of is not None and of.charge.taxes and tax:
        return _like(of, one.amount_micro, tax)
    net = one.amount_micro - tax
    return [(_rate(net, tax), net, tax)]


def reductions_of(items: Sequence[Waiting], sources: Sources) -> tuple[Reduction, ...]:
    """Return what funds and the space paid of these items, each once, by name."""
    sums: dict[str, int] = {}
    for one in items:
        entry = one.original or one.entry
        charged = sources.charged.get(entry.id)
        if charged is None:
            continue
        sign = -1 if one.original is not None else 1
        paid = {sources.funds.get(fund, fund): int(micro) for fund, micro in charged.charge.funds.items()}
        for name, micro in (paid | {"": charged.space_bears_micro}).items():
            sums[name] = sums.get(name, 0) + sign * micro
    return tuple(Reduction(name=name, amount_micro=micro) for name, micro in sorted(sums.items()) if micro)


def _like(of: Charged, amount_micro: int, tax_micro: int) -> list[TaxPart]:
    """Divide a part that is given back as the charge was divided."""
    rates = list(of.charge.taxes)
    weights = [abs(int(of.charge.taxes[rate])) for rate in rates]
    sign = -1 if tax_micro < 0 else 1
    taxes = [sign * part for part in share(abs(tax_micro), weights)]
    wholes = [abs(int(of.charge.nets[rate]) + int(of.charge.taxes[rate])) for rate in rates]
    sign = -1 if amount_micro < 0 else 1
    amounts = [sign * part for part in share(abs(amount_micro), wholes)]
    return [(rate, amount - tax, tax) for rate, amount, tax in zip(rates, amounts, taxes, strict=True)]


def _rate(net: int, tax: int) -> str:
    """Return the rate that an entry without one was taxed at, to the nearest half per cent."""
    if not net or not tax:
        return "0"
    return str(Fraction(round_fraction(Fraction(tax, net) * 200), 200))


def _worth(one: Waiting, charged: Charged) -> int | None:
    tariff = charged.tariff
    if tariff is None or tariff.worth is None:
        return None
    return round_fraction(Fraction(one.amount_micro * tariff.worth.amount_micro, MICRO))
