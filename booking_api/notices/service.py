"""The notices that happenings make. Times are real UTC milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.happenings.models import Happened
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.notices.choices import choices
from booking_api.notices.kinds import MEMBER, STAFF, Kind, Way
from booking_api.notices.models import Notice, NoticePush
from booking_api.notices.settings import NoticeSettings
from booking_api.notices.wording import Place, Said, to_member, to_staff
from floor.errors import Refused

TEST = "test"
TEST_PAUSE_MS = 60_000
"""A member is sent a test message this often at most, in real milliseconds."""


def plan(
    session: Session,
    rows: Sequence[Happened],
    settings: NoticeSettings,
    place: Place,
    language: str,
    now_ms: int,
) -> None:
    """Make the notices of happenings: to whom they concern, as they chose, and to staff (in `language`)."""
    members = _members(session, rows)
    machines = machine_names(session, (str(_told(row).get("machine", "")) for row in rows))
    for row in rows:
        member = members.get(row.member or "")
        if member is not None and row.what in MEMBER:
            tell(session, member, row.what, _told(row), machines, settings, place, now_ms)
        if row.what in STAFF and settings.staff:
            said = to_staff(row.what, _told(row), machines, language, place)
            session.add(_notice(row.what, None, Way.PUSH, said, now_ms, now_ms))


def tell(
    session: Session,
    member: Member,
    what: str,
    data: Mapping[str, Any],
    machines: Mapping[str, str],
    settings: NoticeSettings,
    place: Place,
    now_ms: int,
) -> None:
    """Make the notice of something that concerns a member, if they want one and can be reached."""
    way = way_of(session, member, MEMBER[what][0], settings)
    if way is not Way.NOTHING:
        said = to_member(what, data, member.first_name, machines, member.language, place)
        quiet = settings.quiet if way is Way.PUSH else (0, 0)
        next_ms = after_quiet(now_ms, quiet, place)
        session.add(_notice(what, member.id, way, said, now_ms, next_ms))


def test(
    session: Session, member: Member, title: str, body: str, settings: NoticeSettings, now_ms: int
) -> int:
    """Send a member a message by each way on which they can be reached; return by how many.

    Raises Refused within a minute of the last one: mails to oneself are no toy.
    """
    last = select(Notice.id).where(
        Notice.member == member.id, Notice.what == TEST, col(Notice.at_ms) > now_ms - TEST_PAUSE_MS
    )
    if session.exec(last).first() is not None:
        raise Refused("notice_tested", "A test message was sent a moment ago. Wait a minute.")
    ways = [Way.MAIL] if member.email and settings.mail else []
    if session.get(NoticePush, member.id) is not None:
        ways.append(Way.PUSH)
    for way in ways:
        session.add(_notice(TEST, member.id, way, Said(title, body), now_ms, now_ms))
    return len(ways)


def machine_names(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Return the names of machines by their ids."""
    return dict(session.exec(select(Machine.id, Machine.name).where(col(Machine.id).in_(set(ids)))).all())


def after_quiet(now_ms: int, quiet: tuple[int, int], place: Place) -> int:
    """Return the instant from which a phone may ring: now, or the end of the quiet hours."""
    begin, end = quiet
    at = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(place.zone)
    minute = at.hour * 60 + at.minute
    is_quiet = begin <= minute < end if begin <= end else (minute >= begin or minute < end)
    if not is_quiet:
        return now_ms
    until = at.replace(hour=end // 60, minute=end % 60, second=0, microsecond=0)
    if until <= at:
        until += timedelta(days=1)
    return round(until.timestamp() * 1000)


def way_of(session: Session, member: Member, kind: Kind, settings: NoticeSettings) -> Way:
    """Return how a member is told of a kind: as they chose, where they can be reached so."""
    way = choices(session, member.id)[kind]
    if way is Way.PUSH and session.get(NoticePush, member.id) is None:
        way = Way.MAIL
    if way is Way.MAIL and not (member.email and settings.mail):
        return Way.NOTHING
    return way


def _notice(what: str, member: str | None, way: Way, said: Said, now_ms: int, next_ms: int) -> Notice:
    return Notice(
        id=make_id(now_ms),
        what=what,
        member=member,
        way=way,
        title=said.title,
        body=said.body,
        at_ms=now_ms,
        next_ms=next_ms,
    )


def _told(row: Happened) -> Mapping[str, Any]:
    """Return the data of a happening, with what it happened to where that has a name for people."""
    about = row.what.partition(".")[0]
    named = {"machine": "machine", "certification": "skill"}.get(about)
    return {named: row.subject} | row.data if named else row.data


def _members(session: Session, rows: Sequence[Happened]) -> dict[str, Member]:
    ids = {row.member for row in rows if row.member and row.what in MEMBER}
    found = session.exec(select(Member).where(col(Member.id).in_(ids)))
    return {member.id: member for member in found}
