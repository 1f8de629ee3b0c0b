"""Issuing: what waits on an account becomes an invoice with the next number, or a credit note; frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from babel.numbers import get_currency_precision
from sqlalchemy import insert, text
from sqlmodel import Session, col, or_, select

from booking_api.accounts.models import Account, AccountMember, TeamRole
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.documents import content as contents
from booking_api.documents import items as lines
from booking_api.documents import kept as sums
from booking_api.documents.addresses import recipient
from booking_api.documents.content import Bank, Content, Party
from booking_api.documents.gather import Draft, Waiting, accounts_waiting, family, plan, waiting
from booking_api.documents.models import Invoice, InvoiceItem, InvoiceKind, InvoiceSeries
from booking_api.happenings.service import happened, holder
from booking_api.happenings.words import Happening
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.members.models import Member
from booking_api.periods.calendar import bounds
from booking_api.settings import Settings
from booking_api.web.formats import Formats
from floor.errors import Refused
from floor.money import MICRO

LISTED_MAX = 500


@dataclass(slots=True)
class Run:
    """What an invoice run issued, or would issue, and which accounts wait for what."""

    month: str
    issued: list[Content] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)

    @property
    def totals(self) -> dict[str, int]:
        """What the documents ask for together, in micro-units by commodity."""
        found: dict[str, int] = {}
        for one in self.issued:
            found[one.commodity] = found.get(one.commodity, 0) + one.total_micro
        return found


def issue(
    session: Session, account: str, month: str, settings: Settings, author: str, now_ms: int
) -> list[Invoice]:
    """Issue what an account was charged until the end of a month and stands on no invoice yet.

    A cost centre's charges stand on its team's invoice. Nothing is issued where nothing waits. Raises Refused
    for no such account, a month that is none or that has not begun, and amounts with parts of a cent: those
    are rounded when the month is closed.
    """
    root = _root(session, account)
    series = settings.invoice
    _hold(session, series.prefix, _year(session, now_ms))
    issued = []
    for draft in _drafts(session, root, month, settings, now_ms):
        credit = draft.kind is InvoiceKind.CREDIT_NOTE
        prefix = series.credit_prefix if credit else series.prefix
        year = _year(session, now_ms)
        n = _next(session, prefix, year)
        made = _content(session, root, draft, month, settings, f"{prefix}{year}-{n:04}", now_ms)
        issued.append(_keep(session, root, draft, made, (prefix, year, n), author, now_ms))
    return issued


def preview(session: Session, account: str, month: str, settings: Settings, now_ms: int) -> list[Content]:
    """Return what `issue` would issue, without numbers; raises as it does."""
    root = _root(session, account)
    return [
        _content(session, root, draft, month, settings, "", now_ms)
        for draft in _drafts(session, root, month, settings, now_ms)
    ]


def run(
    session: Session,
    month: str,
    settings: Settings,
    author: str,
    now_ms: int,
    *,
    dry: bool = False,
    accounts: Sequence[str] | None = None,
) -> Run:
    """Issue what waits on every account until the end of a month; again, it issues nothing new.

    `dry` issues nothing and says what it would; `accounts` are the only ones that are looked at. An account
    whose amounts are not rounded yet waits.
    Raises Refused for a month that is none or that has not begun.
    """
    done = Run(month)
    _end(session, month, now_ms)
    for account in accounts_waiting(session, month) if accounts is None else accounts:
        try:
            if dry:
                done.issued += preview(session, account, month, settings, now_ms)
            else:
                made = issue(session, account, month, settings, author, now_ms)
                done.issued += [contents.read(one.content) for one in made]
        except Refused as refusal:
            if refusal.code != "invoice_unrounded":
                raise
            done.waiting.append((account, str(refusal)))
    return done


def get(session: Session, number: str) -> Invoice:
    """Return an invoice by its number or id; raises Refused when there is none."""
    query = select(Invoice).where(or_(Invoice.number == number, Invoice.id == number))
    found = session.exec(query).first()
    if found is None:
        raise Refused("invoice_not_found", "There is no such invoice.")
    return found


def listed(
    session: Session, accounts: Sequence[str] | None = None, month: str = "", limit: int = LISTED_MAX
) -> list[Invoice]:
    """Return invoices, newest first: of these accounts (None: of all), of one month ("": of all)."""
    query = select(Invoice).order_by(col(Invoice.issued_ms).desc(), col(Invoice.number).desc())
    if accounts is not None:
        query = query.where(col(Invoice.account).in_(accounts))
    if month:
        query = query.where(Invoice.month == month)
    return list(session.exec(query.limit(limit)))


def own_accounts(session: Session, member: Member) -> list[str]:
    """Return the accounts whose documents a member may see: their own, and those of teams that they own."""
    query = select(AccountMember.account).where(
        AccountMember.member == member.id, AccountMember.role == TeamRole.OWNER
    )
    return [member.account, *session.exec(query)]


def names(session: Session, accounts: Sequence[str]) -> dict[str, str]:
    """Return what accounts are called."""
    query = select(Account.id, Account.name).where(col(Account.id).in_(set(accounts)))
    return {id: name for id, name in session.exec(query)}


def _root(session: Session, account: str) -> Account:
    found = session.get(Account, account)
    if found is not None and found.parent is not None:
        found = session.get(Account, found.parent)
    if found is None:
        raise Refused("account_not_found", "There is no such account or member.")
    return found


def _end(session: Session, month: str, now_ms: int) -> int:
    begin_ms, end_ms = bounds(month, zone_of(session))
    if begin_ms > now_ms:
        raise Refused("month_not_begun", "This month has not begun.")
    return end_ms


def _drafts(session: Session, root: Account, month: str, settings: Settings, now_ms: int) -> list[Draft]:
    end_ms = _end(session, month, now_ms)
    items = [one for account in family(session, root) for one in waiting(session, account.id, end_ms)]
    drafts = plan(session, items, settings.currency.code)
    for draft in drafts:
        if draft.total_micro % minor_micro(draft.commodity, settings):
            raise Refused(
                "invoice_unrounded",
                "Its charges have parts of a cent: they are rounded when the month is closed.",
            )
    return drafts


def minor_micro(commodity: str, settings: Settings) -> int:
    """Return what amounts of a currency are multiples of, in micro-units: a cent, or a yen."""
    if commodity == settings.currency.code:
        return settings.currency.minor_micro
    return int(MICRO // 10 ** get_currency_precision(commodity))


def _content(
    session: Session, root: Account, draft: Draft, month: str, settings: Settings, number: str, now_ms: int
) -> Content:
    """Write down everything that the invoice says."""
    address, language = recipient(session, root)
    f = Formats(language or settings.language, zone_of(session))
    groups = {account.id: account.name for account in family(session, root) if account.id != root.id}
    sources = lines.read_sources(session, [*draft.shown, *draft.own_units])

    def said(items: Sequence[Waiting]) -> tuple[contents.Item, ...]:
        made = [lines.item_of(session, one, sources, groups.get(one.account, ""), f) for one in items]
        return tuple(sorted(made, key=lambda item: (item.group, item.at_ms)))

    accounts = [root.id, *groups]
    owed = sum(ledger.balance(session, member_account(one), draft.commodity) for one in accounts)
    seller = settings.invoice
    due = f.moment(now_ms).replace(hour=23, minute=59, second=0, microsecond=0) + timedelta(seller.term_days)
    made = Content(
        kind=draft.kind,
        number=number,
        account=root.id,
        language=f.language,
        timezone=settings.timezone,
        month=month,
        commodity=draft.commodity,
        issued_ms=now_ms,
        due_ms=round(due.timestamp() * 1000),
        seller=Party(name=seller.name, lines=seller.lines, country=seller.country, vat_id=seller.vat_id),
        contact=seller.contact,
        bank=Bank(iban=seller.iban, bic=seller.bic),
        note=seller.note,
        recipient=address,
        items=said(draft.shown),
        own_units=said(draft.own_units),
        reductions=lines.reductions_of(draft.shown, sources),
        taxes=contents.sum_taxes(
            [part for one in draft.shown for part in lines.taxes_of(session, one, sources)]
        ),
        total_micro=draft.total_micro,
        due_micro=max(0, min(draft.total_micro, owed)),
        corrects=draft.corrects.number if draft.corrects else "",
    )
    made.check()
    return made


def _keep(
    session: Session,
    root: Account,
    draft: Draft,
    made: Content,
    place: tuple[str, int, int],
    author: str,
    now_ms: int,
) -> Invoice:
    frozen = made.frozen()
    series, year, n = place
    kept = Invoice(
        id=make_id(now_ms),
        number=made.number,
        series=series,
        year=year,
        n=n,
        kind=made.kind,
        account=root.id,
        month=made.month,
        commodity=made.commodity,
        net_micro=made.net_micro,
        tax_micro=made.tax_micro,
        total_micro=made.total_micro,
        due_micro=made.due_micro,
        issued_ms=made.issued_ms,
        due_ms=made.due_ms,
        reverses=draft.corrects.id if draft.corrects else None,
        content=frozen,
        sha256=contents.sha256(frozen),
        author=author,
    )
    session.add(kept)
    session.flush()
    rows = [*draft.shown, *draft.taken_along, *draft.own_units]
    session.execute(insert(InvoiceItem), [_item_row(one, kept.id) for one in rows])
    sums.issued(session, rows)
    _tell(session, kept, now_ms)
    return kept


def _tell(session: Session, kept: Invoice, now_ms: int) -> None:
    happened(
        session,
        Happening.INVOICE_ISSUED,
        kept.id,
        now_ms,
        member=holder(session, kept.account),
        number=kept.number,
        kind=kept.kind,
        total_micro=kept.total_micro,
        commodity=kept.commodity,
    )


def _item_row(one: Waiting, invoice: str) -> dict[str, object]:
    return {
        "entry": one.entry.id,
        "account": one.account,
        "commodity": one.commodity,
        "invoice": invoice,
        "amount_micro": one.amount_micro,
    }


def _year(session: Session, now_ms: int) -> int:
    return Formats("en", zone_of(session)).moment(now_ms).year


def _hold(session: Session, series: str, year: int) -> InvoiceSeries:
    """Lock a series until the transaction ends: two runs at once never take a number, or an item, twice."""
    first = text(
        "INSERT INTO invoice_series (series, year, n) VALUES (:series, :year, 0) ON CONFLICT DO NOTHING"
    )
    session.execute(first, {"series": series, "year": year})
    query = select(InvoiceSeries).where(InvoiceSeries.series == series, InvoiceSeries.year == year)
    return session.exec(query.with_for_update().execution_options(populate_existing=True)).one()


def _next(session: Session, series: str, year: int) -> int:
    row = _hold(session, series, year)
    row.n += 1
    session.add(row)
    session.flush()
    return row.n
