"""What a gateway is told: a whole roster, or what of it changed."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa
from sqlmodel import Session, col, select

from booking_api.auth.models import Credential
from booking_api.auth.permissions import GRANTS, Permission
from booking_api.badges.models import Badge
from booking_api.billing.service import since_admitted
from booking_api.certifications import standing
from booking_api.db import zone_of
from booking_api.gateways import bookings, walk_in
from booking_api.gateways.models import Gateway
from booking_api.gateways.purse import At, Purse, fill
from booking_api.machines.models import Asking, Machine
from booking_api.machines.service import policy_of
from booking_api.members import care
from booking_api.members.models import Member
from booking_api.members.service import is_suspended
from booking_api.memberships.days import day_of
from booking_api.metering.models import JournalHead
from booking_api.payments import overdue
from booking_api.prints.service import for_roster
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.models import TariffVersion
from booking_api.vault import Vault
from booking_api.waivers import service as waivers
from booking_api.waivers.models import WaiverVersion
from floor.access import BadgeStanding, MemberStanding
from floor.badge_keys import PROOF_KEY
from floor.errors import ConfigError
from floor.ids import badge_reference
from floor.wire.roster import JournalPlace, JsonTable, Roster, RosterDelta, RosterMachine, RosterVersion
from floor.words import BadgeKind, Role

log = logging.getLogger(__name__)
STAFF = frozenset({Role.TECHNICIAN, Role.OPERATOR, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes rosters for one gateway; `commodity` is the space's currency, in which credit is counted."""

    session: Session
    vault: Vault
    commodity: str
    gateway: Gateway
    now_ms: int

    def whole(self, version: RosterVersion) -> Roster:
        """Return everything that the gateway needs; members with neither badge nor sign-in are left out."""
        machines = self._machines(None)
        badges = self._badges(None)
        members = self._read_members(self._who_tap(badges, None), None)
        purse = self._purse(members, machines, None, version)
        return Roster(
            gateway=self.gateway.name,
            version=version,
            issued_ms=self.now_ms,
            members=self._standings(members, machines, purse, None),
            badges=badges,
            machines=self._entries(machines),
            budgets={key: micro for key, micro in purse.budgets.items() if micro is not None},
            timezone=str(zone_of(self.session)),
            commodity=self.commodity,
            walk_in=walk_in.rules(self.session, [machine.id for machine in machines], self.now_ms),
            journal=self._journal(),
        )

    def changes(
        self,
        members: Collection[str],
        machines: Collection[str],
        teams: Collection[str],
        base: RosterVersion,
        version: RosterVersion,
    ) -> RosterDelta:
        """Return what these members and machines are now, and what is left of these teams' budgets."""
        mine = self._asking()
        touched = {*machines, *bookings.machines_of(self.session, members, self.now_ms)}
        badges = self._badges(members)
        found = self._read_members(self._who_tap(badges, members), members)
        purse = self._purse(found, mine, teams, version)
        standings: dict[str, MemberStanding | None] = dict.fromkeys(set(members) - {one.id for one in found})
        standings |= self._standings(found, mine, purse, members)
        return RosterDelta(
            gateway=self.gateway.name,
            base=base,
            version=version,
            issued_ms=self.now_ms,
            members=standings,
            badges=dict(badges),
            machines=self._entries(self._machines(touched & {one.id for one in mine})),
            budgets=purse.budgets,
            journal=self._journal(),
        )

    def _journal(self) -> JournalPlace | None:
        """Return how far the newest journal is applied; no batch is under way: the gateway is locked."""
        query = select(JournalHead.epoch, JournalHead.seq).where(JournalHead.gateway == self.gateway.name)
        head = self.session.exec(query.order_by(col(JournalHead.epoch).desc())).first()
        return JournalPlace(*head) if head else None

    def _machines(self, ids: Collection[str] | None) -> list[Machine]:
        """Return those of the gateway's machines (None: all)."""
        if ids is not None and not ids:
            return []
        query = select(Machine).where(self._mine())
        if ids is not None:
            query = query.where(col(Machine.id).in_(ids))
        return list(self.session.exec(query.order_by(Machine.id)))

    def _asking(self) -> list[Asking]:
        """Return what the gateway's machines ask of members: to read hundreds whole takes much longer."""
        query = sa.select(*(getattr(Machine, name) for name in Asking._fields))
        query = query.where(self._mine()).order_by(col(Machine.id))
        return [Asking(*row) for row in self.session.execute(query)]

    def _mine(self) -> sa.ColumnElement[bool]:
        return col(Machine.archived_ms).is_(None) & (col(Machine.gateway) == self.gateway.name)

    def _badges(self, members: Collection[str] | None) -> dict[str, BadgeStanding]:
        query = sa.select(
            col(Badge.id), col(Badge.member), col(Badge.kind), col(Badge.uid_sealed), col(Badge.lost_ms),
            col(Badge.key_version),
        )  # fmt: skip
        if members is not None:
            query = query.where(col(Badge.member).in_(members))
        key = self.vault.open(self.gateway.badge_key_sealed)
        found: dict[str, BadgeStanding] = {}
        for id, member, kind, uid_sealed, lost_ms, key_version in self.session.execute(query):
            uid, lost = self.vault.open(uid_sealed), lost_ms is not None
            own = "" if lost or kind.weak or not key_version else self._own_key(id, kind, uid, key_version)
            found[badge_reference(key, uid)] = BadgeStanding(member, kind, lost, own)
        return found

    def _own_key(self, badge: str, kind: BadgeKind, uid: bytes, version: int) -> str:
        """Return the key by which a badge proves itself, "" for one that cannot: it is then refused.

        A master key that is gone costs the badges that were written by it, not everybody's roster.
        """
        try:
            return self.vault.masters.key_of(kind, uid, PROOF_KEY, version).hex()
        except ConfigError as error:
            log.error("badge %s cannot prove itself anywhere: %s", badge, error)
            return ""

    def _who_tap(self, badges: dict[str, BadgeStanding], members: Collection[str] | None) -> set[str]:
        """Return who has a badge, or may tap by phone because they sign in."""
        query = select(Credential.member)
        if members is not None:
            query = query.where(col(Credential.member).in_(members))
        return {standing.member for standing in badges.values()} | set(self.session.exec(query))

    def _read_members(self, ids: Collection[str], told: Collection[str] | None) -> list[Member]:
        """Return members by their ids; asked for everybody (`told` is None), the ids are looked up here."""
        query = select(Member) if told is None else select(Member).where(col(Member.id).in_(ids))
        return [member for member in self.session.exec(query) if member.id in ids]

    def _purse(
        self,
        members: list[Member],
        machines: Collection[Machine | Asking],
        teams: Collection[str] | None,
        version: RosterVersion,
    ) -> Purse:
        priced = frozenset(machine.tariff for machine in machines if machine.tariff)
        at = At(version, self.now_ms, self.commodity, priced)
        return fill(self.session, self.gateway.name, members, teams, at)

    def _standings(
        self,
        members: list[Member],
        machines: Collection[Machine | Asking],
        purse: Purse,
        told: Collection[str] | None,
    ) -> dict[str, MemberStanding]:
        return standings(self.session, members, machines, purse, told, self.now_ms)

    def _entries(self, machines: list[Machine]) -> list[RosterMachine]:
        if not machines:
            return []
        versions = tariffs.versions(self.session, {one.tariff for one in machines if one.tariff})
        ids = [machine.id for machine in machines]
        prints = for_roster(self.session, self.vault, ids)
        booked = bookings.for_roster(self.session, ids, self.now_ms)
        waits = walk_in.waits(self.session, ids, self.now_ms)
        return [
            RosterMachine(
                id=machine.id,
                name=machine.name,
                policy=policy_of(machine),
                tariffs=_that_matter(versions.get(machine.tariff or "", []), self.now_ms),
                lockout=machine.lockout_reason,
                prints=prints.get(machine.id, []),
                bookings=booked.get(machine.id, []),
                waits=waits.get(machine.id, []),
            )
            for machine in machines
        ]


def standings(
    session: Session,
    members: Collection[Member],
    machines: Collection[Machine | Asking],
    purse: Purse,
    told: Collection[str] | None,
    now_ms: int,
) -> dict[str, MemberStanding]:
    """Return where members stand at machines, by id; `told` are their ids, None: all that there are."""
    zone = zone_of(session)
    allowed = standing.allowed(session, told, machines, now_ms)
    open_to_all = {machine.id: 0 for machine in machines if not machine.requires_certification}
    late = overdue.blocked(session, None, now_ms)
    since = since_admitted(session, {member.id: member.created_ms for member in members}, zone)
    today = day_of(now_ms, zone)
    minors = care.minors(session, told, today)
    unsigned = waivers.unsigned(session, told, today)
    counted = walk_in.counted(session, told, [machine.id for machine in machines], now_ms)
    found = {}
    for member in members:
        may = allowed.get(member.id, {}) | open_to_all
        one = replace(
            _standing(member, purse, may, late, since[member.id]),
            suspended=is_suspended(member, now_ms) or member.account in late,
            supervised=member.id in minors,
            counted=counted.get(member.id, ()),
        )
        found[member.id] = _who_signs(one, unsigned.get(member.id, ()), machines)
    return found


def _standing(
    member: Member, purse: Purse, allowed: dict[str, int], late: set[str], since: date
) -> MemberStanding:
    """Say what a member may do and spend; nobody charges to an overdue team."""
    charged, others = purse.accounts_of(member)
    return MemberStanding(
        id=member.id,
        shown=member.shown_name,
        tier=member.tier,
        account=charged.id,
        language=member.language,
        until_ms=member.valid_until_ms,
        spendable_micro=0 if charged.id in late else charged.spendable_micro,
        allowed=allowed,
        technician=member.role in STAFF,
        supervisor=member.role is Role.INSTRUCTOR or member.role in STAFF,
        signs_off=Permission.CERTIFICATIONS_WRITE in GRANTS[member.role],
        positions=charged.positions,
        budgets=charged.budgets,
        others=tuple(other for other in others if other.id not in late),
        account_name=charged.name,
        since=since,
        number=member.number,
    )


def _who_signs(
    member: MemberStanding, unsigned: Collection[WaiverVersion], machines: Collection[Machine | Asking]
) -> MemberStanding:
    """Return a standing that says where a signature is missing: at all machines, or at some.

    A gateway of a version before that reads only who is allowed, and refuses as well.
    """
    if not unsigned:
        return member
    if any(row.is_everywhere for row in unsigned):
        return replace(member, waiver_missing=True)
    there = tuple(machine.id for machine in machines if any(row.holds_at(machine) for row in unsigned))
    if not there:
        return member
    allowed = {machine: until_ms for machine, until_ms in member.allowed.items() if machine not in there}
    return replace(member, waiver_missing_at=there, allowed=allowed)


def _that_matter(versions: list[TariffVersion], now_ms: int) -> list[JsonTable]:
    """Return the version in force, the one before (a session may have begun under it) and all that follow."""
    past = [version for version in versions if version.valid_from_ms <= now_ms]
    return [tariffs.table(version) for version in versions[max(0, len(past) - 2) :]]
