"""Bills what a usage file lists as a floor would: by journals and fees, in the server's books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from pathlib import Path

from sqlmodel import Session, col, select

from booking_api.accounts import service as accounts
from booking_api.accounts.models import Account, AccountKind
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.ledger.models import ChargeLine
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.tariffs import service as tariffs
from floor.meter import Quantity
from floor.tariff import Occasion, Visit
from floor.wire.journal import SessionEnded, SessionMetered
from floor.words import StopType
from tests.kit.server import NOW_MS, Floor, Writer, started


def enter(session: Session, id: str, tariff: str, tier: str = "", since_ms: int = NOW_MS) -> str:
    """Open an account and its member of one name, and a machine of the tariff; returns the machine's id."""
    if session.get(Account, id) is None:
        accounts.open_account(session, id, AccountKind.TEAM, id, NOW_MS)
    machine = f"at-{tariff}"
    if session.get(Machine, machine) is None:
        details = machines.MachineDetails(id=machine, name=machine, gateway="gw", tariff=tariff)
        machines.add(session, details, NOW_MS)
    return machine


def person(session: Session, account: str, name: str, since_ms: int) -> str:
    """Admit somebody of that name for an account, once; returns their id."""
    known = session.exec(select(Member).where(Member.last_name == account, Member.first_name == name)).first()
    if known is None:
        details = members.MemberDetails(first_name=name, last_name=account)
        known = members.add(session, details, NOW_MS)
        known.created_ms = since_ms
        session.add(known)
        session.flush()
    return known.id


def since_ms(visit: Visit) -> int:
    """Return an instant on the first day of a visit's membership."""
    return NOW_MS if visit.since is None else _noon(visit)


def _noon(visit: Visit) -> int:
    assert visit.since is not None
    return round(datetime.combine(visit.since, time(12), UTC).timestamp() * 1000)


class Till:
    """Takes visits one after another and bills each: sessions by a journal, the rest as fees."""

    def __init__(self, floor: Floor, texts: Sequence[str]) -> None:
        self.floor, self.journal, self.now_ms = floor, Writer(start_ms=0), NOW_MS
        with floor.db.write() as session:
            for text in texts:
                tariffs.add(session, text, "test", NOW_MS)

    def take(self, visit: Visit, tariff: str, *, apply: bool = True) -> str:
        """Bill a visit; returns the id by which its charges are found."""
        self.now_ms += 1_000
        with self.floor.db.write() as session:
            account = visit.account or "account"
            at = enter(session, account, tariff)
            who = person(session, account, visit.member or "somebody", since_ms(visit))
            if visit.machine and session.get(Machine, visit.machine) is None:
                details = machines.MachineDetails(
                    id=visit.machine, name=visit.machine, gateway="gw", tariff=tariff
                )
                machines.add(session, details, NOW_MS)
            if visit.on is not Occasion.SESSION or visit.counts or visit.coupon or visit.credit_micro:
                return self._fee(session, visit, tariff, account, who)
        id = self.write(visit, visit.machine or at, account, who)
        if apply:
            self.floor.apply(self.journal.batch(), self.now_ms)
        return id

    def _fee(self, session: Session, visit: Visit, tariff: str, account: str, who: str) -> str:
        details = billing.FeeDetails(
            occasion=visit.on,
            member=who,
            tariff=tariff,
            account=account,
            tier=visit.tier or "nobody",
            machine=visit.machine or None,
            from_ms=visit.started_ms,
            to_ms=visit.ended_ms,
            counts=visit.counts,
            used={str(name): amount for name, amount in visit.readings[-1].counters.items()},
            coupon=visit.coupon,
            credit_micro=visit.credit_micro,
            pack=visit.pack,
            source=f"test:{visit.id}",
        )
        charges = billing.charge_fee(session, details, "test", self.now_ms)
        assert charges == billing.charge_fee(session, details, "test", self.now_ms), "charged once"
        return charges[0].fee or ""

    def write(self, visit: Visit, machine: str, account: str, who: str) -> str:
        """Write a session to the journal; returns its id."""
        journal, last = self.journal, visit.readings[-1]
        id = f"s-{len(journal.entries):06}"
        start = started(id, who, machine, account).model_copy(update={"tier": visit.tier or "nobody"})
        journal.monotonic_ms = visit.started_ms - journal.start_ms
        journal.write(start, 0)
        for reading in visit.readings[1:-1]:
            elapsed = reading.at_ms - visit.started_ms
            journal.write(SessionMetered(session_id=id, elapsed_ms=elapsed, counters=reading.counters), 0)
        end = StopType.FAULT if visit.faulted else StopType.TAP_OUT
        elapsed = last.at_ms - visit.started_ms
        journal.write(
            SessionEnded(session_id=id, stop_type=end, elapsed_ms=elapsed, counters=last.counters), elapsed
        )
        return id


def charges_of(floor: Floor, id: str) -> list[tuple[str, int, tuple[tuple[str, int, str], ...]]]:
    """Return month, total and lines of what stands for a session or a fee."""
    with floor.db.read() as session:
        mine = (col(Charge.session) == id) | (col(Charge.fee) == id)
        live = session.exec(
            select(Charge).where(mine, col(Charge.replaced_ms).is_(None)).order_by(Charge.period)
        )
        return [(one.period, one.total_micro, _lines(session, one.id)) for one in live.all()]


def _lines(session: Session, charge: str) -> tuple[tuple[str, int, str], ...]:
    lines = session.exec(select(ChargeLine).where(ChargeLine.charge == charge).order_by(col(ChargeLine.n)))
    return tuple((line.component, line.amount_micro, line.bound) for line in lines)


def texts_of(folder: Path) -> list[str]:
    """Return the texts of the tariff files of a folder."""
    return [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.toml"))]


Counters = Mapping[Quantity, int]
