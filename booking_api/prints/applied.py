"""What the facts of a journal change about prints. A fact that is told again changes nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, or_, select

from booking_api.db import one_of
from booking_api.gateways.changes import Subject, changed
from booking_api.machines.models import Machine
from booking_api.prints.models import PrintJob, PrintState
from floor.wire.journal import Fact, JobFinished, PrintFailed, PrintSent, SessionEnded
from floor.words import JobOutcome

Row = Mapping[str, Any]
About = PrintSent | PrintFailed | JobFinished | SessionEnded
NOT_SENT = (PrintState.QUEUED, PrintState.CANCELLED, PrintState.EXPIRED)
"""Who cancels too late has it printed all the same: the machine's word stands over the page's."""
CUT_SHORT = "The session ended before the print did."


def about_prints(fact: Fact) -> bool:
    """Whether a fact may change a print."""
    return isinstance(fact, PrintSent | PrintFailed) or (
        isinstance(fact, JobFinished | SessionEnded) and fact.session_id is not None
    )


def apply(
    session: Session, gateway: str, facts: Sequence[Fact], sessions: Mapping[str, Row], now_ms: int
) -> None:
    """Apply facts in their order; `sessions` are the rows of sessions as the batch leaves them."""
    told = [fact for fact in facts if isinstance(fact, About)]
    jobs = _read(session, gateway, told)
    if not jobs:
        return
    ended: set[str] = set()
    for fact in told:
        match fact:
            case PrintSent(print_id=id, session_id=used) if id in jobs:
                is_over = sessions.get(used, {}).get("stop_type") is not None and not _ends_later(told, fact)
                _sent(jobs[id], used, used in ended or is_over, now_ms)
            case PrintFailed(print_id=id, words=words) if id in jobs:
                if jobs[id].state is PrintState.QUEUED:
                    jobs[id].words = words
            case JobFinished(session_id=used, name=name, outcome=outcome):
                for job in _printing(jobs, used):
                    if name.endswith(job.name):
                        done = outcome is JobOutcome.DONE
                        _over(job, PrintState.DONE if done else PrintState.FAILED, "", now_ms)
            case SessionEnded(session_id=used):
                ended.add(used)
                for job in _printing(jobs, used):
                    _over(job, PrintState.FAILED, CUT_SHORT, now_ms)
    session.add_all(jobs.values())
    for machine in {job.machine for job in jobs.values() if session.is_modified(job)}:
        changed(session, Subject.MACHINE, machine, now_ms)


def _read(session: Session, gateway: str, facts: Sequence[About]) -> dict[str, PrintJob]:
    """Return the prints that these facts name, or that run in sessions which they name."""
    ids = {fact.print_id for fact in facts if isinstance(fact, PrintSent | PrintFailed)}
    used = {fact.session_id for fact in facts if fact.session_id}
    if not used:
        return {}
    runs = one_of(PrintJob.session, used) & (col(PrintJob.state) == PrintState.PRINTING)
    query = (
        select(PrintJob)
        .join(Machine, col(Machine.id) == col(PrintJob.machine))
        .where(Machine.gateway == gateway, or_(col(PrintJob.id).in_(ids), runs))
    )
    return {job.id: job for job in session.exec(query)}


def _ends_later(facts: Sequence[About], sent: PrintSent) -> bool:
    """Whether the session of a print ends in the same batch, after the print was sent."""
    after = facts[facts.index(sent) :]
    return any(isinstance(fact, SessionEnded) and fact.session_id == sent.session_id for fact in after)


def _sent(job: PrintJob, used: str, over: bool, now_ms: int) -> None:
    cut_short = job.state is PrintState.FAILED and job.words == CUT_SHORT
    handed_over = cut_short and job.session != used  # its first session ended, and the print did not
    if not handed_over and (job.session is not None or job.state not in NOT_SENT):
        return
    job.session, job.words, job.closed_ms = used, "", None
    job.state = PrintState.PRINTING
    if over:
        _over(job, PrintState.FAILED, CUT_SHORT, now_ms)


def _over(job: PrintJob, state: PrintState, words: str, now_ms: int) -> None:
    job.state, job.words, job.closed_ms = state, words, now_ms


def _printing(jobs: Mapping[str, PrintJob], used: str | None) -> list[PrintJob]:
    return [job for job in jobs.values() if job.session == used and job.state is PrintState.PRINTING]
