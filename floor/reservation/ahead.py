"""What lies ahead of somebody at a machine: until when they may go on, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from floor.reservation import calendar, limits, opening
from floor.reservation.calendar import shown
from floor.reservation.model import Counted, Policies, Policy, Rules, Then, Within
from floor.reservation.slots import block_times, keeps
from floor.reservation.terms import Kind, Known, Reservation

LOOK_MS = 40 * calendar.DAY_MS
WINDOW_MS = 8 * calendar.DAY_MS


@dataclass(frozen=True, slots=True)
class Bound:
    """An instant at which a use must end, by a rule, and a sentence that says so. 0: nothing ends it."""

    until_ms: int = 0
    rule: str = ""
    sentence: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class User:
    """Who uses a machine now, or would, as a member of a tier."""

    policies: Policies
    machine: str
    member: str
    tier: str
    known: Known
    now_ms: int
    zone: tzinfo

    @property
    def policy(self) -> Policy:
        """The machine's policy."""
        return self.policies.of(self.machine)

    @property
    def rules(self) -> Rules:
        """The rules that hold for the tier now."""
        touched = calendar.windows_at(self.policies, self.now_ms, self.now_ms + 1, self.zone)
        return self.policy.rules_for(self.tier, touched)

    def reservations(self) -> list[Reservation]:
        """Return those that keep the machine, in order of time."""
        here = [one for one in self.known.reservations if one.slot.machine == self.machine]
        return sorted(
            (one for one in here if keeps(one, self.policy, self.now_ms)), key=lambda one: one.slot.begins_ms
        )


def earliest(bounds: list[Bound]) -> Bound:
    """Return the bound that comes first; one that never comes where there is none."""
    return min((one for one in bounds if one.until_ms), key=lambda one: one.until_ms, default=Bound())


def next_taken(user: User, before_ms: int) -> Bound:
    """Return when the machine is somebody else's next, `before_ms` earlier."""
    for one in user.reservations():
        if one.slot.ends_ms > user.now_ms and (one.member != user.member or one.kind is not Kind.USE):
            until = max(one.slot.begins_ms - before_ms, user.now_ms)
            begins = shown(one.slot.begins_ms, user.zone)
            return Bound(until, "reserved", f"{user.machine} is reserved from {begins} on.")
    return Bound()


def next_block(user: User, before_ms: int) -> Bound:
    """Return when a class or maintenance of the file takes the machine next."""
    blocks = block_times(user.policies, user.machine, user.now_ms, user.now_ms + LOOK_MS, user.zone)
    for block, (begins, _) in blocks:
        until = max(begins - before_ms, user.now_ms)
        return Bound(
            until, "blocks", f"{user.machine} is taken from {shown(begins, user.zone)}: {block.name}."
        )
    return Bound()


def next_window(user: User) -> Bound:
    """Return when windows of the policy let the member use the machine without a reservation no more."""
    edges = set[int]()
    for name in {one.window for one in user.policy.windows}:
        times = user.policies.windows[name]
        for begins, ends in calendar.stretches(times, user.now_ms, user.now_ms + WINDOW_MS, user.zone):
            edges |= {begins, ends}
    for at_ms in sorted(edges):
        touched = calendar.windows_at(user.policies, at_ms, at_ms + 1, user.zone)
        rules = user.policy.rules_for(user.tier, touched)
        barred = bool(rules.only_tiers) and user.tier not in rules.only_tiers
        if barred or not rules.walk_in:
            why = "." if barred else " without a reservation."
            sentence = f"From {shown(at_ms, user.zone)} on {user.machine} is not for you{why}"
            return Bound(at_ms, "only_tiers" if barred else "walk_in", sentence)
    return Bound()


def closing(user: User) -> Bound:
    """Return when the space closes, where that ends a use."""
    rules = user.rules
    if rules.within_hours is not Within.WHOLE:
        return Bound()
    closes = opening.closes_ms(user.policies, rules, user.machine, user.now_ms, user.zone)
    return Bound(closes, "hours", f"It closes at {shown(closes, user.zone)}.") if closes else Bound()


def limit_bounds(user: User, counted: frozenset[Counted], *, is_new: bool) -> list[Bound]:
    """Return when each limit that counts such use ends it; a limit that cedes does so if somebody waits."""
    made: list[Bound] = []
    item = limits.Item(user.machine, user.now_ms, user.now_ms, int(is_new))
    asked = limits.Asked(user.policies, item, user.member, user.tier, user.known, user.now_ms, user.zone)
    for limit in limits.limits_at(user.policies, user.rules, user.machine, user.tier):
        looks_back = is_new and not limit.counts & limits.COMING and limit.then is Then.REFUSE
        if not (limit.counts & counted or looks_back) or (limit.then is Then.CEDE and not user.known.waiting):
            continue
        until = limits.reached_ms(asked, limit)
        if not until:
            continue
        sentence = limits.reached_words(asked, limit, until)
        if limit.then is Then.CEDE:
            sentence += " Somebody waits."
        most = str(limit.number) if limit.ms is None else calendar.said(limit.ms)
        made.append(Bound(until, "limits", sentence, {"key": limit.key, "name": limit.name, "most": most}))
    return made
