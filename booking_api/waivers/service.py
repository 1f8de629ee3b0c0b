"""What is done with waivers: published, signed, and who has to sign. Days are those of the space."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from booking_api.certifications import standing
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.gateways.changes import Subject, changed
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships.days import day_of
from booking_api.waivers.models import How, WaiverSignature, WaiverVersion
from floor.errors import Refused
from floor.texts import LANGUAGES

REMIND = timedelta(days=7)
"""So long before its day who has not signed is told again."""
Language = Annotated[str, Field(pattern=f"^({'|'.join(LANGUAGES)})$")]
Words = Annotated[str, Field(min_length=1, max_length=100)]


class WaiverDetails(BaseModel):
    """A new version of a kind of waiver, as in WaiverVersion; without `due` it holds from today on."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    names: Annotated[dict[Language, Words], Field(min_length=1)]
    texts: Annotated[dict[Language, Annotated[str, Field(max_length=50_000)]], Field(min_length=1)]
    again: bool = True
    due: date | None = None
    grace_days: Annotated[int, Field(ge=0, le=365)] = 0
    minors_only: bool = False
    required: bool = True
    machines: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=200)] = []
    machine_kinds: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=50)] = []


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs: what they typed, in which language they read it, and who is signed in meanwhile."""

    name: str
    language: str
    how: How
    by: str
    guardian: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A waiver that a member is asked to sign: the version to read, and the day from which it is missing."""

    version: WaiverVersion
    due: date
    is_missing: bool


def publish(session: Session, details: WaiverDetails, author: str, now_ms: int) -> WaiverVersion:
    """Add a version; who has to sign it is told, and gateways learn of it where its day has come.

    Raises Refused for a day that is past, where a language has a text and no name, and where there is no such
    machine, or none of such a kind.
    """
    today = day_of(now_ms, zone_of(session))
    due = details.due or today
    if due < today:
        raise Refused("due_past", "This day is over. Choose a later one.")
    if set(details.names) != set(details.texts):
        raise Refused("waiver_invalid", "A waiver has a name and a text in each of its languages.")
    _check_machines(session, details)
    before = versions(session, details.kind)
    n = before[-1].n + 1 if before else 1
    given = details.model_dump(exclude={"due", "again"})
    row = WaiverVersion(
        id=f"{details.kind}@{n}",
        n=n,
        due=due,
        again=details.again or not before,
        sha256=digest(json.dumps([details.names, details.texts], sort_keys=True, ensure_ascii=False)),
        author=author,
        created_ms=now_ms,
        **given,
    )
    session.add(row)
    session.flush()
    if row.again and row.required:
        _tell(session, row, due, now_ms)
    changed(session, Subject.FLOOR, row.id, now_ms)
    return row


def versions(session: Session, kind: str = "") -> list[WaiverVersion]:
    """Return the versions of a kind (or of all), in order."""
    query = select(WaiverVersion).order_by(WaiverVersion.kind, col(WaiverVersion.n))
    return list(session.exec(query.where(WaiverVersion.kind == kind) if kind else query))


def get(session: Session, id: str) -> WaiverVersion:
    """Return a version; raises Refused when there is none."""
    row = session.get(WaiverVersion, id)
    if row is None:
        raise Refused("waiver_not_found", "There is no such waiver.")
    return row


def newest(session: Session) -> list[WaiverVersion]:
    """Return the newest version of each kind that has to be signed, now or from a day on."""
    last = [list(rows)[-1] for _, rows in _by_kind(versions(session))]
    return [row for row in last if row.required]


def of_all(session: Session) -> list[WaiverVersion]:
    """Return those of the newest versions that are asked for at every machine: who joins signs these."""
    return [row for row in newest(session) if row.is_everywhere]


def newest_of(session: Session, row: WaiverVersion) -> WaiverVersion:
    """Return the version of the same kind that is signed: the last."""
    return versions(session, row.kind)[-1]


def is_newest(session: Session, id: str) -> bool:
    """Whether no version of the same kind has followed this one."""
    return newest_of(session, get(session, id)).id == id


def text_of(row: WaiverVersion, language: str) -> tuple[str, str, str]:
    """Return name and text of a version, and their language: the wanted one where there is one."""
    chosen = language if language in row.texts else next(iter(row.texts))
    return str(row.names[chosen]), str(row.texts[chosen]), chosen


def digest(text: str) -> str:
    """Return the SHA-256 of a text, as hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def sign(session: Session, member: str, version: str, signing: Signing, now_ms: int) -> WaiverSignature:
    """Keep that a version was signed: by the member, or for a minor by their guardian.

    Raises Refused for a name that is none, a version that another has followed, and for a minor who signs.
    """
    row, person = get(session, version), members.get(session, member)
    name = " ".join(signing.name.split())
    if not 1 <= len(name) <= 200:
        raise Refused("name_length", "Write your whole name to sign.")
    if not is_newest(session, row.id):
        raise Refused("waiver_old", "There is a newer version of this text. Read and sign that one.")
    is_minor = care.is_minor(session, person.id, day_of(now_ms, zone_of(session)))
    if is_minor and not signing.guardian:
        raise Refused("guardian_missing", "A guardian signs for a minor.")
    _, text, language = text_of(row, signing.language)
    made = WaiverSignature(
        id=make_id(now_ms),
        member=person.id,
        version=row.id,
        kind=row.kind,
        n=row.n,
        how=signing.how,
        name=name,
        guardian=name if is_minor else "",
        language=language,
        sha256=digest(text),
        by=signing.by,
        at_ms=now_ms,
    )
    session.add(made)
    session.flush()
    changed(session, Subject.MEMBER, person.id, now_ms)
    return made


def signatures(session: Session, member: str) -> list[WaiverSignature]:
    """Return what a member signed, the newest first."""
    query = select(WaiverSignature).where(WaiverSignature.member == member)
    return list(session.exec(query.order_by(col(WaiverSignature.at_ms).desc(), WaiverSignature.id)))


def asked(session: Session, member: Member, today: date) -> list[Asked]:
    """Return the waivers that a member has to sign, now or from a day on (who is new: when grace ends)."""
    found = []
    joined = day_of(member.created_ms, zone_of(session))
    for _, group in _by_kind(versions(session)):
        rows = list(group)
        last = rows[-1]
        days = {row.due for row in rows} | {joined + timedelta(days=row.grace_days) for row in rows}
        for due in sorted({today, *(day for day in days if day > today)}):
            if member.id in _missing(session, rows, {member.id}, due):
                found.append(Asked(last, due, due <= today))
                break
    return found


def unsigned(
    session: Session, ids: Collection[str] | None, day: date
) -> dict[str, tuple[WaiverVersion, ...]]:
    """Return which versions that hold on a day these members (None: all) have not signed; who has signed all
    is left out.
    """
    found: dict[str, tuple[WaiverVersion, ...]] = {}
    for _, group in _by_kind(versions(session)):
        rows = list(group)
        for member in _missing(session, rows, ids, day):
            holds = [row for row in rows if row.due <= day][-1]
            found[member] = (*found.get(member, ()), holds)
    return found


def missing(
    session: Session, ids: Collection[str] | None, day: date, machine: Machine | None = None
) -> set[str]:
    """Return who of these members (None: of all) may not use a machine (None: any machine) on a day, for want
    of a signature.
    """
    return {
        member
        for member, rows in unsigned(session, ids, day).items()
        if any(row.is_everywhere if machine is None else row.holds_at(machine) for row in rows)
    }


def concerned(
    session: Session, row: WaiverVersion, ids: Collection[str] | None, now_ms: int
) -> set[str] | None:
    """Return who of these members (None: of all) may use a machine at which a version is asked for, but for
    its signature; None stands for all of them.
    """
    there = [one for one in machines.listed(session) if row.holds_at(one)]
    if row.is_everywhere or not all(one.requires_certification for one in there):
        return None
    return set(standing.allowed(session, ids, there, now_ms))


def remind(session: Session, before: date, today: date, now_ms: int) -> None:
    """Tell who has to sign what falls due in a week, for the days after `before` until today."""
    for row in versions(session):
        if row.again and row.required and before < row.due - REMIND <= today:
            _tell(session, row, row.due, now_ms)


def _check_machines(session: Session, details: WaiverDetails) -> None:
    for id in details.machines:
        machines.get(session, id)
    there = {machine.kind for machine in machines.listed(session)}
    if unknown := sorted(set(details.machine_kinds) - there):
        kinds = ", ".join(sorted(there))
        raise Refused("waiver_invalid", f"No machine is of the kind {unknown[0]}. There are: {kinds}.")


def _by_kind(rows: Sequence[WaiverVersion]) -> groupby[str, WaiverVersion]:
    return groupby(rows, key=lambda row: row.kind)


def _missing(
    session: Session, rows: Sequence[WaiverVersion], ids: Collection[str] | None, day: date
) -> set[str]:
    """Return who has not signed what holds of one kind on a day: the last version that asked anew, or later.

    A guardian's signature is good for a minor, and for a while after they came of age.
    """
    asking = [row for row in rows if row.due <= day and (row.again or not row.required)]
    if not asking or not asking[-1].required:
        return set()
    base, birthdays = asking[-1], care.birthdays(session, ids)
    signed = select(WaiverSignature.member, WaiverSignature.guardian).where(
        WaiverSignature.kind == base.kind, col(WaiverSignature.n) >= base.n
    )
    people = select(Member.id, Member.created_ms).where(col(Member.erased_ms).is_(None))
    if ids is not None:
        signed, people = (
            signed.where(col(WaiverSignature.member).in_(ids)),
            people.where(col(Member.id).in_(ids)),
        )
    good = {
        member
        for member, guardian in session.exec(signed)
        if _counts(bool(guardian), birthdays.get(member), day)
    }
    grace, zone = timedelta(days=base.grace_days), zone_of(session)
    return {
        id
        for id, created_ms in session.exec(people)
        if id not in good
        and (not base.minors_only or day < birthdays.get(id, date.min))
        and (not base.grace_days or day >= day_of(created_ms, zone) + grace)
    }


def _counts(by_guardian: bool, of_age: date | None, day: date) -> bool:
    if of_age is None:
        return True
    if by_guardian:
        return day < of_age + care.AFTER_BIRTHDAY
    return day >= of_age


def _tell(session: Session, row: WaiverVersion, due: date, now_ms: int) -> None:
    asked_of, users = (
        _missing(session, versions(session, row.kind), None, due),
        concerned(session, row, None, now_ms),
    )
    for member in sorted(asked_of if users is None else asked_of & users):
        happened(
            session, Happening.WAIVER_DUE, row.id, now_ms, member=member, kind=row.kind, due=due.isoformat()
        )
