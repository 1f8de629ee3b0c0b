"""An account's month on paper: what was used, what it really cost, who paid the rest, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session, select

from booking_api.accounts.models import Account
from booking_api.documents.addresses import recipient
from booking_api.documents.content import Party
from booking_api.documents.items import detail_words
from booking_api.documents.paper import Group, Line, Pair, Paper, Table, party_lines
from booking_api.ledger.statement import Statement
from booking_api.members.models import Member
from booking_api.settings import Settings
from booking_api.web.allowances import Allowance
from booking_api.web.formats import Formats
from booking_api.web.statement import Booked, MonthView, month_of, read_account
from floor.errors import Refused


def statement_paper(
    session: Session, account: str, month: str, settings: Settings, now_ms: int, f: Formats
) -> Paper:
    """Lay an account's month out; raises Refused when there is no such account."""
    kept = session.get(Account, account)
    if kept is None:
        raise Refused("account_not_found", "There is no such account or member.")
    member = session.exec(select(Member).where(Member.account == account)).first()
    chosen = month_of(month, now_ms, f)
    code = settings.currency.code
    view = read_account(session, account, code, chosen, f, member.tier if member else "")
    return _paper(view, recipient(session, kept)[0], member.number if member else "", settings, f)


def _paper(view: MonthView, party: Party, number: str, settings: Settings, f: Formats) -> Paper:
    gettext = f.texts.gettext
    code, seller = view.statement.commodity, settings.invoice
    names = [
        (gettext("Member"), number),
        (gettext("Period"), f"{f.day(view.month.from_ms)} – {f.day(view.month.to_ms - 1)}"),
    ]
    issuer = Party(name=seller.name, lines=seller.lines, country=seller.country, vat_id=seller.vat_id)
    return Paper(
        language=f.language,
        title=gettext("Statement %(month)s") % {"month": view.month.name},
        space=seller.name,
        sender=" · ".join([seller.name, *seller.lines]),
        seller=party_lines(issuer, f)[1:],
        recipient=party_lines(party, f),
        facts=tuple((name, value) for name, value in names if value),
        tables=tuple(_tables(view, f)),
        sums=tuple(_sums(view, f)),
        total=(gettext("At the end"), f.money(view.statement.closing_micro, code)),
        included=tuple(_included(view, f)),
        notes=(gettext("Amounts above zero are owed to the space; below zero they are credit."),),
        foot=tuple(line for line in (seller.name, seller.contact) if line),
        page_of=gettext("Page %(page)s of %(pages)s"),
    )


def _tables(view: MonthView, f: Formats) -> Iterable[Table]:
    gettext = f.texts.gettext
    used = [one for one in reversed(view.booked) if one.receipt is not None]
    other = [one for one in reversed(view.booked) if one.receipt is None]
    if used:
        priced = (gettext("Date"), gettext("What"), gettext("Full price"), gettext("You pay"))
        yield Table(priced, (Group("", tuple(_use(one, f) for one in used)),), gettext("What you used"))
    if other:
        columns = (gettext("Date"), gettext("What"), gettext("Amount"))
        entries = tuple(
            Line(
                f.day(one.at_ms),
                one.kind_text,
                (one.memo,) if one.memo else (),
                (f.money(one.amount_micro, one.commodity, True),),
            )
            for one in other
        )
        yield Table(columns, (Group("", entries),), gettext("Payments and everything else"))
    if view.others:
        columns = (gettext("Unit"), gettext("At the beginning"), gettext("At the end"))
        sums = tuple(
            Line(
                "",
                other.commodity,
                (),
                (_money(other.opening_micro, other, f), _money(other.closing_micro, other, f)),
            )
            for other in view.others
        )
        yield Table(columns, (Group("", sums),), gettext("In other units"), dated=False)
    if view.allowances:
        yield _allowances(view.allowances, f)


def _money(micro: int, of: Statement, f: Formats) -> str:
    return f.money(micro, of.commodity)


def _use(one: Booked, f: Formats) -> Line:
    shown = one.receipt
    assert shown is not None
    gettext = f.texts.gettext
    code = shown.commodity
    details = [detail_words(row, code, f) for row in shown.rows]
    if shown.started_ms is not None:
        details.insert(
            0, gettext(", ").join([f.clock(shown.started_ms), f.span(shown.elapsed_ms), shown.stop])
        )
    if shown.rounding_micro:
        details.append(f"{gettext('Rounding')}: {f.money(shown.rounding_micro, code, True)}")
    for name, micro in shown.reductions:
        words = gettext("%(who)s paid %(amount)s") % {"who": name, "amount": f.money(micro, code, True)}
        details.append(words)
    for rate, _, tax in shown.taxes:
        words = gettext("VAT %(rate)s") % {"rate": rate}
        details.append(f"{words}: {f.money(tax, code)}")
    details += [shown.note] if shown.note else []
    cells = (f.money(shown.full_micro, code, True), f.money(shown.total_micro, code, True))
    return Line(f.day(one.at_ms), shown.title, tuple(details), cells)


def _allowances(rows: Iterable[Allowance], f: Formats) -> Table:
    gettext = f.texts.gettext
    columns = (gettext("Until"), gettext("Allowance"), gettext("There was"), gettext("Used"), gettext("Left"))
    lines = tuple(Line(row.until, row.name, (), (row.had, row.used, row.left)) for row in rows)
    return Table(columns, (Group("", lines),), gettext("Free and in advance"))


def _sums(view: MonthView, f: Formats) -> Iterable[Pair]:
    gettext, code = f.texts.gettext, view.statement.commodity
    yield gettext("At the beginning"), f.money(view.statement.opening_micro, code)
    yield gettext("Charged"), f.money(view.charged_micro, code)
    yield gettext("Paid"), f.money(-view.paid_micro, code)


def _included(view: MonthView, f: Formats) -> Iterable[Pair]:
    gettext, code = f.texts.gettext, view.statement.commodity
    if view.reductions:
        yield gettext("What your use really cost"), f.money(view.full_micro, code)
    for name, micro in view.reductions:
        yield gettext("Paid by %(fund)s") % {"fund": name}, f.money(-micro, code)
    if view.tax_micro:
        yield gettext("VAT in what was charged"), f.money(view.tax_micro, code)
