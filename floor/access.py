"""May this badge use this machine now? Pure: the same request has the same answer, whatever else is down.

Rules are tried in a fixed order and the first that says no gives the reason, so that a member is told
what to mend first: the badge, then the person, then the machine, then the training, then somebody else's
reservation, then the money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

from floor.policy import MachinePolicy
from floor.words import BadgeKind, DenialReason, Purpose

REPAIR_TIER = "repair"
"""The tier of a repair: it costs nothing, unless a tariff names this tier and says what."""
BREAK_GLASS_S = 3600
"""The longest session, in seconds, that a technician has with a roster too old or a clock unknown."""

NOTHING_COUNTED: dict[str, str] = {}
"""The positions of whoever has none: one table for all, as a roster holds thousands. Never written to."""


def _nothing_counted() -> dict[str, str]:
    return NOTHING_COUNTED


@dataclass(frozen=True, slots=True)
class BadgeStanding:
    """A badge as a roster knows it; it belongs to one member and is not that member.

    `key` is the badge's own AES key as 32 hex digits, "" for a badge that cannot prove itself.
    """

    member: str
    kind: BadgeKind
    lost: bool = False
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """An account that a member may charge to instead of their default one.

    `spendable_micro` is this gateway's slice of what the member alone may still spend on it, in micro-units
    of the space's currency, None for no limit. `budgets` names what several share: each is in the roster's
    budgets, and the least of all holds. `positions` is where the account stands in allowances, brackets and
    caps (floor.tariff.History): exact fractions, as text, and only those that tariffs here ask for.
    """

    id: str
    name: str
    spendable_micro: int | None = None
    positions: dict[str, str] = field(default_factory=_nothing_counted)
    budgets: tuple[str, ...] = ()


class Tally(NamedTuple):
    """Something of a member's own that a limit of a machine's rules counts (floor.reservation.model.Counted).

    `what` is its word there; a session is "walk_in" or, where it was reserved, "use". `ends_ms` is 0 for a
    session that runs. `at_ms` is when a late cancellation came. All times are UTC milliseconds.
    """

    machine: str
    what: str
    begins_ms: int
    ends_ms: int
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class MemberStanding:
    """A member as a roster knows them.

    `allowed` maps a machine's id to the end of the certification in UTC milliseconds, 0 for no end.
    `until_ms` is the end of the membership, None for no end. `account` is the default one; `spendable_micro`,
    `positions` and `budgets` are of it, as in AccountStanding. `others` may be chosen instead.
    `account_name` is what the default account is called, "" where it is the member's own. `since` is the
    first day of the membership, from which its years and billing months count. `number` is the member's, as
    the names of jobs carry it (floor.job_codes). `technician` may repair, `supervisor` may stand by others.
    `supervised` needs somebody who stands by at every machine; `waiver_missing` says that they have to sign
    before they use any machine, `waiver_missing_at` at which machines they do.
    `signs_off` may sign others off where they may use it themselves. `counted` is what limits here count.
    """

    id: str
    shown: str
    tier: str
    account: str
    language: str = "en"
    until_ms: int | None = None
    suspended: bool = False
    spendable_micro: int | None = None
    allowed: dict[str, int] = field(default_factory=dict)
    technician: bool = False
    positions: dict[str, str] = field(default_factory=_nothing_counted)
    budgets: tuple[str, ...] = ()
    others: tuple[AccountStanding, ...] = ()
    account_name: str = ""
    since: date | None = None
    number: str = ""
    supervisor: bool = False
    supervised: bool = False
    waiver_missing: bool = False
    signs_off: bool = False
    waiver_missing_at: tuple[str, ...] = ()
    counted: Sequence[Tally] = ()


def accounts_of(member: MemberStanding) -> tuple[AccountStanding, ...]:
    """Return the accounts that a member may charge to, the default one first."""
    default = AccountStanding(
        member.account, member.account_name, member.spendable_micro, member.positions, member.budgets
    )
    return (default, *(other for other in member.others if other.id != default.id))


@dataclass(frozen=True, slots=True)
class Lease:
    """A grant: it names one session, and ends by itself. `max_duration_s` counts from the grant.

    `supervisor` is the member who stood by when it began, "" where nobody had to.
    """

    session_id: str
    machine: str
    member: str
    account: str
    badge: str
    tier: str
    shown: str
    granted_ms: int
    max_duration_s: int
    limit_micro: int | None = None
    account_name: str = ""
    purpose: Purpose = Purpose.USE
    supervisor: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """Yes, on these terms."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Denied:
    """No, and why. `member` is known unless the badge is not."""

    reason: DenialReason
    member: str | None = None


Decision = Granted | Denied


UNTRAINED = frozenset({DenialReason.NOT_CERTIFIED, DenialReason.CERTIFICATION_EXPIRED})
"""Reasons that a class stands above for its guests."""
OF_THE_BADGE = frozenset(
    {DenialReason.BADGE_LOST, DenialReason.BADGE_NOT_PROVEN, DenialReason.BADGE_TOO_WEAK}
)
"""Reasons by which it is not certain that the badge's member is there."""


@dataclass(frozen=True, slots=True)
class Request:
    """All that a decision rests on. Times in UTC milliseconds; `clock_known` says whether they mean anything.

    `proven` is what the reader saw of the badge, `badge.kind` what it must be.
    `session_id` and `now_ms` come from the caller: rules make no ids and read no clock. `out_of_order` says
    that the machine is locked out, and that nothing holds it there but what a technician may look into.
    `reserved`: somebody else's reservation holds now, and refuses others (floor.reservation.at_machine). A
    `not_walk_in`: the rules refuse use without a reservation (floor.reservation.walk_in). A
    class that runs, opened by `class_opener`, lets its guest in without training until `class_ends_ms`, or 0.
    """

    machine: str
    policy: MachinePolicy
    badge_reference: str
    badge: BadgeStanding | None
    proven: BadgeKind
    member: MemberStanding | None
    session_id: str
    now_ms: int
    clock_known: bool
    roster_age_s: int
    machine_reachable: bool = True
    power_proven_off: bool = True
    out_of_order: bool = False
    closing: bool = False
    reserved: bool = False
    not_walk_in: bool = False
    class_ends_ms: int = 0
    class_opener: str = ""


def decide(request: Request) -> Decision:
    """Grant a lease or say the first reason why not.

    A technician may repair what is out of order. With a roster too old or a clock unknown they break the
    glass, where the policy lets them: neither asks for training or credit, and neither is above a badge that
    does not count, a suspension, power that is not proven off, or a building that closes.
    """
    badge, member = request.badge, request.member
    if badge is None or member is None:
        return Denied(DenialReason.UNKNOWN_BADGE)
    untrained = _certification_refuses(request, member)
    guest = untrained in UNTRAINED and request.now_ms < request.class_ends_ms
    reason = (
        _badge_refuses(request, badge)
        or _member_refuses(request, member)
        or _machine_refuses(request)
        or (None if guest else untrained)
        or (DenialReason.RESERVED if request.reserved else None)
        or (DenialReason.WALK_IN if request.not_walk_in else None)
    )
    if reason is None and member.spendable_micro is not None and member.spendable_micro <= 0:
        reason = DenialReason.NO_CREDIT
    if member.technician and (purpose := _overrides(request, member, reason)):
        reason = _badge_refuses(request, badge) or _never_overridden(request, member)
        return Denied(reason, member.id) if reason else Granted(_for(_lease(request, member), purpose))
    if reason:
        return Denied(reason, member.id)
    lease = _lease(request, member)
    return Granted(_of_class(lease, request) if guest else lease)


def _overrides(request: Request, member: MemberStanding, reason: DenialReason | None) -> Purpose | None:
    """Return what a technician's tap is for, where it is not one as a member's.

    No phone's is, nor that of somebody who needs another beside them.
    """
    if request.proven is BadgeKind.PHONE or member.supervised:
        return None
    alone = reason in {DenialReason.ROSTER_TOO_OLD, DenialReason.CLOCK_UNKNOWN}
    if alone and not request.policy.break_glass:
        return None
    if request.out_of_order:
        return Purpose.REPAIR
    return Purpose.BREAK_GLASS if alone else None


def _never_overridden(request: Request, member: MemberStanding) -> DenialReason | None:
    if member.suspended:
        return DenialReason.MEMBER_SUSPENDED
    if request.clock_known and member.until_ms is not None and request.now_ms >= member.until_ms:
        return DenialReason.MEMBERSHIP_EXPIRED
    closing = DenialReason.CLOSING if request.closing else None
    return closing if request.power_proven_off else DenialReason.MACHINE_NOT_SAFE


def _for(lease: Lease, purpose: Purpose) -> Lease:
    longest_s = min(lease.max_duration_s, BREAK_GLASS_S)
    if purpose is Purpose.REPAIR:
        return replace(lease, purpose=purpose, tier=REPAIR_TIER, limit_micro=None)
    return replace(lease, purpose=purpose, limit_micro=None, max_duration_s=longest_s)


def _of_class(lease: Lease, request: Request) -> Lease:
    """Return the lease of who is let in by a class alone: it ends with the class, whatever runs then."""
    left_s = max(1, (request.class_ends_ms - request.now_ms) // 1000)
    return replace(lease, max_duration_s=min(lease.max_duration_s, left_s), supervisor=request.class_opener)


def may_supervise(request: Request) -> bool:
    """Whether whoever taps may stand by another at this machine: all but the money is asked of them too.

    Whose reservation it is does not matter. No phone stands by: a picture of a code, sent to it, would do
    from anywhere.
    """
    member = request.member
    if request.proven is BadgeKind.PHONE:
        return False
    if member is None or not (member.supervisor or member.technician) or member.supervised:
        return False
    freed = replace(request, out_of_order=False, reserved=False, not_walk_in=False, class_ends_ms=0)
    decision = decide(replace(freed, member=replace(member, spendable_micro=None)))
    return isinstance(decision, Granted) and decision.lease.purpose is Purpose.USE


def may_sign_off(request: Request) -> bool:
    """Whether whoever taps may sign others off at this machine: they may, and could stand by there too."""
    member = request.member
    if member is None or not member.signs_off:
        return False
    return may_supervise(replace(request, machine_reachable=True))


def not_signed_off(request: Request) -> DenialReason | None:
    """Return why it is not certain who this is that is to be signed off, or why they are not; None: they are.

    No phone is signed off: it may be anywhere.
    """
    badge, member = request.badge, request.member
    if badge is None or member is None:
        return DenialReason.UNKNOWN_BADGE
    if request.proven is BadgeKind.PHONE:
        return DenialReason.BADGE_NOT_PROVEN
    suspended = DenialReason.MEMBER_SUSPENDED if member.suspended else None
    return _badge_refuses(request, badge) or suspended


def _badge_refuses(request: Request, badge: BadgeStanding) -> DenialReason | None:
    if badge.lost:
        return DenialReason.BADGE_LOST
    if not badge.kind.weak and badge.kind is not request.proven:
        return DenialReason.BADGE_NOT_PROVEN
    if badge.kind.weak and not request.policy.accepts_weak_badges:
        return DenialReason.BADGE_TOO_WEAK
    return None


def _member_refuses(request: Request, member: MemberStanding) -> DenialReason | None:
    if member.suspended:
        return DenialReason.MEMBER_SUSPENDED
    if member.waiver_missing or request.machine in member.waiver_missing_at:
        return DenialReason.WAIVER_MISSING
    if member.until_ms is None:
        return None
    if not request.clock_known:
        return DenialReason.CLOCK_UNKNOWN
    return DenialReason.MEMBERSHIP_EXPIRED if request.now_ms >= member.until_ms else None


def _machine_refuses(request: Request) -> DenialReason | None:
    if request.roster_age_s > request.policy.max_roster_age_s:
        return DenialReason.ROSTER_TOO_OLD
    if not request.power_proven_off:
        return DenialReason.MACHINE_NOT_SAFE
    if request.closing:
        return DenialReason.CLOSING
    if request.policy.needs_machine_reachable and not request.machine_reachable:
        return DenialReason.MACHINE_UNREACHABLE
    return None


def _certification_refuses(request: Request, member: MemberStanding) -> DenialReason | None:
    until_ms = member.allowed.get(request.machine)
    if until_ms is None:
        return DenialReason.NOT_CERTIFIED
    if until_ms == 0:
        return None
    if not request.clock_known:
        return DenialReason.CLOCK_UNKNOWN
    return DenialReason.CERTIFICATION_EXPIRED if request.now_ms >= until_ms else None


def _lease(request: Request, member: MemberStanding) -> Lease:
    return Lease(
        session_id=request.session_id,
        machine=request.machine,
        member=member.id,
        account=member.account,
        badge=request.badge_reference,
        tier=member.tier,
        shown=member.shown,
        granted_ms=request.now_ms,
        max_duration_s=request.policy.max_duration_s,
        limit_micro=_held(member.spendable_micro, request.policy),
        account_name=member.account_name,
    )


def _held(left_micro: int | None, policy: MachinePolicy) -> int | None:
    """Return how much of what is left a session holds at first."""
    return left_micro if left_micro is None or not policy.hold_micro else min(left_micro, policy.hold_micro)


def choose(lease: Lease, account: AccountStanding, price_micro: int, policy: MachinePolicy) -> Lease | None:
    """Return the lease with another account to pay, or None when nothing of it would be left.

    `price_micro` is what the session would have cost that account by now, in the space's currency.
    """
    left = account.spendable_micro
    if left is not None and left <= price_micro:
        return None
    held = _held(None if left is None else left - price_micro, policy)
    limit = None if held is None else price_micro + held
    return replace(lease, account=account.id, account_name=account.name, limit_micro=limit)


def raise_hold(lease: Lease, left_micro: int | None, price_micro: int, policy: MachinePolicy) -> Lease | None:
    """Return the lease with more to spend, once its price comes near to what it holds; None: as it is.

    `left_micro` is what is left of the account beside this hold, None for no limit. With a policy that holds
    a part at a time, the next is taken when half of the last is spent; else when nothing is left of the hold.
    """
    if lease.limit_micro is None or price_micro + policy.hold_micro // 2 < lease.limit_micro:
        return None
    if left_micro is None:
        return replace(lease, limit_micro=None)
    most = lease.limit_micro + left_micro
    wanted = price_micro + policy.hold_micro if policy.hold_micro else most
    limit = min(most, wanted)
    return replace(lease, limit_micro=limit) if limit > max(lease.limit_micro, price_micro) else None
