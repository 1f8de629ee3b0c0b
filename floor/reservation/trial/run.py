"""What becomes of the steps of a requests file under a policy. Nothing is real: there is no database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from floor.reservation import extension, fees, hand_over, queue, recurring, walk_in
from floor.reservation.decide import decide
from floor.reservation.model import Fee, Policies
from floor.reservation.queue import Waiting
from floor.reservation.reader import spelled
from floor.reservation.slots import keeps, released_ms, standing_at
from floor.reservation.terms import (
    Allowed,
    Decision,
    Kind,
    Known,
    Offer,
    Reservation,
    Slot,
    Standing,
    Turned,
    Use,
    Wanted,
)
from floor.reservation.trial.file import Requests, Step

OPEN = (Standing.BOOKED, Standing.BEGUN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step, or (`step` is None) what happened by itself: a release, an offer."""

    at_ms: int
    what: str
    decision: Decision
    step: Step | None = None
    fee: Fee | None = None
    offered: str = ""

    @property
    def granted(self) -> bool:
        """Whether it was granted."""
        return isinstance(self.decision, Allowed)

    @property
    def missed(self) -> str:
        """What was expected and is not so, in words; "" where all is as expected."""
        if self.step is None:
            return ""
        return "; ".join(_missed(self, self.step))


def _missed(outcome: Outcome, step: Step) -> list[str]:
    decision, found = outcome.decision, list[str]()
    if step.do == "offered":
        is_so = step.expect in ("", spelled(outcome.offered or "nobody"))
    elif isinstance(decision, Turned):
        key, name = decision.values.get("key", ""), decision.values.get("name", "")
        is_so = step.expect in ("", "refused", decision.rule, spelled(key), spelled(name))
    else:
        is_so = step.expect in ("", "granted", "allowed")
    if not is_so:
        found.append(step.expect)
    until = decision.until_ms if isinstance(decision, Allowed) else 0
    if step.expect_until_ms and until != step.expect_until_ms:
        found.append("another end")
    charged = "none" if outcome.fee is None else outcome.fee.tariff or str(outcome.fee.micro)
    if step.expect_fee and step.expect_fee != charged:
        found.append(f"another fee ({step.expect_fee})")
    if step.expect_offer and step.expect_offer not in (outcome.offered, "" if outcome.offered else "nobody"):
        found.append(f"an offer to {step.expect_offer}")
    return found


@dataclass(slots=True)
class World:
    """What has been booked, used and waited for so far."""

    policies: Policies
    requests: Requests
    reservations: dict[str, Reservation] = field(default_factory=dict)
    uses: list[tuple[str, Use]] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    offers: list[tuple[Offer, str]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def known(self, member: str, machine: str, now_ms: int, until_ms: int = 0) -> Known:
        """Return all that a decision on a member at a machine rests on, until an instant (0: now)."""
        who = self.requests.members.get(member)
        uses = tuple(
            replace(use, ends_ms=min(use.ends_ms, now_ms)) for name, use in self.uses if name == member
        )
        others = {
            one.member
            for one in self.waiting
            if machine in one.machines
            and one.member != member
            and one.from_ms < max(until_ms, now_ms + 1)
            and one.to_ms > now_ms
        }
        return Known(
            tuple(self.reservations.values()),
            uses,
            who.certified_for(machine) if who else 0,
            who.member_until_ms if who else None,
            who.suspended if who else False,
            len(others),
            tuple(offer for offer, _ in self.offers if offer.until_ms > now_ms),
        )

    def tier(self, member: str) -> str:
        """Return a member's tier."""
        return self.requests.members[member].tier if member in self.requests.members else ""

    def standing(self, one: Reservation, now_ms: int) -> Standing:
        """Return what a reservation is by now."""
        return standing_at(one, self.policies.of(one.slot.machine), now_ms)

    def find(self, step: Step, *, running: bool) -> Reservation | None:
        """Return the reservation that a step means: by name, else the member's next or running one."""
        if step.of:
            found = self.reservations.get(step.of)
            return found if found and found.member == step.member else None
        mine = [
            one
            for one in self.reservations.values()
            if one.member == step.member
            and (not step.machine or one.slot.machine == step.machine)
            and (not step.begins_ms or one.slot.begins_ms == step.begins_ms)
            and (one.standing in OPEN and (running or one.slot.ends_ms > step.at_ms))
            and (not running or one.slot.begins_ms <= step.at_ms)
        ]
        order = (lambda one: -one.slot.begins_ms) if running else (lambda one: one.slot.begins_ms)
        return min(mine, key=order, default=None)

    def offer(self, slot: Slot, now_ms: int) -> str:
        """Offer a slot that came free to who is next; return who that is, or ""."""
        left = Slot(slot.machine, max(slot.begins_ms, now_ms), slot.ends_ms)
        if left.length_ms <= 0:
            return ""
        one = queue.next_in_line(self.waiting, slot, self.policies, now_ms)
        if one is None:
            return ""
        until = queue.offer_until_ms(one, slot, self.policies, now_ms)
        self.offers.append((Offer(slot, one.member, until), one.id))
        return one.member

    def decline(self, offer: Offer, id: str) -> None:
        """Note that an offer lapsed."""
        seen = (offer.slot.machine, offer.slot.begins_ms)
        self.waiting = [
            replace(one, declined=one.declined | {seen}) if one.id == id else one for one in self.waiting
        ]

    def advance(self, to_ms: int) -> None:
        """Let happen what happens by itself until an instant: releases, and offers that lapse."""
        while True:
            events: list[tuple[int, str]] = [
                (released_ms(one, self.policies.of(one.slot.machine)), id)
                for id, one in self.reservations.items()
                if one.standing is Standing.BOOKED and not one.begun_ms
            ]
            events = [event for event in events if event[0]]
            events += [(offer.until_ms, "") for offer, _ in self.offers]
            due = min((event for event in events if event[0] <= to_ms), default=None)
            if due is None:
                return
            self._release(due[1], due[0]) if due[1] else self._lapse(due[0])

    def _release(self, id: str, now_ms: int) -> None:
        one = self.reservations[id]
        self.reservations[id] = replace(one, standing=Standing.RELEASED, closed_ms=now_ms)
        fee = fees.of_no_show(one, self.policies.of(one.slot.machine))
        offered = self.offer(one.slot, now_ms)
        what = f"{one.member} did not come to {one.slot.machine}: released"
        self.outcomes.append(Outcome(now_ms, what, Allowed(), None, fee, offered))

    def _lapse(self, now_ms: int) -> None:
        n = next(n for n, (offer, _) in enumerate(self.offers) if offer.until_ms == now_ms)
        offer, id = self.offers.pop(n)
        self.decline(offer, id)
        taken = any(
            one.slot.machine == offer.slot.machine
            and one.slot.overlaps(offer.slot.begins_ms, offer.slot.ends_ms)
            and keeps(one, self.policies.of(one.slot.machine), now_ms)
            for one in self.reservations.values()
        )
        offered = "" if taken else self.offer(offer.slot, now_ms)
        what = f"the offer of {offer.slot.machine} to {offer.member} has lapsed"
        self.outcomes.append(Outcome(now_ms, what, Allowed(), None, None, offered))

    def do(self, step: Step) -> None:
        """Do a step."""
        self.advance(step.at_ms)
        doing = {
            "request": self._request,
            "cancel": self._cancel,
            "check_in": self._check_in,
            "use": self._use,
            "leave": self._leave,
            "wait": self._wait,
            "hand_over": self._hand_over,
            "extend": self._extend,
            "offered": self._offered,
        }
        doing[step.do](step)

    def _end(
        self, step: Step, what: str, decision: Decision, fee: Fee | None = None, offered: str = ""
    ) -> None:
        self.outcomes.append(Outcome(step.at_ms, what, decision, step, fee, offered))

    def _request(self, step: Step) -> None:
        first = Slot(step.machine, step.begins_ms, step.ends_ms)
        slots = [first]
        if step.repeat is not None:
            slots = recurring.expand(first, step.repeat, self.requests.zone)
            tier, zone = self.tier(step.member), self.requests.zone
            may = recurring.may_recur(self.policies, step.machine, tier, slots, zone)
            if isinstance(may, Turned):
                return self._end(step, f"{len(slots)} times", may)
        for n, slot in enumerate(slots, 1):
            self._book(step, slot, n)
        return None

    def _book(self, step: Step, slot: Slot, n: int) -> None:
        wanted = Wanted(slot, step.member, self.tier(step.member), step.at_ms, step.kind)
        known = self.known(step.member, step.machine, step.at_ms)
        decision = decide(self.policies, wanted, known, self.requests.zone)
        what = f"time {n}" if n > 1 else ""
        if isinstance(decision, Allowed):
            for id in decision.displaces:
                self.reservations[id] = replace(self.reservations[id], standing=Standing.CANCELLED)
            id = (step.name or f"step-{step.number}") + (f"-{n}" if n > 1 else "")
            self.reservations[id] = Reservation(id, slot, step.member, step.at_ms, step.kind, wanted.tier)
            held = [(one, key) for one, key in self.offers if _is_taken(one, step.member, slot)]
            self.offers = [one for one in self.offers if one not in held]
            self.waiting = [one for one in self.waiting if one.id not in {key for _, key in held}]
        slots = replace(step, begins_ms=slot.begins_ms, ends_ms=slot.ends_ms)
        self._end(slots, what, decision)

    def _cancel(self, step: Step) -> None:
        one = self.find(step, running=False)
        if one is None or self.standing(one, step.at_ms) is not Standing.BOOKED:
            return self._end(step, "", Turned("reservation", "There is no such reservation to cancel."))
        policy = self.policies.of(one.slot.machine)
        fee = fees.of_cancel(one, policy, step.at_ms, self.requests.zone)
        self.reservations[one.id] = replace(one, standing=Standing.CANCELLED, closed_ms=step.at_ms)
        return self._end(_at(step, one), "", Allowed(), fee, self.offer(one.slot, step.at_ms))

    def _check_in(self, step: Step) -> None:
        one = self.find(step, running=True)
        standing = self.standing(one, step.at_ms) if one else None
        if one is None or standing not in OPEN:
            gone = any(
                other.standing is Standing.RELEASED
                and other.member == step.member
                and other.slot.overlaps(step.at_ms, step.at_ms + 1)
                for other in self.reservations.values()
            )
            rule, words = (
                ("no_show", "It was released.") if gone else ("reservation", "None of yours runs now.")
            )
            return self._end(step, "", Turned(rule, words))
        self.reservations[one.id] = replace(one, begun_ms=one.begun_ms or step.at_ms, standing=Standing.BEGUN)
        self.uses.append((one.member, Use(one.slot.machine, step.at_ms, one.slot.ends_ms, False)))
        return self._end(_at(step, one), "", Allowed((), one.slot.ends_ms))

    def _use(self, step: Step) -> None:
        now_ms, machine = step.at_ms, step.machine
        one = self.find(step, running=True)
        if one is not None and one.standing is Standing.BOOKED and self.standing(one, now_ms) in OPEN:
            return self._check_in(step)
        if any(use.machine == machine and use.begins_ms <= now_ms < use.ends_ms for _, use in self.uses):
            return self._end(step, "", Turned("in_use", f"{machine} is in use."))
        known = self.known(step.member, machine, now_ms)
        tier = self.tier(step.member)
        decision = walk_in.decide(
            self.policies, machine, step.member, tier, known, now_ms, self.requests.zone
        )
        if isinstance(decision, Allowed):
            wanted = step.ends_ms or (now_ms + step.length_ms if step.length_ms else 0)
            ends = min((one for one in (wanted, decision.until_ms) if one), default=now_ms)
            self.uses.append((step.member, Use(machine, now_ms, ends, True)))
        return self._end(step, "", decision)

    def _leave(self, step: Step) -> None:
        for n in range(len(self.uses) - 1, -1, -1):
            name, use = self.uses[n]
            if name == step.member and use.machine in (step.machine, use.machine if not step.machine else ""):
                self.uses[n] = name, replace(use, ends_ms=min(use.ends_ms, step.at_ms))
                return self._end(step, "", Allowed())
        return self._end(step, "", Turned("in_use", "No use of theirs runs."))

    def _wait(self, step: Step) -> None:
        waits = len([one for one in self.waiting if step.machine in one.machines])
        decision = queue.may_wait(self.policies, step.machine, self.tier(step.member), waits)
        if isinstance(decision, Allowed):
            length = step.length_ms if step.length_ms else step.ends_ms - step.begins_ms
            id = f"{len(self.outcomes):06}"
            tier = self.tier(step.member)
            machines, times = (step.machine,), (step.begins_ms, step.ends_ms)
            self.waiting.append(Waiting(id, step.member, tier, machines, *times, step.at_ms, length))
        self._end(step, "", decision)

    def _hand_over(self, step: Step) -> None:
        one = self.find(step, running=False)
        if one is None:
            return self._end(step, "", Turned("reservation", "There is no such reservation."))
        known = self.known(step.to, one.slot.machine, step.at_ms)
        tier = self.tier(step.to)
        args = (self.policies, one, step.to, tier, known, step.at_ms, self.requests.zone)
        decision = hand_over.decide(*args)
        if isinstance(decision, Allowed):
            self.reservations[one.id] = replace(one, standing=Standing.HANDED_OVER, closed_ms=step.at_ms)
            id = step.name or f"step-{step.number}"
            self.reservations[id] = replace(one, id=id, member=step.to, tier=tier, made_ms=step.at_ms)
        return self._end(_at(step, one), f"to {step.to}", decision)

    def _extend(self, step: Step) -> None:
        one = self.find(step, running=True)
        if one is None or not one.begun_ms or one.kind is not Kind.USE:
            return self._end(step, "", Turned("reservation", "None of yours runs now."))
        to_ms = step.ends_ms or one.slot.ends_ms + step.length_ms
        known = self.known(step.member, one.slot.machine, step.at_ms, to_ms)
        decision = extension.decide(self.policies, one, to_ms, known, step.at_ms, self.requests.zone)
        if isinstance(decision, Allowed):
            for n, (name, use) in enumerate(self.uses):
                if name == one.member and use.machine == one.slot.machine and use.begins_ms == one.begun_ms:
                    self.uses[n] = name, replace(use, ends_ms=to_ms)
        return self._end(replace(_at(step, one), ends_ms=to_ms), "", decision)

    def _offered(self, step: Step) -> None:
        held = [offer for offer, _ in self.offers if offer.slot.machine == step.machine]
        self._end(step, "", Allowed(), None, held[0].member if held else "")


def _is_taken(offer: Offer, member: str, slot: Slot) -> bool:
    same = offer.slot.machine == slot.machine and offer.member == member
    return same and offer.slot.overlaps(slot.begins_ms, slot.ends_ms)


def _at(step: Step, one: Reservation) -> Step:
    return replace(step, machine=one.slot.machine, begins_ms=one.slot.begins_ms, ends_ms=one.slot.ends_ms)


def run(policies: Policies, requests: Requests) -> list[Outcome]:
    """Do the steps of a requests file, in order, and return what became of each and what happened between."""
    world = World(policies.over(requests.machines), requests)
    for step in requests.steps:
        world.do(step)
    return world.outcomes
