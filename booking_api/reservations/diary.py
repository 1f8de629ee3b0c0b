"""What every act on reservations works with, and how one is written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.gateways.changes import Subject, changed, hold_rosters
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.ledger import service as ledger
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.reservations import facts, policies
from booking_api.reservations.models import Reserved
from floor.errors import Refused
from floor.reservation import walk_in
from floor.reservation.decide import decide
from floor.reservation.model import Policies
from floor.reservation.terms import Decision, Reservation, Standing, Turned, Wanted

OVERLAP = "reservation_overlap"
SERVER = facts.SERVER


@dataclass(frozen=True)
class Diary:
    """A transaction, the instant, who acts in it, and the currency of fees that are amounts."""

    session: Session
    now_ms: int
    by: str
    currency: str
    is_staff: bool = False

    @cached_property
    def policies(self) -> Policies:
        """The rules in force."""
        return policies.read(self.session, self.now_ms)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The space's clock."""
        return ZoneInfo(str(zone_of(self.session)))

    def as_server(self) -> Diary:
        """Return the same where nobody acts: time has passed."""
        return replace(self, by=SERVER, is_staff=False)

    def hold(self) -> None:
        """Lock what reservations change with, the book before rosters, so that they are made one by one."""
        ledger.hold(self.session)
        hold_rosters(self.session)

    def machine(self, id: str) -> Machine:
        """Return a machine that can be reserved; raises Refused for none."""
        found = machines.get(self.session, id)
        if found.archived_ms is not None:
            raise Refused("machine_not_found", "This machine is no longer there.")
        return found

    def get(self, id: str) -> Reserved:
        """Return a reservation; raises Refused when there is none."""
        row = self.session.get(Reserved, id, populate_existing=True)
        if row is None:
            raise Refused("reservation_not_found", "There is no such reservation.")
        return row

    def by_now(self, row: Reserved) -> Reservation:
        """Return what a reservation is at this instant."""
        return facts.by_now(self.session, [row], self.policies, self.now_ms)[0][1]

    def decide(self, wanted: Wanted) -> Decision:
        """Say whether a slot may be booked."""
        known = facts.known(self.session, self.policies, wanted, self.zone)
        return decide(self.policies, wanted, known, self.zone)

    def write(self, row: Reserved, *, keeps: bool = False) -> Reserved:
        """Put a reservation down; raises Refused where the database says that its time is taken.

        `keeps`: its time stays as it is, and so does its buffer, whatever the rules say by now.
        """
        with self.session.no_autoflush:  # a slot is written with its buffer, never before it
            rules = self.policies.of(row.machine).rules
        if not keeps:
            row.blocks_from_ms = row.begins_ms - rules.buffer_before_ms
            row.blocks_to_ms = row.ends_ms + rules.buffer_after_ms
        row.changed_ms = self.now_ms
        self.session.add(row)
        try:
            self.session.flush()
        except IntegrityError as error:
            if "reservation_apart" in str(error.orig) or "is taken" in str(error.orig):
                raise taken() from error
            raise
        self._told(row)
        return row

    def close(
        self,
        row: Reserved,
        standing: Standing,
        reason: str = "",
        at_ms: int | None = None,
        *,
        excused: bool = False,
    ) -> None:
        """Write that a reservation keeps its time no more; `at_ms` is since when (None: now)."""
        row.excused = excused
        row.standing, row.closed_by, row.reason = standing, self.by or None, reason.strip()[:200]
        row.closed_ms = self.now_ms if at_ms is None else at_ms
        row.changed_ms = self.now_ms
        self.session.add(row)
        self.session.flush()
        self._told(row)

    def _told(self, row: Reserved) -> None:
        """Have gateways told of a reservation, and of its holder where limits on use count it."""
        self.tell_gateway(row.machine)
        if row.member and walk_in.counting(self.policies, row.machine):
            changed(self.session, Subject.MEMBER, row.member, self.now_ms)

    def displace(self, row: Reserved, by: Reserved, reason: str = "") -> None:
        """Take a reservation away for another: its holder is told, and has cancelled nothing."""
        is_over = row.standing is Standing.BEGUN
        standing = Standing.ENDED if is_over else Standing.CANCELLED
        self.close(row, standing, reason or "displaced", excused=True)
        self.tell(Happening.RESERVATION_DISPLACED, row, displaced_by=by.id)

    def tell_gateway(self, machine: str) -> None:
        """Have the machine's gateway told within a second."""
        changed(self.session, Subject.MACHINE, machine, self.now_ms)

    def tell(self, what: Happening, row: Reserved, **more: str | int | None) -> None:
        """Tell what happened to a reservation."""
        slot: dict[str, str | int | None] = {
            "machine": row.machine,
            "begins_ms": row.begins_ms,
            "ends_ms": row.ends_ms,
            "by": self.by,
        }
        happened(self.session, what, row.id, self.now_ms, row.member, **{**slot, **more})

    def new_id(self) -> str:
        """Return an id for something made now."""
        return make_id(self.now_ms)


def taken() -> Refused:
    """Return the refusal of a time that is taken."""
    return Refused(OVERLAP, "This time is taken.")


def refusal(turned: Turned) -> Refused:
    """Return a decision of the rules as a refusal; its code names the rule."""
    return Refused(f"reservation_{turned.rule.replace('.', '_').replace('-', '_')}", turned.sentence)
