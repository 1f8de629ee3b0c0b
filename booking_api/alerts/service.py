"""Tells staff of alerts by notices: each once when it comes, and once when it is over.

A notice's id is made of the alert's fingerprint, its start, its state and who is told, so what is told again
is known, for as long as notices are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from booking_api.alerts.payload import Alert
from booking_api.members.models import Member
from booking_api.notices.kinds import ALERT, MEMBER, Way
from booking_api.notices.models import Notice
from booking_api.notices.service import after_quiet, machine_names, way_of
from booking_api.notices.settings import NoticeSettings
from booking_api.notices.wording import Place, to_member, to_staff
from floor.words import Role

STAFF = (Role.TECHNICIAN, Role.OPERATOR, Role.ADMIN)
AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is told, and how; without a member the space's one address for staff."""

    member: Member | None
    way: Way


def tell(
    session: Session,
    alerts: Sequence[Alert],
    settings: NoticeSettings,
    place: Place,
    language: str,
    now_ms: int,
) -> int:
    """Make the notices of alerts; return how many alerts were news to anybody. `now_ms` is real time.

    `language` is that of the address `notices.staff`; people are told in theirs.
    """
    readers = list(_readers(session, settings))
    wanted = {_id(alert, reader): (alert, reader) for alert in alerts for reader in readers}
    news = wanted.keys() - _known(session, list(wanted))
    machines = machine_names(session, (alert.labels.get("machine", "") for alert in alerts))
    for id, (alert, reader) in wanted.items():
        if id not in news:
            continue
        quiet = settings.quiet if reader.way is Way.PUSH and not alert.pages else (0, 0)
        session.add(_notice(id, alert, reader, machines, place, language, now_ms, quiet))
    told = (wanted[id][0] for id in news)
    return len({(alert.fingerprint, alert.startsAt, alert.status) for alert in told})


def _readers(session: Session, settings: NoticeSettings) -> Iterator[Reader]:
    if settings.staff:
        yield Reader(None, Way.PUSH)
    staff = select(Member).where(col(Member.role).in_(STAFF), col(Member.erased_ms).is_(None))
    for member in session.exec(staff.where(col(Member.suspended_reason).is_(None)).order_by(Member.id)):
        way = way_of(session, member, MEMBER[ALERT["firing"]][0], settings)
        if way is not Way.NOTHING:
            yield Reader(member, way)


def _known(session: Session, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for begin in range(0, len(ids), AT_ONCE):
        part = ids[begin : begin + AT_ONCE]
        found.update(session.exec(select(Notice.id).where(col(Notice.id).in_(part))))
    return found


def _id(alert: Alert, reader: Reader) -> str:
    starts_ms = round(alert.startsAt.timestamp() * 1000)
    whom = reader.member.id if reader.member else ""
    return hashlib.sha256(f"{alert.fingerprint} {starts_ms} {alert.status} {whom}".encode()).hexdigest()


def _notice(
    id: str,
    alert: Alert,
    reader: Reader,
    machines: dict[str, str],
    place: Place,
    language: str,
    now_ms: int,
    quiet: tuple[int, int],
) -> Notice:
    what, data, member = ALERT[alert.status], _data(alert), reader.member
    said = (
        to_member(what, data, member.first_name, machines, member.language, place)
        if member
        else to_staff(what, data, machines, language, place)
    )
    return Notice(
        id=id,
        what=what,
        member=member.id if member else None,
        way=reader.way,
        title=said.title,
        body=said.body,
        at_ms=now_ms,
        next_ms=after_quiet(now_ms, quiet, place),
    )


def _data(alert: Alert) -> dict[str, str | int]:
    return {
        "alert": alert.name,
        "machine": alert.labels.get("machine", ""),
        "at_gateway": alert.labels.get("gateway", ""),
        "came_ms": round(alert.startsAt.timestamp() * 1000),
        "words": alert.annotations.get("summary", ""),
        "to_do": alert.annotations.get("action", "") if alert.status == "firing" else "",
        "handbook": alert.annotations.get("runbook_url", ""),
    }
