"""What explains one use: meters and their sources, every line, who paid, corrections and entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from booking_api.accounts import teams
from booking_api.accounts.models import Account, Fund
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.billing.models import Charge
from booking_api.documents.reading import explained
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from booking_api.machines.models import Machine
from booking_api.sessions.models import Job, MachineSession, SessionReading
from booking_api.web.formats import Formats
from booking_api.web.statement import Names, Receipt, machine_names, metered_words, receipt
from booking_api.web.vocabulary import KINDS, QUANTITIES
from booking_api.web.wording import tariff_words
from floor.errors import Refused
from floor.meter import Quantity

SOURCES: dict[Quantity, str] = {
    Quantity.MACHINE_TIME_MS: "the station's own clock, while the relay was on",
    Quantity.BUSY_TIME_MS: "the station's own clock, while the machine drew power or said that it works",
    Quantity.JOB_TIME_MS: "the machine's own count of its jobs",
    Quantity.LASER_TIME_MS: "the laser's own count",
    Quantity.RUN_ON_TIME_MS: "the station's own clock, after the end",
    Quantity.RESERVED_TIME_MS: "the reservation",
    Quantity.FILAMENT_UM: "the printer's own count, or the file's",
    Quantity.FILAMENT_MG: "the printer's own count, or the file's",
    Quantity.RESIN_UL: "the printer's own count, or the file's",
    Quantity.VOLUME_MM3: "the machine's own count",
    Quantity.ENERGY_MWH: "the power meter",
    Quantity.TRAVEL_UM: "the machine's own count",
    Quantity.JOBS: "the machine's own count of its jobs",
}
"""Where each quantity comes from; a test holds that none is missing."""
READINGS = 200
"""So many checkpoints are shown."""


@dataclass(frozen=True, slots=True)
class Metered:
    """What one meter showed at the begin and at the end, and whose count it is."""

    name: str
    end: str
    source: str


@dataclass(frozen=True, slots=True)
class Part:
    """A charge of the use that stands: in full, and what its tariff said then in plain words."""

    charge: str
    entry: str
    receipt: Receipt
    account: str
    tariff: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry that concerns the use, as it stands on an account; micro-units, above zero is owed."""

    seq: int
    kind: str
    at_ms: int
    memo: str
    account: str
    amount_micro: int
    commodity: str


@dataclass(frozen=True, slots=True)
class UseReceipt:
    """A use with all that explains it. `owed` is the sum of the entries by unit: what the books say."""

    used: MachineSession
    machine: str
    stop: str
    meters: tuple[Metered, ...]
    readings: tuple[tuple[int, tuple[tuple[str, str], ...]], ...]
    jobs: Sequence[Job]
    parts: tuple[Part, ...]
    posted: tuple[Posted, ...]
    owed: dict[str, int]


def read_receipt(session: Session, who: Who, id: str, f: Formats) -> UseReceipt:
    """Read a use for its member, for who keeps the books, or for an owner of a team that pays a part.

    Raises Refused when there is no such use, and for another member's.
    """
    used = session.get(MachineSession, id)
    if used is None:
        raise Refused("session_not_found", "There is no such use of a machine.")
    charges = list(session.exec(select(Charge).where(Charge.session == id).order_by(col(Charge.id))).all())
    if not who.may_see(used.member, Permission.LEDGER_READ):
        charges = [one for one in charges if teams.owns(session, one.account, who.member.id)]
        if not charges:
            raise Refused("forbidden", "This is another member's.")
    names = Names(machine_names(session), dict(session.exec(select(Fund.id, Fund.name)).all()))
    ids = {one.account for one in charges}
    accounts = dict(session.exec(select(Account.id, Account.name).where(col(Account.id).in_(ids))).all())
    posted = _posted(session, id, charges, accounts, f)
    owed: dict[str, int] = {}
    for one in posted:
        owed[one.commodity] = owed.get(one.commodity, 0) + one.amount_micro
    standing = [one for one in charges if one.replaced_ms is None]
    parts = []
    for made in explained(session, standing):
        words = tuple(tariff_words(made.tariff, f)) if made.tariff else ()
        charge, shown = made.charge, receipt(made, names, f)
        parts.append(
            Part(charge.id, charge.entry or "", shown, accounts.get(charge.account, charge.account), words)
        )
    gettext = f.texts.gettext
    meters = tuple(
        Metered(gettext(QUANTITIES[one]), f.quantity(one, used.counters[one]), gettext(SOURCES[one]))
        for one in Quantity
        if used.counters.get(one)
    )
    machine = session.get(Machine, used.machine)
    return UseReceipt(
        used=used,
        machine=machine.name if machine else used.machine,
        stop=parts[0].receipt.stop if parts else "",
        meters=meters,
        readings=_readings(session, id, f),
        jobs=session.exec(select(Job).where(Job.session == id).order_by(col(Job.at_ms))).all(),
        parts=tuple(parts),
        posted=posted,
        owed=owed,
    )


def _readings(session: Session, id: str, f: Formats) -> tuple[tuple[int, tuple[tuple[str, str], ...]], ...]:
    shown = select(SessionReading).where(SessionReading.session == id)
    order = (col(SessionReading.elapsed_ms), col(SessionReading.epoch), col(SessionReading.seq))
    rows = session.exec(shown.order_by(*order).limit(READINGS))
    return tuple((row.elapsed_ms, metered_words(row.counters, f)) for row in rows)


def _posted(
    session: Session, id: str, charges: Sequence[Charge], accounts: dict[str, str], f: Formats
) -> tuple[Posted, ...]:
    """Return what charged the use, what took that back, and what was given back of it, oldest first."""
    payers = {member_account(one.account): one.account for one in charges}
    entries = [one.entry for one in charges if one.entry]
    columns = (LedgerEntry, LedgerPosting.account, LedgerPosting.amount_micro, LedgerPosting.commodity)
    query = select(*columns).join(LedgerPosting, col(LedgerPosting.entry) == col(LedgerEntry.id))
    mine = query.where(col(LedgerPosting.account).in_(payers))
    given = col(LedgerEntry.source).startswith(f"credit:session:{id}:", autoescape=True)
    rows = list(session.exec(mine.where(or_(col(LedgerEntry.id).in_(entries), given))))
    undone = [row[0].id for row in rows]
    rows += session.exec(mine.where(col(LedgerEntry.reverses).in_(undone)))
    rows.sort(key=lambda row: row[0].seq)
    return tuple(
        Posted(
            entry.seq,
            f.texts.gettext(KINDS[entry.kind]),
            entry.posted_ms,
            entry.memo,
            accounts.get(payers[account], payers[account]),
            amount_micro,
            commodity,
        )
        for entry, account, amount_micro, commodity in rows
    )
