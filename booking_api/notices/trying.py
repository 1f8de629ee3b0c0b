"""Who tries which notice or letter, and what came of it. Times are real UTC milliseconds.

As with webhooks a try is claimed by moving its time on, if nobody has done so meanwhile.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select, update
from sqlmodel.sql.expression import SelectOfScalar

from booking_api.happenings.again import GIVE_UP_MS, KEPT_MS, delay_ms
from booking_api.happenings.models import Letter
from booking_api.happenings.words import LetterKind
from booking_api.members.models import Member
from booking_api.notices.kinds import MEMBER, Kind, Way
from booking_api.notices.models import Notice, NoticePush, NoticeReminded
from floor.errors import FloorError

LEASE_MS = 120_000
"""How long whoever claimed a try may take; longer than the time limit of sending."""


class NotSent(FloorError):
    """It did not go out; the sentence says what is known of why."""


class Box(StrEnum):
    """Where it was taken from."""

    NOTICE = "notice"
    LETTER = "letter"


@dataclass(frozen=True, slots=True)
class Try:
    """Something to send that this worker has claimed; `address` or `push_sealed` say where, both "": staff.

    `letter` and `values` are what a letter is worded from; `kind` is a notice's kind, for who wants no more.
    """

    box: Box
    id: str
    way: Way
    address: str = ""
    push_sealed: str = ""
    title: str = ""
    body: str = ""
    member: str = ""
    language: str = "en"
    kind: Kind | None = None
    letter: LetterKind | None = None
    values: dict[str, str] = field(default_factory=dict)


def claim(session: Session, now_ms: int, room: int) -> list[Try]:
    """Claim at most `room` letters and notices that are due, letters first."""
    mine = [_of_letter(row) for row in _letters(session, now_ms, room)]
    for row in _notices(session, now_ms, room - len(mine)):
        one = _of_notice(session, row)
        if one is None:
            _end(row, now_ms, "there is nowhere to send it any more")
            session.add(row)
        else:
            mine.append(one)
    return mine


def due(session: Session, now_ms: int) -> bool:
    """Whether any is due; reads only."""
    notice = select(Notice.id).where(col(Notice.next_ms) <= now_ms).limit(1)
    return session.exec(_due_letters(now_ms).limit(1)).first() is not None or (
        session.exec(notice).first() is not None
    )


def succeeded(session: Session, one: Try, now_ms: int) -> None:
    """Write down that it went out; what it said is emptied."""
    row = _row(session, one)
    if row is None:
        return
    row.sent_ms, row.problem = now_ms, ""
    _empty(row)
    session.add(row)


def failed(session: Session, one: Try, problem: str, now_ms: int) -> str:
    """Write down that it did not go out: it is tried again, or given up. Returns the outcome's word."""
    row = _row(session, one)
    if row is None:
        return "failed"
    row.problem = problem[:200]
    session.add(row)
    if now_ms - row.at_ms >= GIVE_UP_MS:
        _end(row, now_ms, problem)
        return "given_up"
    row.next_ms = now_ms + delay_ms(row.tries - 1, random.random())
    return "failed"


def waiting(session: Session) -> tuple[int, int]:
    """Return how many notices and how many letters wait."""
    notices = select(func.count()).select_from(Notice).where(col(Notice.next_ms).is_not(None))
    letters = select(func.count()).select_from(Letter).where(*_open())
    return session.exec(notices).one(), session.exec(letters).one()


def stuck(session: Session, now_ms: int) -> tuple[int, int]:
    """Return how many letters and notices wait for an hour or more, and how many were given up lately."""
    hour = now_ms - 3_600_000
    old_letters = select(func.count()).select_from(Letter).where(*_open(), col(Letter.at_ms) < hour)
    old_notices = select(func.count()).select_from(Notice).where(
        col(Notice.next_ms) <= now_ms, col(Notice.at_ms) < hour
    )  # fmt: skip
    given = sum(
        session.exec(select(func.count()).select_from(kind).where(col(kind.given_up_ms).is_not(None))).one()
        for kind in (Letter, Notice)
    )
    return session.exec(old_letters).one() + session.exec(old_notices).one(), given


def purge(session: Session, now_ms: int) -> None:
    """Forget what was sent or given up long ago, and old reminders' marks."""
    old = now_ms - KEPT_MS
    for kind in (Letter, Notice):
        over = or_(col(kind.sent_ms) < old, col(kind.given_up_ms) < old)
        for row in session.exec(select(kind).where(over).limit(2_000)):
            session.delete(row)
    for mark in session.exec(select(NoticeReminded).where(col(NoticeReminded.begins_ms) < old).limit(2_000)):
        session.delete(mark)


def _letters(session: Session, now_ms: int, room: int) -> list[Letter]:
    ordered = _due_letters(now_ms).order_by(col(Letter.next_ms)).limit(max(room, 0))
    found = session.exec(ordered).all()
    return [row for row in found if _take(session, Letter, row, now_ms)]


def _notices(session: Session, now_ms: int, room: int) -> list[Notice]:
    query = select(Notice).where(col(Notice.next_ms) <= now_ms).order_by(col(Notice.next_ms))
    found = session.exec(query.limit(max(room, 0))).all()
    return [row for row in found if _take(session, Notice, row, now_ms)]


def _take(session: Session, kind: type[Letter] | type[Notice], row: Letter | Notice, now_ms: int) -> bool:
    done = session.exec(
        update(kind)
        .where(col(kind.id) == row.id, col(kind.next_ms) == row.next_ms, col(kind.sent_ms).is_(None))
        .values(next_ms=now_ms + LEASE_MS, tries=row.tries + 1)
    ).rowcount
    return bool(done)


def _of_letter(row: Letter) -> Try:
    return Try(
        Box.LETTER,
        row.id,
        Way.MAIL,
        row.address,
        language=row.language,
        letter=row.kind,
        values=dict(row.values),
    )


def _of_notice(session: Session, row: Notice) -> Try | None:
    if row.member is None:
        return Try(Box.NOTICE, row.id, Way.PUSH, title=row.title, body=row.body)
    member, push = session.get(Member, row.member), session.get(NoticePush, row.member)
    kind = MEMBER[row.what][0] if row.what in MEMBER else None
    if member is None or not row.title:
        return None
    one = Try(
        Box.NOTICE,
        row.id,
        row.way,
        title=row.title,
        body=row.body,
        member=member.id,
        language=member.language,
        kind=kind,
    )
    if row.way is Way.PUSH and push is not None:
        return replace(one, push_sealed=push.url_sealed)
    return replace(one, way=Way.MAIL, address=member.email) if member.email else None


def _row(session: Session, one: Try) -> Letter | Notice | None:
    if one.box is Box.LETTER:
        return session.get(Letter, one.id)
    return session.get(Notice, one.id)


def _open() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(Letter.sent_ms).is_(None), col(Letter.given_up_ms).is_(None)


def _due_letters(now_ms: int) -> SelectOfScalar[Letter]:
    return select(Letter).where(*_open(), col(Letter.next_ms) <= now_ms)


def _end(row: Letter | Notice, now_ms: int, problem: str) -> None:
    row.given_up_ms, row.problem = now_ms, problem[:200]
    _empty(row)


def _empty(row: Letter | Notice) -> None:
    """Empty what it said, and to whom: a letter has a link and an address, a notice what somebody did."""
    if isinstance(row, Letter):
        row.values, row.address = {}, ""
    else:
        row.title = row.body = ""
        row.next_ms = None
