"""What each fact of a journal changes. Gathers rows for a whole batch, so that they are written at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from booking_api.badges.readings import Replays
from booking_api.billing.settle import NO_CLOCK, NO_START, Row, repair_time
from booking_api.db import one_of
from booking_api.metering import choices
from booking_api.metering.models import BootClock
from booking_api.metering.retold import retold
from booking_api.prints.applied import about_prints
from booking_api.sessions.models import MachineSession, SessionState
from floor.wire.journal import (
    AccountChosen,
    AlarmRaised,
    BadgeProven,
    Fact,
    GatewayBooted,
    HoldRaised,
    JobFinished,
    JournalEntry,
    MachineCleared,
    MachineLockedOut,
    SessionEnded,
    SessionHeld,
    SessionMetered,
    SessionStarted,
    TapRefused,
    UnreadFact,
)
from floor.words import StopType

_COLUMNS = tuple(MachineSession.model_fields)


@dataclass(slots=True)
class Gathered:
    """What a batch changes, by table. `lockouts` are in order: (machine, reason or None, by, recorded_ms).

    `holding` are sessions that began, or may spend another amount or from another account; `left` are the
    accounts that no longer pay for a session, because its member chose another; `prints` the facts that may
    concern the print queue, in order.
    """

    sessions: dict[str, Row] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    readings: list[Row] = field(default_factory=list)
    refusals: list[Row] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    alarms: list[Row] = field(default_factory=list)
    clocks: dict[str, Row] = field(default_factory=dict)
    lockouts: list[tuple[str, str | None, str, int]] = field(default_factory=list)
    holding: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    prints: list[Fact] = field(default_factory=list)
    software: str | None = None
    boot_id: str = ""


class Gatherer:
    """Takes the new entries of one gateway and epoch in order."""

    def __init__(
        self, session: Session, gateway: str, epoch: int, entries: Sequence[JournalEntry], now_ms: int
    ) -> None:
        self.gateway = gateway
        self.epoch = epoch
        self.gathered = Gathered()
        self._unread: set[str] = set()
        self._boots = _boots(session, gateway, {entry.boot_id for entry in entries})
        read = [entry.fact for entry in entries if not isinstance(entry.fact, UnreadFact)]
        self._load(session, {id for fact in read if (id := getattr(fact, "session_id", None))})
        members = {row["member"] for row in self.gathered.sessions.values()}
        members |= {entry.fact.member for entry in entries if isinstance(entry.fact, SessionStarted)}
        self._replays = Replays(session, gateway, now_ms)
        self._may_charge = choices.MayCharge.read(session, entries, members)
        for entry in entries:
            self._clock(entry)
            self._take(entry)
            if isinstance(entry.fact, GatewayBooted):
                self._end_cut_off(session, entry)
        self._wake_undated(session)

    def _load(self, session: Session, ids: set[str]) -> None:
        for kept in session.exec(select(MachineSession).where(one_of(MachineSession.id, ids))):
            self.gathered.sessions[kept.id] = {name: getattr(kept, name) for name in _COLUMNS}
            self.gathered.known.add(kept.id)

    def _clock(self, entry: JournalEntry) -> None:
        """Remember when a boot was, from its first entry that knew the time."""
        if entry.clock_error_ms is None or entry.boot_id in self._boots:
            return
        offset, error = entry.recorded_ms - entry.monotonic_ms, entry.clock_error_ms
        self._boots[entry.boot_id] = (offset, error)
        self.gathered.clocks[entry.boot_id] = {
            "gateway": self.gateway,
            "boot_id": entry.boot_id,
            "offset_ms": offset,
            "clock_error_ms": error,
        }

    def _wake_undated(self, session: Session) -> None:
        """Settle the sessions that waited for their gateway to learn the time."""
        if not self.gathered.clocks:
            return
        waiting = select(MachineSession).where(
            MachineSession.gateway == self.gateway,
            col(MachineSession.boot_id).in_(self.gathered.clocks),
            MachineSession.state == SessionState.EXCEPTION,
            MachineSession.exception == NO_CLOCK,
        )
        for kept in session.exec(waiting):
            if kept.id not in self.gathered.sessions:
                self.gathered.sessions[kept.id] = {name: getattr(kept, name) for name in _COLUMNS}
                self.gathered.known.add(kept.id)
            self.gathered.touched.add(kept.id)
            self.gathered.ended.add(kept.id)

    def _end_cut_off(self, session: Session, booted: JournalEntry) -> None:
        """End what the gateway's earlier processes left open, at the last reading that came.

        The new process says so too, of each that its disk has; one that came from the memory of a process
        with a slow disk, before the power failed, no journal knows of any more. What it may go on
        with is left to it: entries that follow go on with it or end it.
        """
        kept_on = booted.fact.keeps if isinstance(booted.fact, GatewayBooted) else ()
        mine = select(MachineSession).where(
            MachineSession.gateway == self.gateway, MachineSession.state == SessionState.OPEN
        )
        for kept in session.exec(mine):
            if kept.id not in self.gathered.sessions:
                self.gathered.sessions[kept.id] = {name: getattr(kept, name) for name in _COLUMNS}
                self.gathered.known.add(kept.id)
        open_ = [
            row
            for row in self.gathered.sessions.values()
            if row["gateway"] == self.gateway
            and row["stop_type"] is None
            and row["machine"]
            and row["id"] not in kept_on
        ]
        if not open_ or retold(session, self.gateway, self.epoch, booted):
            return
        for row in open_:
            row["stop_type"] = StopType.POWER_LOST
            self.gathered.touched.add(row["id"])
            self.gathered.ended.add(row["id"])

    def _take(self, entry: JournalEntry) -> None:
        if about_prints(entry.fact):
            self.gathered.prints.append(entry.fact)
        match entry.fact:
            case SessionStarted() as fact:
                self._started(entry, fact)
            case SessionMetered() as fact:
                self._metered(entry, fact)
            case SessionEnded() as fact:
                self._ended(entry, fact)
            case SessionHeld() | AccountChosen() | HoldRaised() as fact:
                self._while_it_runs(entry, fact)
            case TapRefused(machine=machine, reason=reason, badge=badge, member=member):
                row = {"machine": machine, "reason": reason, "badge": badge, "member": member}
                self.gathered.refusals.append(self._placed(entry, row))
            case BadgeProven() as fact:
                if words := self._replays.take(entry, fact):
                    self._alarm(entry, fact.machine, "badge_replayed", words)
            case JobFinished() as fact:
                self.gathered.jobs.append(self._placed(entry, _job(fact)))
            case _:
                self._about_machine(entry)

    def _about_machine(self, entry: JournalEntry) -> None:
        match entry.fact:
            case AlarmRaised(machine=machine, code=code, words=words):
                self._alarm(entry, machine, code, words)
            case MachineLockedOut(machine=machine, reason=reason, by=by):
                self.gathered.lockouts.append((machine, reason or "-", by, entry.recorded_ms))
                self._alarm(entry, machine, "locked_out", reason)
            case MachineCleared(machine=machine, by=by):
                self.gathered.lockouts.append((machine, None, by, entry.recorded_ms))
            case GatewayBooted(boot_id=boot_id, software=software):
                self.gathered.boot_id, self.gathered.software = boot_id, software
            case UnreadFact(type=type_) if type_ not in self._unread:
                self._unread.add(type_)
                words = f"{type_}, from entry {entry.seq} on: kept, and not applied. Update the server."
                self._alarm(entry, None, "fact_unread", words)

    def _placed(self, entry: JournalEntry, row: Row) -> Row:
        place = {"gateway": self.gateway, "epoch": self.epoch, "seq": entry.seq, "at_ms": entry.recorded_ms}
        return {**place, **row}

    def _alarm(self, entry: JournalEntry, machine: str | None, code: str, words: str) -> None:
        row = {"machine": machine, "code": code, "words": words, "seen_ms": None, "seen_by": None}
        self.gathered.alarms.append(self._placed(entry, row))

    def _contradiction(self, entry: JournalEntry, row: Row, words: str) -> None:
        """Tell staff that a session was told twice and differently; what was applied first stands."""
        self._alarm(entry, row["machine"] or None, "session_contradicted", f"{row['id']} now {words}")

    def _row(self, entry: JournalEntry, id: str) -> Row:
        """Return a session's row; one whose start has not come is an exception until it does."""
        row = self.gathered.sessions.get(id)
        if row is None:
            row = _unknown(self.gateway, entry, id)
            self.gathered.sessions[id] = row
        self.gathered.touched.add(id)
        return row

    def _started(self, entry: JournalEntry, fact: SessionStarted) -> None:
        row = self._row(entry, fact.session_id)
        if row["machine"]:  # a journal that began anew tells again what it was not sure of
            if (fact.machine, fact.member) != (row["machine"], row["member"]):  # the account may be chosen
                self._contradiction(entry, row, f"starts for {fact.member}")
            return
        row |= {
            "gateway": self.gateway,
            "machine": fact.machine,
            "member": fact.member,
            "account": fact.account,
            "tier": fact.tier,
            "badge": fact.badge,
            "boot_id": entry.boot_id,
            "started_ms": entry.recorded_ms,
            "start_monotonic_ms": entry.monotonic_ms,
            "clock_error_ms": entry.clock_error_ms,
            "limit_micro": fact.limit_micro,
            "late_journal": fact.late_journal,
            "state": SessionState.OPEN,
            "exception": "",
        }
        self.gathered.holding.add(fact.session_id)
        repair_time(row, self._boots.get(entry.boot_id))
        if row["stop_type"] is not None:
            self.gathered.ended.add(fact.session_id)

    def _while_it_runs(self, entry: JournalEntry, fact: SessionHeld | AccountChosen | HoldRaised) -> None:
        row = self._row(entry, fact.session_id)
        match fact:
            case SessionHeld(elapsed_ms=elapsed_ms):
                row["held_ms"] = row["started_ms"] + elapsed_ms
            case AccountChosen():
                self._chosen(entry, row, fact)
            case HoldRaised(limit_micro=limit) if row["limit_micro"] is not None:
                row["limit_micro"] = limit
                self.gathered.holding.add(fact.session_id)

    def _chosen(self, entry: JournalEntry, row: Row, fact: AccountChosen) -> None:
        if fact.account == row["account"]:  # told again, as above
            return
        if problem := self._may_charge.refuses(row, fact):
            words = f"{row['id']} stays on {row['account'] or 'its account'}, not {fact.account}: {problem}"
            self._alarm(entry, row["machine"] or None, "account_refused", words)
            return
        self.gathered.left.add(choices.apply(row, fact))
        self.gathered.holding.add(fact.session_id)

    def _metered(self, entry: JournalEntry, fact: SessionMetered) -> None:
        row = self._row(entry, fact.session_id)
        counters = _plain(fact.counters)
        self.gathered.readings.append(
            {
                "session": fact.session_id,
                "epoch": self.epoch,
                "seq": entry.seq,
                "elapsed_ms": fact.elapsed_ms,
                "counters": counters,
            }
        )
        if row["stop_type"] is None and fact.elapsed_ms >= row["elapsed_ms"]:
            row["elapsed_ms"], row["counters"] = fact.elapsed_ms, counters

    def _ended(self, entry: JournalEntry, fact: SessionEnded) -> None:
        row = self._row(entry, fact.session_id)
        if row["stop_type"] is not None:  # told again, as above
            if (fact.elapsed_ms, _plain(fact.counters)) != (row["elapsed_ms"], row["counters"]):
                self._contradiction(entry, row, f"ends after {fact.elapsed_ms} ms")
            return
        row |= {
            "stop_type": fact.stop_type,
            "elapsed_ms": fact.elapsed_ms,
            "ended_ms": row["started_ms"] + fact.elapsed_ms,
            "counters": _plain(fact.counters),
            "words": fact.words,
        }
        self.gathered.ended.add(fact.session_id)


def _plain(counters: Any) -> dict[str, int]:
    return {str(name): amount for name, amount in counters.items()}


def _job(fact: JobFinished) -> Row:
    return {
        "session": fact.session_id,
        "machine": fact.machine,
        "name": fact.name,
        "outcome": fact.outcome,
        "job_time_ms": fact.job_time_ms,
        "counters": _plain(fact.counters),
        "user": fact.user,
    }


def _unknown(gateway: str, entry: JournalEntry, id: str) -> Row:
    empty: Row = dict.fromkeys(_COLUMNS)
    return empty | {
        "id": id,
        "gateway": gateway,
        "machine": "",
        "member": "",
        "account": "",
        "tier": "",
        "badge": "",
        "boot_id": entry.boot_id,
        "state": SessionState.EXCEPTION,
        "exception": NO_START,
        "started_ms": entry.recorded_ms,
        "start_monotonic_ms": entry.monotonic_ms,
        "elapsed_ms": 0,
        "words": "",
        "counters": {},
        "late_journal": False,
    }


def _boots(session: Session, gateway: str, boots: set[str]) -> dict[str, tuple[int, int]]:
    known = select(BootClock).where(BootClock.gateway == gateway, col(BootClock.boot_id).in_(boots))
    return {clock.boot_id: (clock.offset_ms, clock.clock_error_ms) for clock in session.exec(known)}
