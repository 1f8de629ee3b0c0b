"""Bring a file of members in: what it would change, and then all of it in one transaction, or nothing.

A row is a member who has its number, its email, its badge or, where it has none of these, its name; else it
is somebody new. An empty cell leaves what is there. Brought in again, a file changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import Any

from sqlmodel import Session, col, select

from booking_api.accounts.models import Account, AccountKind
from booking_api.auth import letters
from booking_api.badges.models import Badge, BadgeEvent
from booking_api.badges.service import newest_version
from booking_api.certifications import skills
from booking_api.certifications.models import Certification, Skill
from booking_api.clock import make_id
from booking_api.courses.models import Course
from booking_api.db import zone_of
from booking_api.gateways.changes import many_changed
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members.cells import BadgeNamed, Held, Problem, read_row, shown
from booking_api.members.models import Member, MemberCare
from booking_api.members.names import whole
from booking_api.members.service import account_name, next_number
from booking_api.members.sheet import Sheet
from booking_api.memberships.days import begin_ms, day_of
from booking_api.vault import Vault
from floor.badge_keys import UID_BYTES
from floor.words import Role

OWN = ("first_name", "last_name", "shown_name", "email", "tier", "language")
CARE = ("phone", "emergency_name", "emergency_phone", "minor_until", "guardian_name", "guardian_contact")
KEYS = ("number", "email")
NAMES = ("first_name", "last_name", "name")
ADD, CHANGE, SAME = "add", "change", "same"


@dataclass(frozen=True, slots=True)
class Change:
    """What a row would change: the column, what is there, and what the file says; both as text."""

    column: str
    before: str
    after: str


@dataclass(slots=True)
class Planned:
    """What a row comes to: `what` is "add", "change" or "same"; `values` are those of its cells."""

    line: int
    what: str
    number: str
    name: str
    member: Member | None
    values: Mapping[str, Any]
    changes: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """What a file would do. With problems nothing of it is done."""

    rows: list[Planned] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows add, change and stay."""
        found = Counter(row.what for row in self.rows)
        return {what: found[what] for what in (ADD, CHANGE, SAME)}


class Importer:
    """Plans and applies one file, with all that it has to be compared with read once.

    `now_ms` is floor time, `real_ms` real time. Addresses of staff change only with `of_staff`: whoever reads
    what is sent there can sign in as them.
    """

    def __init__(
        self, session: Session, vault: Vault, now_ms: int, real_ms: int, *, of_staff: bool = False
    ) -> None:
        self._session, self._vault, self._now_ms = session, vault, now_ms
        self._real_ms, self._of_staff = real_ms, of_staff
        self._zone: tzinfo = zone_of(session)
        self._today = day_of(now_ms, self._zone)
        people = session.exec(select(Member).where(col(Member.erased_ms).is_(None))).all()
        self._by_id = {one.id: one for one in people}
        self._by_number = {one.number: one for one in people}
        self._by_email = {one.email.casefold(): one for one in people if one.email}
        self._by_name: dict[tuple[str, str], list[Member]] = {}
        for one in people:
            self._by_name.setdefault((one.first_name, one.last_name), []).append(one)
        self._care = {one.member: one for one in session.exec(select(MemberCare))}
        self._accounts = {one.id: one for one in session.exec(select(Account))}
        self._badges = dict(session.exec(select(Badge.uid_lookup, Badge.member)).all())
        self._held = {(one.member, one.skill): one for one in session.exec(select(Certification))}
        self._teaches = _taught(session)
        self._coming: set[str] = set()

    def plan(self, sheet: Sheet) -> Plan:
        """Say what a file would do, row by row, and what is wrong in it."""
        plan = Plan(unknown=sheet.unknown)
        seen: dict[tuple[str, str], int] = {}
        badges: dict[str, int] = {}
        self._coming = {row.cells[one].casefold() for row in sheet.rows for one in KEYS if one in row.cells}
        for row in sheet.rows:
            values, problems = read_row(row.line, row.cells)
            found = self._match(values)
            if not any(one.column in NAMES for one in problems):
                problems += self._nameless(row.line, values, found)
            problems += self._wrong(row.line, values, found) + _twice(row.line, values, found, seen)
            problems += self._badge_problems(row.line, values, found, badges)
            plan.problems += problems
            if not problems:
                plan.rows.append(self._planned(row.line, values, found))
        return plan

    def apply(self, plan: Plan, author: str) -> None:
        """Do what a plan says; the caller's transaction keeps all of it. Rosters are told once."""
        assert not plan.problems
        rows = [row for row in plan.rows if row.what != SAME]
        # Parents before children, a flush each: the session knows of no order between tables.
        people = self._admit_all(rows)
        self._session.flush()
        for row, member in people:
            self._write(row, member)
        self._session.flush()
        version = newest_version(self._session)
        for row, member in people:
            self._care_for(row, member)
            self._enrol(row, member.id, author, version)
            self._certify(row, member.id, author)
        self._session.flush()
        touched = {member.id for _, member in people}
        many_changed(self._session, touched, self._now_ms)
        if touched:
            self._tell(plan.counts)

    def _tell(self, counts: Mapping[str, int]) -> None:
        """Tell once of all: nobody wants ten thousand letters."""
        id, added, changed = make_id(self._now_ms), counts[ADD], counts[CHANGE]
        happened(
            self._session, Happening.MEMBER_CHANGED, id, self._now_ms, fields="import", added=added,
            changed=changed,
        )  # fmt: skip

    def _match(self, values: Mapping[str, Any]) -> list[Member]:
        """Return whom a row names: several where its number and its email are of two."""
        named = []
        if "number" in values:
            named.append(self._by_number.get(values["number"]))
        if "email" in values:
            named.append(self._by_email.get(values["email"].casefold()))
        if not named:
            owners = [self._badges.get(self._lookup(one)) for one in values.get("badges", ())]
            named = [self._by_id.get(owner) for owner in owners if owner]
        if not named and "first_name" in values:
            alike = self._by_name.get((values["first_name"], values.get("last_name", "")), [])
            named = list(alike[:1]) if len(alike) == 1 else []
        found = {one.id: one for one in named if one is not None}
        return list(found.values())

    def _wrong(self, line: int, values: Mapping[str, Any], found: list[Member]) -> list[Problem]:
        problems = []

        def wrong(column: str, code: str, value: object = "") -> None:
            problems.append(Problem(line, column, str(value or values.get(column, ""))[:80], code, {}))

        if len(found) > 1:
            wrong("email" if "email" in values else "badges", "two_members")
        is_staff = any(one.role is not Role.MEMBER and one.email != values.get("email") for one in found)
        if "email" in values and is_staff and not self._of_staff:
            wrong("email", "email_staff")
        for held in values.get("certifications", ()):
            if held.name not in self._teaches:
                wrong("certifications", "machine", held.name)
        if "guardian" in values and not self._is_guardian(values["guardian"]):
            wrong("guardian", "guardian")
        reached = values.get("guardian_name") and values.get("guardian_contact")
        is_known = found and found[0].id in self._care
        is_minor = self._minor_until(values) is not None
        if is_minor and "guardian" not in values and not reached and not is_known:
            wrong("minor_until", "guardian")
        return problems

    @staticmethod
    def _nameless(line: int, values: Mapping[str, Any], found: list[Member]) -> list[Problem]:
        if found or values.get("first_name"):
            return []
        return [Problem(line, "first_name", "", "name", {})]

    def _badge_problems(
        self, line: int, values: Mapping[str, Any], found: list[Member], taken: dict[str, int]
    ) -> list[Problem]:
        problems = []
        for one in values.get("badges", ()):
            lookup, uid = self._lookup(one), one.uid.hex().upper()
            owner = self._badges.get(lookup)
            if taken.setdefault(lookup, line) != line or (owner and not any(m.id == owner for m in found)):
                problems.append(Problem(line, "badges", uid, "badge_taken", {}))
            if not one.kind.weak and len(one.uid) != UID_BYTES:
                problems.append(Problem(line, "badges", uid, "uid", {}))
        return problems

    def _person(self, named: str) -> Member | None:
        return self._by_number.get(named) or self._by_email.get(named.casefold())

    def _is_guardian(self, named: str) -> bool:
        """Whether this is a member, or one of the file, who is no minor as far as is known."""
        found = self._person(named)
        kept = self._care.get(found.id) if found else None
        if kept is not None and kept.minor_until is not None and kept.minor_until > self._today:
            return False
        return found is not None or named.casefold() in self._coming

    def _minor_until(self, values: Mapping[str, Any]) -> date | None:
        """Return the day on which a minor comes of age; of who is of age nothing is kept."""
        day: date | None = values.get("minor_until")
        return day if day is not None and day > self._today else None

    def _planned(self, line: int, values: dict[str, Any], found: list[Member]) -> Planned:
        member = found[0] if found else None
        if "minor_until" in values and self._minor_until(values) is None:
            del values["minor_until"]
        name = whole(values.get("first_name", ""), values.get("last_name", "")) if not member else ""
        row = Planned(
            line=line,
            what=ADD,
            number=member.number if member else values.get("number", ""),
            name=member.whole_name if member else name,
            member=member,
            values=values,
        )
        if member is not None:
            row.changes = self._changes(row, member)
            row.what = CHANGE if row.changes else SAME
        return row

    def _changes(self, row: Planned, member: Member) -> list[Change]:
        kept = self._care.get(member.id) or MemberCare(member=member.id)
        account = self._accounts[member.account]
        pairs = [(column, getattr(member, column)) for column in OWN]
        pairs += [(column, getattr(kept, column)) for column in CARE]
        pairs.append(("credit_limit", account.credit_limit_micro))
        until_ms = member.valid_until_ms
        pairs.append(("valid_until", None if until_ms is None else day_of(until_ms, self._zone)))
        found = [
            Change(column, shown(column, before), shown(column, row.values[column]))
            for column, before in pairs
            if column in row.values and row.values[column] != before
        ]
        named = self._person(row.values.get("guardian", ""))
        if "guardian" in row.values and (named is None or named.id != kept.guardian):
            before = self._by_id.get(kept.guardian or "")
            found.append(Change("guardian", before.number if before else "–", row.values["guardian"]))
        new = [one for one in row.values.get("badges", ()) if self._lookup(one) not in self._badges]
        found += [Change("badges", "–", one.uid.hex().upper()) for one in new]
        return found + [
            Change("certifications", "–", skill) for skill, _, _ in self._to_certify(row, member.id)
        ]

    def _to_certify(self, row: Planned, member: str) -> list[tuple[str, date | None, date | None]]:
        """Return skill, since and until of what a row certifies and is not held so."""
        wanted = []
        for held in row.values.get("certifications", ()):
            for skill in self._teaches[held.name]:
                kept = self._held.get((member, skill))
                if kept is None or not self._is_held(kept, held):
                    wanted.append((skill, held.granted, held.until))
        return wanted

    def _is_held(self, kept: Certification, held: Held) -> bool:
        until = None if kept.expires_ms is None else day_of(kept.expires_ms, self._zone)
        since = day_of(kept.granted_ms, self._zone)
        return kept.revoked_ms is None and until == held.until and held.granted in (None, since)

    def _lookup(self, badge: BadgeNamed) -> str:
        return self._vault.lookup(badge.uid)

    def _admit_all(self, rows: list[Planned]) -> list[tuple[Planned, Member]]:
        """Return the rows with their members: those that there are, and new ones with an account each."""
        number = int(next_number(self._session))
        found = []
        for row in rows:
            member = row.member
            if member is None:
                while not row.number and str(number) in self._by_number:
                    number += 1
                member = self._admit(row, row.number or str(number))
                self._by_number[member.number] = member
                self._by_email[str(row.values.get("email", "")).casefold()] = member
            found.append((row, member))
        return found

    def _admit(self, row: Planned, number: str) -> Member:
        id = make_id(self._now_ms)
        first, last = row.values["first_name"], row.values.get("last_name", "")
        account = Account(
            id=id, kind=AccountKind.MEMBER, name=account_name(first, last), created_ms=self._now_ms
        )
        self._accounts[id] = account
        self._session.add(account)
        return Member(
            id=id, number=number, first_name=first, last_name=last, shown_name=first, account=id,
            created_ms=self._now_ms,
        )  # fmt: skip

    def _write(self, row: Planned, member: Member) -> None:
        values, before = row.values, member.email
        member.sqlmodel_update({column: values[column] for column in OWN if column in values})
        if "valid_until" in values:
            member.valid_until_ms = begin_ms(values["valid_until"], self._zone)
        account = self._accounts[member.account]
        account.name = account_name(member.first_name, member.last_name)
        if "credit_limit" in values:
            account.credit_limit_micro = values["credit_limit"]
        self._session.add(member)
        if row.what == CHANGE:
            letters.address_changed(self._session, member, before, self._real_ms)

    def _care_for(self, row: Planned, member: Member) -> None:
        given = {column: row.values[column] for column in CARE if column in row.values}
        guardian = self._person(row.values.get("guardian", ""))
        if guardian is not None and guardian.id != member.id:
            given["guardian"] = guardian.id
        if given:
            kept = self._care.get(member.id) or MemberCare(member=member.id)
            self._care[member.id] = kept
            kept.sqlmodel_update(given)
            self._session.add(kept)

    def _enrol(self, row: Planned, member: str, author: str, version: int) -> None:
        for one in row.values.get("badges", ()):
            lookup = self._lookup(one)
            if lookup in self._badges:
                continue
            id = make_id(self._now_ms)
            self._badges[lookup] = member
            badge = Badge(
                id=id, member=member, uid_sealed=self._vault.seal(one.uid), uid_lookup=lookup, kind=one.kind,
                label="", enrolled_ms=self._now_ms,
                key_version=0 if one.kind.weak else self._vault.masters.newest(version),
            )  # fmt: skip
            event = BadgeEvent(id=id, badge=id, member=member, what="enrolled", by=author, at_ms=self._now_ms)
            self._session.add_all((badge, event))

    def _certify(self, row: Planned, member: str, author: str) -> None:
        for named, granted, until in self._to_certify(row, member):
            skill = skills.meant(self._session, named, self._now_ms).id
            kept = self._held.get((member, skill)) or Certification(
                member=member, skill=skill, granted_by=author, granted_ms=self._now_ms
            )
            kept.granted_by = author
            kept.expires_ms = begin_ms(until, self._zone) if until else None
            kept.granted_ms = begin_ms(granted, self._zone) if granted else self._now_ms
            kept.revoked_ms = kept.revoked_by = None
            self._held[member, skill] = kept
            self._session.add(kept)


def _taught(session: Session) -> dict[str, list[str]]:
    """Return the skills that a name stands for: a skill's, a machine's that asks for one, or a course's."""
    taught: dict[str, list[str]] = {}
    for machine in session.exec(select(Machine)):
        asked = machines.requirement_of(machine)
        if asked is None or isinstance(asked, str):
            taught[machine.id] = [asked or machine.id]
    taught |= {id: [id] for id in session.exec(select(Skill.id))}
    return taught | {one.id: list(one.certifies) for one in session.exec(select(Course))}


def _twice(
    line: int, values: Mapping[str, Any], found: list[Member], seen: dict[tuple[str, str], int]
) -> list[Problem]:
    """Return what of a row stands in an earlier one: one member has one row."""
    keys = [(column, str(values[column]).casefold()) for column in ("number", "email") if column in values]
    keys += [("first_name", one.id) for one in found]
    if not keys and not values.get("badges"):
        keys = [("first_name", whole(values.get("first_name", ""), values.get("last_name", "")))]
    problems = []
    for key in keys:
        before = seen.setdefault(key, line)
        if before != line:
            value = str(values.get(key[0], ""))
            problems.append(Problem(line, key[0], value, "twice", {"line": str(before)}))
            break
    return problems
