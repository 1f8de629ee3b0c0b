"""What is done with prints: submitted, confirmed at a price, put in another order, cancelled, forgotten."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts.choice import check_may_charge
from booking_api.certifications import service as certifications
from booking_api.db import DATA
from booking_api.gateways.changes import Subject, changed, hold_rosters
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.prints import files
from booking_api.prints.files import Taken
from booking_api.prints.models import OPEN, PrintJob, PrintState
from booking_api.prints.names import safe_name
from booking_api.prints.pricing import Priced, price
from booking_api.settings import PrintSettings
from booking_api.vault import Vault
from floor.errors import Refused
from floor.wire.roster import PRINTS_MAX, QueuedPrint

DAY_MS = 86_400_000
UPLOADED_MS = DAY_MS
"""How long a file waits for its member to agree to the price."""
NOTE_MAX = 200


class PrintDetails(BaseModel):
    """What is submitted beside the file; an account of "" is the member's default."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    machine: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(max_length=400)] = ""
    account: Annotated[str, Field(max_length=64)] = ""
    note: Annotated[str, Field(max_length=NOTE_MAX)] = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """What the queue works with: the vault for tokens, its bounds, and the time (UTC ms)."""

    vault: Vault
    bounds: PrintSettings
    now_ms: int

    def check(self, session: Session, member: Member, details: PrintDetails) -> Machine:
        """Return the machine of a submission; raises Refused when it would not be taken."""
        machine = machines.get(session, details.machine)
        if machine.archived_ms is not None:
            raise Refused("machine_not_found", "This machine is no longer there.")
        if machine.requires_certification and not _certified(session, member.id, machine.id, self.now_ms):
            raise Refused("print_not_certified", "You may not use this machine yet. Ask an instructor.")
        check_may_charge(session, member, details.account or _default(member))
        mine = select(func.count()).where(PrintJob.member == member.id, col(PrintJob.state).in_(OPEN))
        if session.exec(mine).one() >= self.bounds.max_waiting:
            raise Refused("prints_many", "You have as many prints waiting as the space allows. Cancel one.")
        return machine

    def submit(
        self, session: Session, member: Member, details: PrintDetails, taken: Taken, id: str
    ) -> PrintJob:
        """Keep a file that has come in; it is queued once its member agrees to the price.

        Raises Refused when it is not taken.
        """
        hold_rosters(session)
        machine = self.check(session, member, details)
        self.sweep(session)
        self._make_room(session, member.id, taken.size)
        quantities = {str(name): amount for name, amount in taken.estimate.quantities.items()}
        job = PrintJob(
            id=id,
            member=member.id,
            account=details.account or _default(member),
            machine=machine.id,
            name=safe_name(details.name),
            sha256=taken.sha256,
            size=taken.size,
            quantities=quantities,
            weighed=taken.estimate.weighed,
            note=details.note,
            position=self.now_ms,
            state=PrintState.UPLOADED,
            created_ms=self.now_ms,
            token_sealed=self.vault.seal(secrets.token_bytes(16)),
        )
        _take_price(job, price(session, member, job.account, machine, quantities, self.now_ms))
        files.keep(_data(session), taken)
        session.add(job)
        return job

    def quote(self, session: Session, job: PrintJob) -> Priced:
        """Return what a print costs if it begins now."""
        member, machine = members.get(session, job.member), machines.get(session, job.machine)
        return price(session, member, job.account, machine, job.quantities, self.now_ms)

    def confirm(self, session: Session, id: str, member: str, price_micro: int | None) -> PrintJob:
        """Queue a print at the price that its member saw; raises Refused when it is another by now."""
        job = own(session, id, member)
        if job.state is not PrintState.UPLOADED:
            raise Refused("print_not_waiting", "This print is queued already, or over.")
        check_may_charge(session, members.get(session, member), job.account)
        priced = self.quote(session, job)
        if priced.total_micro != price_micro:
            raise Refused("price_changed", "The price has changed meanwhile. Look at it again.")
        _take_price(job, priced)
        job.state, job.position = PrintState.QUEUED, self.now_ms
        self._tell(session, job)
        return job

    def cancel(self, session: Session, job: PrintJob) -> PrintJob:
        """Take a print out of the queue; raises Refused for one that prints or is over."""
        if job.state is PrintState.PRINTING:
            raise Refused("print_runs", "It is being printed. Stop it at the machine.")
        if job.state not in OPEN:
            raise Refused("print_over", "This print is over already.")
        self._close(session, job, PrintState.CANCELLED)
        return job

    def earlier(self, session: Session, id: str, member: str) -> PrintJob:
        """Put a print before the one that its member has before it on that machine."""
        job = own(session, id, member)
        if job.state is not PrintState.QUEUED:
            raise Refused("print_not_waiting", "This print does not wait in a queue.")
        mine = select(PrintJob).where(
            PrintJob.member == member, PrintJob.machine == job.machine, PrintJob.state == PrintState.QUEUED
        )
        ahead = [one for one in session.exec(mine) if _order(one) < _order(job)]
        if ahead:
            other = max(ahead, key=_order)
            before = min(job.position, other.position)
            other.position, job.position = max(job.position, other.position, before + 1), before
            session.add(other)
            self._tell(session, job)
        return job

    def again(self, session: Session, id: str, member: str, new_id: str) -> PrintJob:
        """Submit a print that is over once more; raises Refused when its file is gone."""
        job = own(session, id, member)
        if job.state in OPEN or not job.sha256 or not files.place(_data(session), job.sha256).is_file():
            raise Refused("print_file_gone", "Its file is not kept any more. Upload it again.")
        details = PrintDetails(machine=job.machine, account=job.account, note=job.note, name=job.name)
        hold_rosters(session)
        self.check(session, members.get(session, member), details)
        fresh: dict[str, object] = {"id": new_id, "state": PrintState.UPLOADED, "session": None}
        fresh |= {"words": "", "closed_ms": None}
        fresh |= {"created_ms": self.now_ms, "position": self.now_ms}
        fresh["token_sealed"] = self.vault.seal(secrets.token_bytes(16))
        made = PrintJob(**(job.model_dump() | fresh))
        session.add(made)
        return made

    def sweep(self, session: Session) -> int:
        """Let prints expire and forget files that are not needed any more; returns how many files."""
        hold_rosters(session)
        bounds = self.bounds
        for state, kept_ms in (
            (PrintState.UPLOADED, UPLOADED_MS),
            (PrintState.QUEUED, bounds.expire_days * DAY_MS),
        ):
            old = select(PrintJob).where(
                PrintJob.state == state, col(PrintJob.created_ms) < self.now_ms - kept_ms
            )
            for job in session.exec(old).all():
                self._close(session, job, PrintState.EXPIRED)
        over = select(PrintJob).where(
            col(PrintJob.closed_ms) < self.now_ms - bounds.keep_days * DAY_MS, PrintJob.sha256 != ""
        )
        for job in session.exec(over).all():
            job.sha256 = ""
            session.add(job)
        session.flush()
        needed = set(session.exec(select(PrintJob.sha256).distinct()))
        return files.forget(_data(session), needed)

    def _make_room(self, session: Session, member: str, size: int) -> None:
        """Forget a member's files of prints that are over, oldest first, as far as another one needs it."""
        query = select(PrintJob).where(PrintJob.member == member, PrintJob.sha256 != "")
        kept = sorted(session.exec(query), key=lambda job: job.closed_ms or self.now_ms)
        total = size + sum(job.size for job in kept)
        for job in kept:
            if total > self.bounds.max_total_bytes and job.closed_ms is not None:
                job.sha256 = ""
                session.add(job)
                total -= job.size
        if total > self.bounds.max_total_bytes:
            raise Refused(
                "prints_room_length",
                "Your files take as much room as the space gives a member. Cancel a print that waits.",
            )

    def _close(self, session: Session, job: PrintJob, state: PrintState) -> None:
        queued, job.state, job.closed_ms = job.state is PrintState.QUEUED, state, self.now_ms
        session.add(job)
        if queued:
            self._tell(session, job)

    def _tell(self, session: Session, job: PrintJob) -> None:
        session.add(job)
        changed(session, Subject.MACHINE, job.machine, self.now_ms)


def get(session: Session, id: str) -> PrintJob:
    """Return a print; raises Refused when there is none."""
    job = session.get(PrintJob, id)
    if job is None:
        raise not_found(id)
    return job


def own(session: Session, id: str, member: str) -> PrintJob:
    """Return a print of a member; raises Refused for anybody else's."""
    job = get(session, id)
    if job.member != member:
        raise not_found(id)
    return job


def not_found(id: str) -> Refused:
    """Return the refusal of a print that is none, or another's."""
    return Refused("print_not_found", f"There is no print {id[:64]} of yours.")


def waiting(session: Session, machines: Collection[str]) -> dict[str, list[PrintJob]]:
    """Return what waits on machines: each member's first, then each one's second, and so on."""
    query = select(PrintJob).where(
        col(PrintJob.machine).in_(machines), col(PrintJob.state) == PrintState.QUEUED
    )
    found: dict[str, list[PrintJob]] = {}
    ranks: dict[tuple[str, str], int] = {}
    ranked: list[tuple[int, PrintJob]] = []
    for job in sorted(session.exec(query), key=_order):
        rank = ranks.get((job.machine, job.member), 0)
        ranks[job.machine, job.member] = rank + 1
        ranked.append((rank, job))
    for _, job in sorted(ranked, key=lambda pair: (pair[0], *_order(pair[1]))):
        found.setdefault(job.machine, []).append(job)
    return found


def for_roster(session: Session, vault: Vault, machines: Collection[str]) -> dict[str, list[QueuedPrint]]:
    """Return what gateways are told of these machines' queues."""
    return {
        machine: [_queued(job, vault) for job in jobs[:PRINTS_MAX]]
        for machine, jobs in waiting(session, machines).items()
    }


def file_for(session: Session, vault: Vault, id: str, token: str) -> Path:
    """Return the file of a print for whoever holds its token; raises Refused."""
    job = session.get(PrintJob, id)
    if job is None or job.state not in OPEN or not job.sha256:
        raise Refused("print_not_found", "There is no such file.")
    if not secrets.compare_digest(vault.open(job.token_sealed).hex().encode(), token.encode()):
        raise Refused("print_not_found", "There is no such file.")
    return files.place(_data(session), job.sha256)


def _queued(job: PrintJob, vault: Vault) -> QueuedPrint:
    return QueuedPrint(
        id=job.id,
        member=job.member,
        account=job.account,
        name=job.name,
        sha256=job.sha256,
        size=job.size,
        token=vault.open(job.token_sealed).hex(),
    )


def _order(job: PrintJob) -> tuple[int, str]:
    return job.position, job.id


def _default(member: Member) -> str:
    return member.charges_to or member.account


def _data(session: Session) -> Path:
    data: Path = session.info[DATA]
    return data


def _certified(session: Session, member: str, machine: str, now_ms: int) -> bool:
    return certifications.until_ms(session, member, machine, now_ms) is not None


def _take_price(job: PrintJob, priced: Priced) -> None:
    job.price_micro, job.commodity = priced.total_micro, priced.commodity
    job.tariffs = sorted({line.tariff for line in priced.lines})
    job.missing = [str(quantity) for quantity in priced.missing]
