"""Applies journal batches exactly once, one transaction each, whatever is lost, repeated or reordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from booking_api.billing.settle import settle
from booking_api.certifications import used
from booking_api.db import insert_rows
from booking_api.gateways.changes import Subject, changed, credit_changed
from booking_api.gateways.models import Gateway
from booking_api.happenings import journal
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.machines.models import Machine
from booking_api.maintenance import downtime, use
from booking_api.metering import signed_off
from booking_api.metering.facts import Gathered, Gatherer
from booking_api.metering.models import BootClock, JournalHead, JournalRecord, Quarantined
from booking_api.metering.plan import Head, Misfit, Plan, plan
from booking_api.prints import applied as prints
from booking_api.reports import counting
from booking_api.reservations.arrivals import arrived
from booking_api.sessions.models import Alarm, Job, MachineSession, Refusal, SessionReading
from floor.errors import PeerError
from floor.wire.journal import JournalAck, JournalBatch, JournalEntry

_PUT = "ON CONFLICT (id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in MachineSession.model_fields if name != "id"
)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of a batch: the answer to its gateway, entries of each kind, and the machines concerned."""

    ack: JournalAck
    applied: int
    duplicates: int
    quarantined: int
    machines: frozenset[str]


def ingest(session: Session, batch: JournalBatch, now_ms: int) -> Ingested:
    """Apply what is new of a batch, in the caller's transaction; answer only after it is committed.

    Raises PeerError when the gateway is not enrolled.
    """
    gateway = hold_gateway(session, batch.gateway)
    head = _head(session, batch.gateway, batch.epoch)
    planned = plan(head, _applied(session, batch, head), batch)
    gathered = Gathered()
    if planned.apply:
        gathered = Gatherer(session, batch.gateway, batch.epoch, planned.apply, now_ms).gathered
        _write_records(session, batch, planned.apply, now_ms)
        arrived(session, [gathered.sessions[id] for id in sorted(gathered.touched)], now_ms)
        _write_facts(session, gathered, now_ms)
        prints.apply(session, batch.gateway, gathered.prints, gathered.sessions, now_ms)
        _sign_off(session, batch, planned.apply, now_ms)
    if planned.misfits:
        _quarantine(session, batch, planned.misfits, now_ms)
        gateway.quarantined_ms = now_ms
    _write_head(session, batch, planned, head)
    gateway.last_seen_ms = now_ms
    if gathered.software is not None:
        gateway.software, gateway.boot_id = gathered.software, gathered.boot_id
    session.add(gateway)
    return Ingested(
        _ack(batch.gateway, batch.epoch, planned.head),
        len(planned.apply),
        planned.duplicates,
        len(planned.misfits),
        _concerned(gathered),
    )


def _concerned(gathered: Gathered) -> frozenset[str]:
    """Return the machines of which pages show something else now; "" is the gateway's own alarm."""
    used = {gathered.sessions[id]["machine"] for id in gathered.touched}
    locked = {machine for machine, *_ in gathered.lockouts}
    return frozenset(used | locked | {row["machine"] or "" for row in gathered.alarms})


def standing(session: Session, gateway: str, epoch: int) -> JournalAck:
    """Return how far an epoch of a gateway's journal is applied: the answer to its hello."""
    return _ack(gateway, epoch, _head(session, gateway, epoch))


def hold_gateway(session: Session, name: str) -> Gateway:
    """Lock a gateway's row until the transaction ends; ingest goes one batch at a time for each gateway."""
    query = select(Gateway).where(Gateway.name == name).with_for_update()
    gateway = session.exec(query.execution_options(populate_existing=True)).first()
    if gateway is None:
        raise PeerError(f"the gateway {name} is not enrolled")
    return gateway


def _ack(gateway: str, epoch: int, head: Head) -> JournalAck:
    hash = head.hash if head.seq else None
    return JournalAck(gateway=gateway, epoch=epoch, seq=head.seq, hash=hash, quarantined=head.quarantined)


def _head(session: Session, gateway: str, epoch: int) -> Head:
    kept = session.get(JournalHead, (gateway, epoch))
    return Head(kept.seq, kept.hash, kept.quarantined) if kept else Head()


def _applied(session: Session, batch: JournalBatch, head: Head) -> dict[int, str]:
    """Return the hashes of the batch's places that are taken."""
    low, high = min(e.seq for e in batch.entries), max(e.seq for e in batch.entries)
    if low > head.seq:
        return {}
    taken = select(JournalRecord.seq, JournalRecord.hash).where(
        JournalRecord.gateway == batch.gateway,
        JournalRecord.epoch == batch.epoch,
        col(JournalRecord.seq).between(low, high),
    )
    return dict(session.exec(taken).all())


def _write_records(
    session: Session, batch: JournalBatch, entries: Sequence[JournalEntry], now_ms: int
) -> None:
    rows = [
        {
            "gateway": batch.gateway,
            "epoch": batch.epoch,
            "seq": entry.seq,
            "hash": entry.hash,
            "kind": entry.fact.type,
            "body": entry.model_dump_json(),
            "recorded_ms": entry.recorded_ms,
            "clock_error_ms": entry.clock_error_ms,
            "monotonic_ms": entry.monotonic_ms,
            "boot_id": entry.boot_id,
            "received_ms": now_ms,
        }
        for entry in entries
    ]
    insert_rows(session, JournalRecord, rows)


def _write_facts(session: Session, gathered: Gathered, now_ms: int) -> None:
    for row in (*gathered.alarms, *(gathered.sessions[id] for id in gathered.ended)):
        row["received_ms"] = now_ms
    insert_rows(session, BootClock, list(gathered.clocks.values()))
    insert_rows(session, SessionReading, gathered.readings)
    insert_rows(session, Refusal, gathered.refusals)
    insert_rows(session, Job, gathered.jobs)
    insert_rows(session, Alarm, gathered.alarms)
    changed = settle(session, [gathered.sessions[id] for id in sorted(gathered.ended)], now_ms)
    for machine, reason, by, at_ms in gathered.lockouts:  # after: the book is locked before the rosters
        _lock(session, machine, reason, by, at_ms, now_ms)
    for id in changed.keys() & gathered.sessions.keys():
        gathered.sessions[id]["total_micro"] = changed[id]
    journal.tell(session, gathered, now_ms)
    touched = {id: gathered.sessions[id] for id in gathered.touched}
    insert_rows(session, MachineSession, [row for id, row in touched.items() if id not in gathered.known])
    insert_rows(session, MachineSession, [row for id, row in touched.items() if id in gathered.known], _PUT)
    # A session takes what it may spend while it runs, and a checkpoint changes nothing of that; what an
    # ended one cost is told when it is posted.
    held = [touched[id] for id in gathered.holding | gathered.ended]
    credit_changed(session, {row["account"] for row in held if row["limit_micro"]} | gathered.left, now_ms)
    ended = [gathered.sessions[id] for id in gathered.ended]
    used.moved(session, ended, now_ms)
    use.moved(session, ended)
    counting.moved(session, ended, gathered.refusals, gathered.jobs)


def _sign_off(session: Session, batch: JournalBatch, entries: Sequence[JournalEntry], now_ms: int) -> None:
    """Apply what instructors said at machines; what may not be is an alarm."""
    rows = [
        {
            "gateway": batch.gateway,
            "epoch": batch.epoch,
            "seq": entry.seq,
            "at_ms": entry.recorded_ms,
            "machine": alarm.machine,
            "code": alarm.code,
            "words": alarm.words,
            "seen_ms": None,
            "seen_by": None,
            "received_ms": now_ms,
        }
        for entry, alarm in signed_off.apply(session, batch.gateway, batch.epoch, entries, now_ms)
    ]
    insert_rows(session, Alarm, rows)
    journal.tell_alarms(session, rows, now_ms)


def _lock(session: Session, id: str, reason: str | None, by: str, at_ms: int, now_ms: int) -> None:
    """Take over a lockout of the floor; a clearing that is older than the lockout clears nothing."""
    machine = session.get(Machine, id)
    if machine is None or (reason is None and (machine.lockout_ms or 0) > at_ms):
        return
    machine.lockout_reason = reason
    machine.lockout_by, machine.lockout_ms = (by, at_ms) if reason is not None else (None, None)
    session.add(machine)
    changed(session, Subject.MACHINE, id, now_ms)
    if reason is None:
        downtime.ended(session, id, at_ms)
    else:
        downtime.began(session, id, reason, at_ms)
    what = Happening.MACHINE_CLEARED if reason is None else Happening.MACHINE_LOCKED_OUT
    happened(session, what, id, now_ms, machine=id, reason=reason, by=by)


def _quarantine(session: Session, batch: JournalBatch, misfits: Sequence[Misfit], now_ms: int) -> None:
    kept = select(Quarantined.seq, Quarantined.hash).where(
        Quarantined.gateway == batch.gateway, Quarantined.epoch == batch.epoch
    )
    known = set(session.exec(kept).all())
    rows: dict[tuple[int, str], dict[str, Any]] = {
        (misfit.entry.seq, misfit.entry.hash): {
            "gateway": batch.gateway,
            "epoch": batch.epoch,
            "seq": misfit.entry.seq,
            "hash": misfit.entry.hash,
            "problem": misfit.problem,
            "body": misfit.entry.model_dump_json(),
            "received_ms": now_ms,
            "resolved_ms": None,
            "resolved_by": None,
        }
        for misfit in misfits
        if (misfit.entry.seq, misfit.entry.hash) not in known
    }
    insert_rows(session, Quarantined, list(rows.values()))


def _write_head(session: Session, batch: JournalBatch, planned: Plan, before: Head) -> None:
    head = planned.head
    if head == before:
        return
    kept = session.get(JournalHead, (batch.gateway, batch.epoch)) or JournalHead(
        gateway=batch.gateway, epoch=batch.epoch, seq=0, hash=head.hash
    )
    kept.seq, kept.hash, kept.quarantined = head.seq, head.hash, head.quarantined
    session.add(kept)
