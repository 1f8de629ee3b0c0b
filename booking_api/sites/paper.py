"""What two sites settled for a month, on paper and as a table: each use in both currencies, the balance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from booking_api.documents.content import Party
from booking_api.documents.paper import Group, Line, Pair, Paper, Table, month_name, party_lines
from booking_api.settings import Settings
from booking_api.sites.models import SiteKnown
from booking_api.sites.uses import Settled, Use, together
from booking_api.web.formats import Formats
from floor.money import MICRO

RATE_DIGITS = 6
COLUMNS = (
    "settlement", "what", "day", "machine", "member",
    "amount", "currency", "rate", "home_amount", "home_currency",
)  # fmt: skip


def settlement_paper(
    found: Sequence[Settled], other: SiteKnown, month: str, settings: Settings, f: Formats
) -> Paper:
    """Lay out what was settled with another site for a month, in the language of `f`."""
    gettext, seller = f.texts.gettext, settings.invoice
    names = {"site": other.name}
    ids = ", ".join(one.row.id for one in found)
    net = " · ".join(f.money(one.row.net_micro, one.row.commodity) for one in found)
    issuer = Party(name=seller.name, lines=seller.lines, country=seller.country, vat_id=seller.vat_id)
    return Paper(
        language=f.language,
        title=gettext("Settlement with %(site)s") % names,
        space=seller.name,
        sender=" · ".join([seller.name, *seller.lines]),
        seller=party_lines(issuer, f)[1:],
        recipient=tuple(line for line in (other.name, other.address) if line),
        facts=((gettext("For"), month_name(month, f)), (gettext("Settlement"), ids)),
        tables=tuple(table for one in found for table in _tables(one, names, f)),
        sums=tuple(pair for one in found for pair in _sums(one, names, f)),
        total=(gettext("Balance"), net),
        included=tuple(_paid(found, f)),
        notes=(
            gettext("A balance above zero is paid to us, one below zero by us.")
            + " "
            + gettext("Amounts in the currency of home are without what home adds."),
        ),
        foot=tuple(line for line in (seller.name, seller.contact, seller.vat_id) if line),
        page_of=gettext("Page %(page)s of %(pages)s"),
    )


def _tables(one: Settled, names: dict[str, str], f: Formats) -> Iterable[Table]:
    gettext = f.texts.gettext
    columns = (
        gettext("Date"),
        gettext("What"),
        gettext("Amount"),
        gettext("Exchange rate"),
        gettext("In the currency of home"),
    )
    titles = (
        (False, gettext("What members of %(site)s used here") % names),
        (True, gettext("What our members used at %(site)s") % names),
    )
    for ours, title in titles:
        if uses := one.side(ours=ours):
            yield Table(columns, (Group("", tuple(_lines(uses, f))),), title)


def _lines(uses: Sequence[Use], f: Formats) -> Iterable[Line]:
    gettext = f.texts.gettext
    for one in uses:
        rate = "–" if one.rate is None else f.number(one.rate, RATE_DIGITS)
        cells = (_amount(one.amount_micro, one.commodity, f), rate)
        worth = _amount(one.home_micro, one.home_commodity, f)
        member = gettext("Member %(number)s") % {"number": one.who}
        yield Line(f.day(one.at_ms), one.what or "–", (member,), (*cells, worth))
    total, worth_micro = together(uses)
    sums = (_amount(total, uses[0].commodity, f), "", _amount(worth_micro, uses[0].home_commodity, f))
    yield Line("", gettext("Together"), (), sums)


def _amount(micro: int | None, code: str, f: Formats) -> str:
    return "–" if micro is None else f.money(micro, code, exact=True)


def _sums(one: Settled, names: dict[str, str], f: Formats) -> Iterable[Pair]:
    gettext, row = f.texts.gettext, one.row
    if row.receivable_micro:
        yield gettext("%(site)s owes us") % names, f.money(row.receivable_micro, row.commodity)
    if row.payable_micro:
        yield gettext("We owe %(site)s") % names, f.money(-row.payable_micro, row.commodity)


def _paid(found: Sequence[Settled], f: Formats) -> Iterable[Pair]:
    gettext = f.texts.gettext
    for one in found:
        if one.row.paid is not None:
            yield gettext("Paid by bank"), f.money(one.row.net_micro, one.row.commodity)


def sheet(found: Sequence[Settled], f: Formats) -> list[tuple[str, ...]]:
    """Return the same as rows, the head first; each settlement ends with what each owes, and the balance."""
    rows: list[tuple[str, ...]] = [COLUMNS]
    for one in found:
        id, code = one.row.id, one.row.commodity
        for use in one.uses:
            words = "ours there" if use.ours else "theirs here"
            worth = "" if use.home_micro is None else _plain(use.home_micro)
            rate = "" if use.rate is None else _plain(round(use.rate * MICRO))
            day = f"{f.moment(use.at_ms):%Y-%m-%d}"
            cells = (_plain(use.amount_micro), use.commodity, rate, worth)
            rows.append((id, words, day, use.what, use.who, *cells, use.home_commodity))
        row = one.row
        for words, micro in (
            ("owed to us", row.receivable_micro),
            ("owed by us", row.payable_micro),
            ("balance", one.row.net_micro),
        ):
            rows.append((id, words, "", "", "", _plain(micro), code, "", "", ""))
    return rows


def _plain(micro: int) -> str:
    """Write millionths as a program reads them: 1.5 and not 1.500000."""
    return f"{Decimal(micro).scaleb(-6).normalize():f}"
