"""The receipt of one use on paper: what the meters showed, every line as a sum, who paid, and the entries."""

from __future__ import annotations

from collections.abc import Iterable

from booking_api.documents.content import Party
from booking_api.documents.paper import Group, Line, Pair, Paper, Table, party_lines
from booking_api.settings import Settings
from booking_api.web.explain import Row
from booking_api.web.formats import Formats
from booking_api.web.use_receipt import Part, UseReceipt


def receipt_paper(read: UseReceipt, settings: Settings, f: Formats) -> Paper:
    """Lay the receipt of a use out."""
    gettext, seller = f.texts.gettext, settings.invoice
    issuer = Party(name=seller.name, lines=seller.lines, country=seller.country, vat_id=seller.vat_id)
    owed = [f.money(micro, code) for code, micro in read.owed.items()]
    return Paper(
        language=f.language,
        title=gettext("Receipt: %(machine)s") % {"machine": read.machine},
        space=seller.name,
        sender=" · ".join([seller.name, *seller.lines]),
        seller=party_lines(issuer, f)[1:],
        recipient=tuple(dict.fromkeys(part.account for part in read.parts)),
        facts=tuple(_facts(read, f)),
        tables=tuple(_tables(read, f)),
        sums=(),
        total=(gettext("In the books"), gettext(", ").join(owed) or "–"),
        notes=(gettext("This is no invoice."),),
        foot=tuple(line for line in (seller.name, seller.contact) if line),
        page_of=gettext("Page %(page)s of %(pages)s"),
    )


def _facts(read: UseReceipt, f: Formats) -> Iterable[Pair]:
    gettext = f.texts.gettext
    yield gettext("Began"), f.when(read.used.started_ms)
    yield gettext("Time"), f.span(read.used.elapsed_ms)
    for one in read.meters:
        yield one.name, f"{one.end} ({one.source})"
    yield gettext("Number"), read.used.id


def _tables(read: UseReceipt, f: Formats) -> Iterable[Table]:
    gettext = f.texts.gettext
    for part in read.parts:
        columns = (gettext("What"), gettext("Amount"))
        yield Table(columns, (Group("", tuple(_lines(part, f))),), _title(part, f), dated=False)
    if read.posted:
        lines = tuple(
            Line(
                f.day(one.at_ms),
                f"{one.kind} {one.seq}",
                tuple(words for words in (one.account, one.memo) if words),
                (f.money(one.amount_micro, one.commodity),),
            )
            for one in read.posted
        )
        dated = (gettext("Date"), gettext("What"), gettext("Amount"))
        yield Table(dated, (Group("", lines),), gettext("In the books"))


def _title(part: Part, f: Formats) -> str:
    shown = part.receipt
    if not shown.tariff:
        return part.account
    words = {"tariff": shown.tariff, "day": f.day(shown.valid_from_ms), "tier": f.texts.gettext(shown.tier)}
    return f.texts.gettext("%(tariff)s, in force since %(day)s, as %(tier)s") % words


def _lines(part: Part, f: Formats) -> Iterable[Line]:
    gettext, shown = f.texts.gettext, part.receipt
    code = shown.commodity
    for row in shown.rows:
        yield Line("", row.what, _details(row, f), (f.money(row.amount_micro, code, True),))
    if shown.rounding_micro:
        yield Line("", gettext("Rounding"), (), (f.money(shown.rounding_micro, code, True),))
    taxes = tuple(
        f"{gettext('VAT %(rate)s') % {'rate': rate}}: {f.money(tax, code)}" for rate, _, tax in shown.taxes
    )
    paid = tuple(
        gettext("%(who)s paid %(amount)s") % {"who": name, "amount": f.money(micro, code, True)}
        for name, micro in shown.reductions
    )
    yield Line("", gettext("Total"), (*paid, *taxes), (f.money(shown.total_micro, code),))


def _details(row: Row, f: Formats) -> tuple[str, ...]:
    metered = f.texts.gettext(", ").join(word for word in (row.metered, row.price) if word)
    return tuple(word for word in (metered, row.sum, row.note) if word)
