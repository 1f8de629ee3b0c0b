"""Answers gateways: where their journal stands, and rosters when something changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from booking_api.db import zone_of
from booking_api.gateways import bookings, credit, turning, versions, wiring
from booking_api.gateways.changes import Subject, changed, hold_rosters, newest_change
from booking_api.gateways.models import Gateway, RosterChange
from booking_api.gateways.roster import Writer
from booking_api.metering.ingest import hold_gateway, standing
from booking_api.periods.calendar import month_at
from booking_api.vault import Vault
from floor.wire.journal import JournalAck
from floor.wire.messages import Hello, Wiring
from floor.wire.roster import Roster, RosterDelta, RosterVersion

DELTA_MAX = 500
KEPT_MAX = 5_000
"""Changes kept for gateways that are away; one that missed more is given a whole roster anyway."""


@dataclass(frozen=True, slots=True)
class Office:
    """What it takes to write rosters."""

    vault: Vault
    commodity: str

    def greet(self, session: Session, hello: Hello, now_ms: int) -> tuple[JournalAck, Roster | RosterDelta]:
        """Answer a hello: how far the journal is applied, and a roster.

        A gateway that holds the newest is given an empty delta: that the server still vouches for it.
        """
        gateway = hold_gateway(session, hello.gateway)
        gateway.last_seen_ms, gateway.software, gateway.boot_id = now_ms, hello.software, hello.boot_id
        gateway.server_key = hello.server_key or ""
        if hello.roster is not None:
            versions.seen(session, hello.roster)
        ack = standing(session, hello.gateway, hello.journal_epoch)
        if hello.roster is not None and hello.roster == _given(gateway):
            if ack.seq >= hello.next_seq - 1:  # else it has spent what is not known here yet
                self._confirm(session, gateway, hello.roster.n, now_ms)
            return ack, self._update(session, gateway, now_ms)
        return ack, self._whole(session, gateway, now_ms)

    def update(self, session: Session, name: str, now_ms: int) -> Roster | RosterDelta | None:
        """Return what a gateway that is online must be told now; None when it knows all."""
        gateway = hold_gateway(session, name)
        if not gateway.roster_n or newest_change(session) == gateway.roster_change:
            return None
        return self._update(session, gateway, now_ms)

    def turn_month(self, session: Session, now_ms: int) -> None:
        """Have every gateway told anew when a month has begun on the space's clock: its limits are whole."""
        state, month = hold_rosters(session), month_at(now_ms, zone_of(session))
        if state.month != month:
            state.month = month
            session.add(state)
            changed(session, Subject.FLOOR, month, now_ms)

    def turn_bookings(self, session: Session, now_ms: int) -> None:
        """Have gateways told of the reservations that have come into sight."""
        bookings.turn(session, now_ms)

    def turn_day(self, session: Session, now_ms: int) -> None:
        """Have gateways told of whom a day that has begun changed: minors, signatures, suspensions."""
        turning.turn_day(session, now_ms)

    def confirm(self, session: Session, name: str, version: RosterVersion, now_ms: int) -> None:
        """Take that a gateway says that it holds a version."""
        gateway = hold_gateway(session, name)
        if version == _given(gateway):
            self._confirm(session, gateway, version.n, now_ms)

    def keep_wiring(self, session: Session, copy: Wiring, now_ms: int) -> bool:
        """Keep what a gateway says is wired to it; returns whether that changed. Raises PeerError."""
        return wiring.keep(session, self.vault, copy, now_ms)

    def _confirm(self, session: Session, gateway: Gateway, n: int, now_ms: int) -> None:
        if gateway.roster_confirmed_n != n:
            gateway.roster_confirmed_n = n
            session.add(gateway)
            credit.confirm(session, gateway.name, n, now_ms)

    def _update(self, session: Session, gateway: Gateway, now_ms: int) -> Roster | RosterDelta:
        query = select(RosterChange).where(col(RosterChange.id) > gateway.roster_change)
        base, version = _given(gateway), versions.next_version(session)
        pending = session.exec(query.order_by(col(RosterChange.id)).limit(DELTA_MAX + 1)).all()
        missed = version.epoch != base.epoch or _has_gap(session, pending, gateway.roster_change)
        if missed or len(pending) > DELTA_MAX or any(c.subject == Subject.FLOOR for c in pending):
            return self._write_whole(session, gateway, version, now_ms)
        members = {change.ref for change in pending if change.subject == Subject.MEMBER}
        machines = {change.ref for change in pending if change.subject == Subject.MACHINE}
        teams = {change.ref for change in pending if change.subject == Subject.ACCOUNT}
        writer = Writer(session, self.vault, self.commodity, gateway, now_ms)
        delta = writer.changes(members, machines, teams, base, version)
        newest = max((change.id or 0 for change in pending), default=gateway.roster_change)
        self._gave(session, gateway, version, newest)
        return delta

    def _whole(self, session: Session, gateway: Gateway, now_ms: int) -> Roster:
        return self._write_whole(session, gateway, versions.next_version(session), now_ms)

    def _write_whole(self, session: Session, gateway: Gateway, version: RosterVersion, now_ms: int) -> Roster:
        roster = Writer(session, self.vault, self.commodity, gateway, now_ms).whole(version)
        self._gave(session, gateway, version, newest_change(session))
        return roster

    def _gave(self, session: Session, gateway: Gateway, version: RosterVersion, newest: int) -> None:
        """Record what the gateway was given; taking a version locked the rosters till the end."""
        gateway.roster_epoch, gateway.roster_n, gateway.roster_change = version.epoch, version.n, newest
        session.add(gateway)
        session.exec(delete(RosterChange).where(col(RosterChange.id) <= newest - KEPT_MAX))


def _has_gap(session: Session, pending: Sequence[RosterChange], known: int) -> bool:
    """Return whether changes after the `known` one are kept no more. Numbers that follow on need no look."""
    if pending and pending[0].id == known + 1:
        return False
    oldest = session.exec(select(func.min(RosterChange.id))).one() or 0
    return oldest > known + 1


def _given(gateway: Gateway) -> RosterVersion:
    return RosterVersion(gateway.roster_epoch, gateway.roster_n)
