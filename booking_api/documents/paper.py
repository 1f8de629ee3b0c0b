"""How a document looks on paper: every figure and word as text, for the page and for the PDF alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from zoneinfo import ZoneInfo

from booking_api.documents import sepa
from booking_api.documents.content import Content, Item, Party
from booking_api.documents.models import InvoiceKind
from booking_api.web.formats import Formats

EURO = "EUR"
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: `cells` after the words, in the order of the table's columns."""

    day: str
    what: str
    details: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one cost centre, or of all; `total` is "" where there is only one group."""

    name: str
    lines: tuple[Line, ...]
    total: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Groups of lines under column names: day (unless not `dated`), what, then those of the lines' cells."""

    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    title: str = ""
    note: str = ""
    dated: bool = True


@dataclass(frozen=True, slots=True)
class Payment:
    """How to pay: facts, and the QR code of a transfer as SVG ("" for none) with words beside it."""

    title: str
    facts: tuple[Pair, ...]
    qr: str = ""
    qr_words: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as it is read. All values are text in `language`; amounts are written out."""

    language: str
    title: str
    space: str
    sender: str
    seller: tuple[str, ...]
    recipient: tuple[str, ...]
    facts: tuple[Pair, ...]
    tables: tuple[Table, ...]
    sums: tuple[Pair, ...]
    total: Pair
    included: tuple[Pair, ...] = ()
    after_total: tuple[Pair, ...] = ()
    vat: Table | None = None
    payment: Payment | None = None
    notes: tuple[str, ...] = ()
    foot: tuple[str, ...] = ()
    page_of: str = ""

    def data(self) -> dict[str, object]:
        """Return what the PDF's template is given."""
        return asdict(self)


def formats_of(content: Content) -> Formats:
    """Return the language and the clock that an invoice was written in."""
    return Formats(content.language, ZoneInfo(content.timezone))


def invoice_paper(content: Content) -> Paper:
    """Lay an invoice or a credit note out, in its own language."""
    f = formats_of(content)
    gettext = f.texts.gettext
    invoice, note = gettext("Invoice"), gettext("Credit note")
    draft = gettext("Draft")
    title = f"{note if content.kind is InvoiceKind.CREDIT_NOTE else invoice} {content.number or draft}"
    seller = party_lines(content.seller, f)
    return Paper(
        language=content.language,
        title=title,
        space=content.seller.name,
        sender=" · ".join([content.seller.name, *content.seller.lines]),
        seller=seller[1:],
        recipient=party_lines(content.recipient, f),
        facts=_facts(content, f),
        tables=tuple(_tables(content, f)),
        sums=tuple(_sums(content, f)),
        total=(gettext("Total"), f.money(content.total_micro, content.commodity)),
        included=tuple(_included(content, f)),
        after_total=tuple(_after_total(content, f)),
        vat=_vat(content, f),
        payment=_payment(content, f),
        notes=tuple(note for note in (content.note,) if note),
        foot=tuple(line for line in (content.seller.name, content.contact, content.seller.vat_id) if line),
        page_of=gettext("Page %(page)s of %(pages)s"),
    )


def _facts(content: Content, f: Formats) -> tuple[Pair, ...]:
    gettext = f.texts.gettext
    due = content.kind is InvoiceKind.INVOICE and content.due_micro > 0
    facts = [
        (gettext("Date"), f.day(content.issued_ms)),
        (gettext("For"), month_name(content.month, f)),
        (gettext("Corrects invoice"), content.corrects),
        (gettext("To be paid by"), f.day(content.due_ms) if due else ""),
    ]
    return tuple((name, value) for name, value in facts if value)


def month_name(month: str, f: Formats) -> str:
    """Write a month such as "2026-05" with its name."""
    middle = datetime(int(month[:4]), int(month[5:]), 15, 12, tzinfo=f.zone)
    return f.month(round(middle.timestamp() * 1000))


def _tables(content: Content, f: Formats) -> Iterable[Table]:
    gettext = f.texts.gettext
    taxed, code = bool(content.taxes), content.commodity
    names = [gettext("Date"), gettext("What")]
    names += [gettext("VAT")] if taxed else []
    names += [gettext("Full price"), gettext("Amount")]

    def cells(item: Item) -> tuple[str, ...]:
        rates = [gettext(", ").join(f.rate(Fraction(rate)) for rate in item.rates)] if taxed else []
        return (*rates, _unless_same(item, f), _exact(item.amount_micro, code, f))

    yield Table(tuple(names), _groups(content.items, code, cells, f))
    if content.own_units:
        worth = (gettext("Worth"),)
        columns = (gettext("Date"), gettext("What"), gettext("Amount"), *worth)

        def own(item: Item) -> tuple[str, ...]:
            value = "" if item.worth_micro is None else f.money(item.worth_micro, code)
            return f.money(item.amount_micro, item.commodity), value

        lines = tuple(Line(f.day(i.at_ms), i.what, i.details, own(i)) for i in content.own_units)
        yield Table(
            columns,
            (Group("", lines),),
            gettext("Paid in units of our own"),
            gettext("These are listed for information and are not part of the total."),
        )


def _groups(items: Iterable[Item], code: str, cells: object, f: Formats) -> tuple[Group, ...]:
    assert callable(cells)
    groups = [(name, list(mine)) for name, mine in groupby(items, key=lambda item: item.group)]
    return tuple(
        Group(
            name,
            tuple(Line(f.day(item.at_ms), item.what, item.details, cells(item)) for item in mine),
            _exact(sum(item.amount_micro for item in mine), code, f) if len(groups) > 1 else "",
        )
        for name, mine in groups
    )


def _sums(content: Content, f: Formats) -> Iterable[Pair]:
    gettext = f.texts.gettext
    code = content.commodity
    full = sum(item.full_micro for item in content.items)
    if content.reductions:
        yield gettext("Full price"), f.money(full, code)
    for one in content.reductions:
        words = gettext("Paid by %(fund)s") % {"fund": one.name} if one.name else gettext("Reductions")
        yield words, f.money(-one.amount_micro, code)


def _included(content: Content, f: Formats) -> Iterable[Pair]:
    gettext, code = f.texts.gettext, content.commodity
    if content.taxes:
        yield gettext("Net"), f.money(content.net_micro, code)
    for part in (part for part in content.taxes if part.tax_micro):
        words = gettext("VAT %(rate)s") % {"rate": f.rate(Fraction(part.rate))}
        yield words, f.money(part.tax_micro, code)


def _after_total(content: Content, f: Formats) -> Iterable[Pair]:
    gettext = f.texts.gettext
    if content.kind is InvoiceKind.CREDIT_NOTE:
        yield gettext("Credited to your account"), f.money(-content.total_micro, content.commodity)
        return
    credit = content.total_micro - content.due_micro
    if credit:
        yield gettext("Paid from your credit"), f.money(-credit, content.commodity)
    yield gettext("To pay"), f.money(content.due_micro, content.commodity)


def _vat(content: Content, f: Formats) -> Table | None:
    if len(content.taxes) < 2:
        return None
    gettext = f.texts.gettext
    code = content.commodity
    lines = tuple(
        Line(
            "",
            f.rate(Fraction(part.rate)),
            (),
            tuple(
                f.money(m, code) for m in (part.net_micro, part.tax_micro, part.net_micro + part.tax_micro)
            ),
        )
        for part in content.taxes
    )
    columns = (gettext("VAT"), gettext("Net"), gettext("Tax"), gettext("Amount"))
    return Table(columns, (Group("", lines),), dated=False)


def _payment(content: Content, f: Formats) -> Payment | None:
    if not content.due_micro or not content.bank.iban:
        return None
    gettext = f.texts.gettext
    facts = [
        (gettext("Payee"), content.seller.name),
        (gettext("IBAN"), spaced(content.bank.iban)),
        (gettext("BIC"), content.bank.bic),
        (gettext("Amount"), f.money(content.due_micro, content.commodity)),
        (gettext("Reference"), content.number),
    ]
    code = transfer_code(content)
    words = gettext("Scan it with your banking app: it fills in the transfer.") if code else ""
    return Payment(
        gettext("Please pay by %(day)s") % {"day": f.day(content.due_ms)},
        tuple((name, value) for name, value in facts if value),
        sepa.svg(code) if code else "",
        words,
    )


def transfer_code(content: Content) -> str:
    """Return what the QR code says: a SEPA transfer of what is to be paid; "" where none can be made."""
    cents = content.due_micro % sepa.CENT_MICRO == 0
    if content.commodity != EURO or not content.bank.iban or not content.due_micro or not cents:
        return ""
    bank = content.bank
    return sepa.payload(content.seller.name, bank.iban, bank.bic, content.due_micro, content.number or "-")


def spaced(iban: str) -> str:
    """Write an IBAN in groups of four."""
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))


def party_lines(party: Party, f: Formats) -> tuple[str, ...]:
    """Write who somebody is, a line each."""
    vat = f.texts.gettext("VAT number")
    tail = [party.country] if party.country else []
    return (party.name, *party.lines, *tail, *([f"{vat}: {party.vat_id}"] if party.vat_id else []))


def _unless_same(item: Item, f: Formats) -> str:
    return "" if item.full_micro == item.amount_micro else _exact(item.full_micro, item.commodity, f)


def _exact(micro: int, code: str, f: Formats) -> str:
    return f.money(micro, code, exact=True)
