"""What is billed: sessions and fees as visits, with the versions of the tariff that price them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from fractions import Fraction
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.billing.models import Fee
from booking_api.db import one_of
from booking_api.members.models import Member
from booking_api.memberships.models import Membership
from booking_api.sessions.models import SessionReading
from booking_api.tariffs import service as tariffs
from floor.meter import Quantity, Reading
from floor.tariff import Occasion, Tariff, Visit, depends_on_history
from floor.tariff.standing import drawn
from floor.words import StopType

Row = dict[str, Any]
RESERVED = (Occasion.RESERVATION, Occasion.NO_SHOW, Occasion.LATE_CANCEL)


@dataclass(frozen=True, slots=True)
class PriceList:
    """The versions of a tariff with the time at which each was added (UTC milliseconds).

    `depends`: a price may depend on earlier visits; `names`: the allowances that may be drawn from.
    """

    tariff: str
    added: tuple[tuple[int, Tariff], ...]
    depends: bool
    names: frozenset[str]

    def known(self, at_ms: int) -> list[Tariff]:
        """Return the versions that were known then: a later one does not touch what was priced."""
        return [version for added_ms, version in self.added if added_ms <= at_ms]


@dataclass(frozen=True, slots=True)
class Due:
    """A visit to be priced. `priced_ms` is when it was priced first; `memo` is for people."""

    visit: Visit
    prices: PriceList
    priced_ms: int
    memo: str = ""
    fee: bool = False
    versions: Sequence[Tariff] = field(default=())

    @property
    def key(self) -> tuple[int, str]:
        """The order in which the visits of an account are counted."""
        return self.visit.ended_ms, self.visit.id

    @property
    def cause(self) -> str:
        """What names it in the books."""
        return f"{'fee' if self.fee else 'session'}:{self.visit.id}"


def price_lists(session: Session, ids: Iterable[str]) -> dict[str, PriceList]:
    """Return what these tariffs say, by id; one that has no version is left out."""
    found = {}
    for id, kept in tariffs.versions(session, ids).items():
        added = tuple((version.created_ms, tariffs.parsed(version.text, version.id)) for version in kept)
        depends = any(depends_on_history(version) for _, version in added)
        found[id] = PriceList(id, added, depends, frozenset(n for _, v in added for n in drawn(v)))
    return found


def session_due(
    row: Mapping[str, Any],
    readings: Sequence[Reading],
    prices: PriceList,
    since: date | None,
    memo: str,
    priced_ms: int,
) -> Due:
    """Return a session that has ended as what is priced."""
    visit = Visit(
        id=row["id"],
        readings=_session_readings(row, readings),
        tier=row["tier"],
        account=row["account"],
        member=row["member"],
        machine=row["machine"],
        since=since,
        faulted=row["stop_type"] is StopType.FAULT,
    )
    return Due(visit, prices, priced_ms, memo, versions=prices.known(priced_ms))


def _session_readings(row: Mapping[str, Any], readings: Sequence[Reading]) -> list[Reading]:
    start, elapsed = row["started_ms"], row["elapsed_ms"]
    between = [Reading(start + one.at_ms, one.counters) for one in readings if one.at_ms <= elapsed]
    return [Reading(start, {}), *between, Reading(start + elapsed, counters(row["counters"]))]


def fee_due(fee: Fee, prices: PriceList, since: date | None, priced_ms: int) -> Due:
    """Return a fee as what is priced; what lasts takes its own time where no other is said."""
    used = counters(fee.used)
    time = Quantity.RESERVED_TIME_MS if fee.occasion in RESERVED else Quantity.MACHINE_TIME_MS
    used.setdefault(time, fee.to_ms - fee.from_ms)
    visit = Visit(
        id=fee.id,
        readings=(Reading(fee.from_ms, {}), Reading(fee.to_ms, used)),
        tier=fee.tier,
        account=fee.account,
        member=fee.member,
        machine=fee.machine or "",
        on=fee.occasion,
        counts={name: int(count) for name, count in fee.counts.items()},
        since=since,
        coupon=Fraction(fee.coupon),
        credit_micro=fee.credit_micro,
        pack=fee.pack,
    )
    memo = fee.words or fee.occasion.replace("_", " ")
    return Due(visit, prices, priced_ms, memo, fee=True, versions=prices.known(priced_ms))


def counters(table: Mapping[str, Any]) -> dict[Quantity, int]:
    """Return counters as they are metered from how a table keeps them."""
    return {Quantity(name): amount for name, amount in table.items()}


def readings_of(session: Session, ids: Collection[str]) -> dict[str, list[Reading]]:
    """Return checkpoints by session in order; `at_ms` counts from the session's start."""
    columns = (SessionReading.session, SessionReading.elapsed_ms, SessionReading.counters)
    order = (SessionReading.session, SessionReading.elapsed_ms, SessionReading.epoch, SessionReading.seq)
    query = select(*columns).where(one_of(SessionReading.session, ids)).order_by(*map(col, order))
    found: dict[str, list[Reading]] = {}
    for id, elapsed_ms, shown in session.exec(query):
        found.setdefault(id, []).append(Reading(elapsed_ms, counters(shown)))
    return found


def since_of(session: Session, members: Collection[str], zone: tzinfo) -> dict[str, date]:
    """Return the first day of each member's membership: of the earliest plan, else of their admission."""
    admitted = select(Member.id, Member.created_ms).where(one_of(Member.id, members))
    return since_admitted(session, dict(session.exec(admitted).all()), zone)


def since_admitted(session: Session, admitted: Mapping[str, int], zone: tzinfo) -> dict[str, date]:
    """Return `since_of` of members whose admission (UTC, ms) is known."""
    days = {
        id: datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()
        for id, at_ms in admitted.items()
    }
    plans = (
        select(Membership.member, func.min(Membership.first))
        .where(one_of(Membership.member, admitted), col(Membership.accepted_ms).is_not(None))
        .group_by(Membership.member)
    )
    return days | dict(session.exec(plans).all())
