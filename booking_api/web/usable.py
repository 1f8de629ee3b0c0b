"""Whether a reader may use a machine, what to do first if not, and when it is free: in their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from babel.dates import format_date
from sqlmodel import Session, select

from booking_api.certifications import standing as skills_standing
from booking_api.certifications.models import Skill
from booking_api.certifications.service import called
from booking_api.certifications.standing import Standings
from booking_api.gateways import may_use
from booking_api.gateways.may_use import Ahead, Verdict
from booking_api.machines.models import Machine
from booking_api.machines.service import policy_of, requirement_of
from booking_api.web.render import Page
from booking_api.web.reserve_words import rule_words
from floor import training
from floor.access import UNTRAINED
from floor.reservation.at_machine import Reserved, holds, look
from floor.wire.messages import Station
from floor.wire.roster import Booking
from floor.words import DenialReason, StationState

MINUTE_MS = 60_000
ABOUT_MS = 5 * MINUTE_MS
"""What is estimated is rounded up to this."""
EMPTY = frozenset({StationState.FREE, StationState.RUN_ON})
NOT_FOR_THEM = frozenset({"only_tiers", "except_tiers"})
WAITS_ONLY = frozenset({None, DenialReason.RESERVED, DenialReason.WALK_IN})
"""Reasons that do not say that the reader may not use the machine: only not now, or not so."""
REASONS: Mapping[DenialReason, tuple[str, str]] = {
    DenialReason.UNKNOWN_BADGE: ("You need a badge first: ask staff", ""),
    DenialReason.BADGE_TOO_WEAK: ("You need a badge that cannot be copied", ""),
    DenialReason.BADGE_NOT_PROVEN: ("You need a badge that cannot be copied", ""),
    DenialReason.MEMBER_SUSPENDED: ("You are suspended, or something is overdue", "/me"),
    DenialReason.MEMBERSHIP_EXPIRED: ("Your membership has ended", "/membership"),
    DenialReason.WAIVER_MISSING: ("There is a text to sign first", "/me/details"),
    DenialReason.NO_CREDIT: ("Your balance is spent: pay in first", "/me"),
    DenialReason.WALK_IN: ("Only with a reservation", "/machines/%(machine)s/reserve"),
}
"""What is said by the reason that a station would give, and where it is mended."""


@dataclass(frozen=True, slots=True)
class Usable:
    """What one machine is to its reader: `may` None where nobody is signed in.

    `words` say whether they may use it, else what comes first, and `address` where that is done. `when` is
    until or from when it is free, "" where its state says it all. `free`: it is free for them now.
    """

    may: bool | None = None
    words: str = ""
    address: str = ""
    when: str = ""
    free: bool = False


UNASKED = Usable()


@dataclass(frozen=True)
class Reader:
    """What is known of machines for a page's reader, read once for all of them."""

    page: Page
    known: Ahead
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    standings: Standings | None = None
    skills: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def names(self) -> dict[str, str]:
        """The machines' names by id."""
        return {machine.id: machine.name for machine in self.known.machines}

    def of(self, machine: Machine, station: Station | None) -> Usable:
        """Say what a machine is to the reader, with what its station shows (None: it is out of touch)."""
        verdict = self.verdicts.get(machine.id)
        booked = self.known.of(machine.id)
        seen = verdict.reserved if verdict else look(booked, None, self.known.now_ms, ())
        empty = station is not None and station.state in EMPTY and machine.lockout_reason is None
        usable = self._may(machine, verdict) if verdict else Usable()
        return Usable(
            usable.may,
            usable.words,
            usable.address,
            self._when(machine, station, seen, verdict),
            empty and not seen.refuses,
        )

    def _say(self, text: str, **values: str) -> str:
        said = self.page.f.texts.gettext(text)
        return said % values if values else said

    def _may(self, machine: Machine, verdict: Verdict) -> Usable:
        reason = verdict.reason
        if reason in UNTRAINED:
            return Usable(False, self._untrained(machine, reason), f"/machines/{machine.id}#training")
        if reason is DenialReason.WALK_IN and verdict.turned and verdict.turned.rule != "walk_in":
            turned = verdict.turned
            words = rule_words(turned.rule, turned.sentence, self.page, self.names)
            return Usable(turned.rule not in NOT_FOR_THEM, words.rstrip(".。"))
        if reason is None or reason is DenialReason.RESERVED:
            text = "You may use it, with somebody beside you" if verdict.beside else "You may use it"
            return Usable(True, self._say(text))
        if reason in REASONS:
            text, address = REASONS[reason]
            return Usable(reason in WAITS_ONLY, self._say(text), address % {"machine": machine.id})
        return Usable(False, self._say("A station would refuse you"))

    def _untrained(self, machine: Machine, reason: DenialReason | None) -> str:
        names = self.lacking(machine)
        if not names:
            return self._say("You need to be shown how it works first")
        joined = self._say(", ").join(names)
        if reason is DenialReason.CERTIFICATION_EXPIRED:
            return self._say("Your training has lapsed: %(names)s", names=joined)
        return self._say("You need training first: %(names)s", names=joined)

    def lacking(self, machine: Machine) -> list[str]:
        """Return the names of the skills that the reader lacks there; empty for the machine's own."""
        return [self.skills.get(id, self.names.get(id, id)) for id in self.lacks(machine) if id != machine.id]

    def lacks(self, machine: Machine) -> tuple[str, ...]:
        """Return the skills that the reader lacks there."""
        standings, who = self.standings, self.page.who
        if standings is None or who is None:
            return ()
        now_ms = self.known.now_ms
        return training.missing(
            requirement_of(machine), lambda id: training.in_force(standings.skill(who.id, id), now_ms)
        )

    def _when(
        self, machine: Machine, station: Station | None, seen: Reserved, verdict: Verdict | None
    ) -> str:
        locked_out = machine.lockout_reason is not None
        if locked_out or (station and station.state is StationState.LOCKED_OUT):
            return self._say("Not known when it works again")
        if station is None:
            return self._say("Not known whether it is free")
        if station.state in EMPTY:
            return self._empty(seen, self._mine(machine), verdict)
        return self._busy(machine, station)

    def _mine(self, machine: Machine) -> Booking | None:
        """Return the reader's next reservation of a machine."""
        id = self.page.who.id if self.page.who else None
        return next((one for one in self.known.of(machine.id) if one.member and one.member == id), None)

    def _empty(self, seen: Reserved, mine: Booking | None, verdict: Verdict | None) -> str:
        now_ms, at = self.known.now_ms, self.at
        if mine and mine.begins_ms <= now_ms:
            return self._say("Reserved for you until %(time)s", time=at(mine.ends_ms))
        if seen.other:
            if seen.other.unreserved:
                return self._say("Only with a reservation until %(time)s", time=at(seen.other.ends_ms))
            return self._say("Reserved until %(time)s", time=at(seen.other.ends_ms))
        comes_ms = seen.coming.begins_ms if seen.coming else 0
        until_ms = verdict.until_ms if verdict else 0
        if until_ms and (not comes_ms or until_ms < comes_ms):
            return self._say("Free until %(time)s", time=at(until_ms))
        if mine and (not comes_ms or mine.begins_ms < comes_ms):
            return self._say("Reserved for you from %(time)s", time=at(mine.begins_ms))
        if comes_ms:
            return self._say("Free until %(time)s, then reserved", time=at(comes_ms))
        return ""

    def _busy(self, machine: Machine, station: Station) -> str:
        """Say when who uses it is done: by the job, by their reservation, or by the longest session."""
        now_ms, booked = self.known.now_ms, self.known.of(machine.id)
        if station.left_s is not None and station.session_id:
            done_ms = -(-(now_ms + station.left_s * 1000) // ABOUT_MS) * ABOUT_MS
            text = "Free at about %(time)s"
        else:
            theirs = [one for one in booked if one.member == station.member and holds(one, now_ms, ())]
            if theirs and station.member:
                done_ms, text = theirs[0].ends_ms, "Reserved until %(time)s"
            else:
                left_ms = policy_of(machine).max_duration_s * 1000 - station.elapsed_ms
                if not station.session_id or left_ms <= 0:
                    return self._say("Not known when it is free")
                done_ms, text = now_ms + left_ms, "Free by %(time)s at the latest"
        free_ms = _after(booked, done_ms)
        if free_ms != done_ms:
            return self._say("Reserved until %(time)s", time=self.at(free_ms))
        return self._say(text, time=self.at(done_ms))

    def at(self, at_ms: int) -> str:
        """Write a time, with its weekday where it is not today."""
        f, now_ms = self.page.f, self.known.now_ms
        day = f.moment(at_ms).date()
        if day == f.moment(now_ms).date():
            return f.clock(at_ms)
        return f"{format_date(day, 'EEE', locale=f.locale)} {f.clock(at_ms)}"


def _after(booked: Sequence[Booking], at_ms: int) -> int:
    """Return when nobody has it any more who has it at an instant, reservation by reservation."""
    for one in booked:
        if one.begins_ms <= at_ms < one.ends_ms:
            at_ms = one.ends_ms
    return at_ms


def read(session: Session, page: Page, machines: Sequence[Machine]) -> Reader:
    """Read what machines are to a page's reader: few queries, however many machines there are."""
    now_ms = page.context.clock.now_ms()
    known = may_use.ahead(session, machines, now_ms)
    who = page.who
    if who is None:
        return Reader(page, known)
    asker = may_use.asker(session, who.member, machines, now_ms, page.context.settings.currency.code)
    names = {skill.id: called(skill, page.f.language) for skill in session.exec(select(Skill))}
    standings = skills_standing.read(session, {who.id}, None, now_ms)
    return Reader(page, known, may_use.verdicts(known, asker), standings, names)
