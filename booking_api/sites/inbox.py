"""At home: what a member used elsewhere is charged to their account, once, at the rate of its day."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from sqlmodel import Session

from booking_api.accounts import service as accounts
from booking_api.accounts.service import Charged
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import CONVERSION, ROUNDING, SITE_FEE, member_account, site_payable
from booking_api.periods.calendar import month_at, open_from_ms
from booking_api.sites.models import SiteBill, SiteCharge, SitePass
from floor.ledger import Entry, EntryKind, Posting
from floor.money import Commodity, round_fraction, round_to


class Taken(StrEnum):
    """What became of a charge that came: only what is taken, now or before, is told to its host as such."""

    TAKEN = "taken"
    BEFORE = "taken before"
    NO_PASS = "nobody here has a pass for it"
    NO_ORIGINAL = "what it takes back has not come yet"
    NO_RATE = "no rate is written for its day"
    OTHER = "another charge came under this id before"

    @property
    def done(self) -> bool:
        """Whether home has it."""
        return self in (Taken.TAKEN, Taken.BEFORE)


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a charge is converted: home's currency, home's money for one of the host's, and home's fee."""

    own: Commodity
    rate: Fraction | None
    fee: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Converted:
    """An amount in home's currency, in micro-units: as it is worth, and as it is charged (with the fee)."""

    exact_micro: int
    fee_micro: int
    charged_micro: int


def convert(amount_micro: int, rate: Fraction, own: Commodity, fee: Fraction = Fraction(0)) -> Converted:
    """Convert an amount, and round it half away from zero to what people write.

    Converting -x gives exactly the opposite of converting x.
    """
    exact = round_fraction(amount_micro * rate)
    worth = round_to(exact, own.minor_micro)
    part = round_to(round_fraction(worth * fee), own.minor_micro)
    return Converted(exact, part, worth + part)


@dataclass(frozen=True, slots=True)
class Worth:
    """What home took a charge to be worth, without its fee, and by which rate: the host says so too."""

    rate: str
    commodity: str
    amount_micro: int


def worth(session: Session, host: str, charge: str) -> Worth:
    """Return what a charge that was taken is worth here."""
    bill = session.get_one(SiteBill, (host, charge))
    return Worth(bill.rate, bill.own, bill.own_micro - bill.fee_micro)


def take(session: Session, host: str, charge: SiteCharge, terms: Terms, now_ms: int) -> Taken:
    """Charge what a host tells: row and entry stand or fall together. `charge` is read and not kept."""
    ledger.hold(session)
    known = session.get(SiteBill, (host, charge.id))
    if known is not None:
        same = (known.member, known.amount_micro, known.commodity, known.reverses) == (
            charge.ref,
            charge.amount_micro,
            charge.commodity,
            charge.reverses,
        )
        return Taken.BEFORE if same else Taken.OTHER
    given = session.get(SitePass, (charge.ref, host))
    if given is None:
        return Taken.NO_PASS
    if charge.reverses:
        bill = _undone(session, host, charge, now_ms)
    else:
        bill = _charged(session, given, charge, terms, now_ms)
    if bill is None:
        return Taken.NO_ORIGINAL if charge.reverses else Taken.NO_RATE
    given.used_micro += charge.amount_micro
    session.add_all((bill, given))
    session.flush()
    accounts.charged(session, [Charged(bill.account, bill.member, bill.month, bill.own, bill.own_micro)])
    return Taken.TAKEN


def _charged(
    session: Session, given: SitePass, charge: SiteCharge, terms: Terms, now_ms: int
) -> SiteBill | None:
    if terms.rate is None:
        return None
    own, made = terms.own.code, convert(charge.amount_micro, terms.rate, terms.own, terms.fee)
    rounding = made.charged_micro - made.fee_micro - made.exact_micro
    host_side = ((CONVERSION, charge.commodity, charge.amount_micro), (CONVERSION, own, -made.exact_micro))
    same = charge.commodity == own
    postings = (
        (member_account(given.account), own, made.charged_micro),
        (SITE_FEE, own, -made.fee_micro),
        (ROUNDING, own, -rounding),
        *(() if same else host_side),
        (site_payable(given.site), charge.commodity, -charge.amount_micro),
    )
    occurred_ms = max(charge.occurred_ms, open_from_ms(session))
    entry = Entry(
        id=make_id(now_ms),
        kind=EntryKind.VISIT,
        source=f"visit:{given.site}:{charge.id}",
        occurred_ms=occurred_ms,
        posted_ms=now_ms,
        postings=tuple(Posting(*one) for one in postings if one[2]),
        memo=f"{given.site}: {charge.what}".rstrip(": "),
    )
    ledger.post(session, [entry])
    amounts = _Amounts(given.account, str(terms.rate), own, made.charged_micro, made.fee_micro)
    return _bill(session, given.site, charge, entry, amounts)


def _undone(session: Session, host: str, charge: SiteCharge, now_ms: int) -> SiteBill | None:
    """Take back what a charge cost here: by its own rate, whatever the rate is today."""
    original = session.get(SiteBill, (host, charge.reverses))
    if original is None:
        return None
    entry = ledger.reverse(session, original.entry, f"{host} took it back", "system", now_ms).entry
    amounts = _Amounts(
        original.account, original.rate, original.own, -original.own_micro, -original.fee_micro
    )
    return _bill(session, host, charge, entry, amounts)


@dataclass(frozen=True, slots=True)
class _Amounts:
    account: str
    rate: str
    own: str
    own_micro: int
    fee_micro: int


def _bill(session: Session, host: str, charge: SiteCharge, entry: Entry, made: _Amounts) -> SiteBill:
    return SiteBill(
        site=host,
        charge=charge.id,
        member=charge.ref,
        account=made.account,
        month=month_at(entry.occurred_ms, zone_of(session)),
        reverses=charge.reverses,
        amount_micro=charge.amount_micro,
        commodity=charge.commodity,
        rate=made.rate,
        own=made.own,
        own_micro=made.own_micro,
        fee_micro=made.fee_micro,
        entry=entry.id,
    )
