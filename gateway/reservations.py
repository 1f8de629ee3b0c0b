"""What is reserved at one station: who is let in, who is told to end, what the display says of it.

The roster carries the bookings, and what holds is computed from them when it is asked: no timer runs. That a
booking was begun here is known without the server. Which class was opened is in memory alone: after a restart
its instructor taps once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from floor import session_events
from floor.access import UNTRAINED, Lease, MemberStanding
from floor.reservation.ahead import Bound
from floor.reservation.at_machine import NOTHING, Reserved, begins, holds, look
from floor.reservation.terms import Turned
from floor.session_states import Free, RunOn
from floor.wire.roster import Booking, OnReserved, RosterMachine
from floor.words import DenialReason, Purpose
from gateway.walk_in import NO_BOUND, WalkIn, ends, sentence
from hardware.ports import Sound

if TYPE_CHECKING:
    from gateway.journal_sessions import SessionRecord
    from gateway.station import Station
    from gateway.view import Words

FOREVER_S = 1 << 31
SHOWN_MS = 12 * 3_600_000
"""So long before it begins a free station shows a reservation."""
LISTED = 3
"""So many reservations stand on a station's page."""
WORDS = {
    "until": ("Reserved until {at}", "已被预约至{at}"),
    "until_by": ("Reserved until {at} by {who}", "已由{who}预约至{at}"),
    "end": ("Reserved from {at}: please end by then", "{at}起已被预约，请在此之前结束"),
    "end_by": ("Reserved from {at} by {who}: please end by then", "{at}起已由{who}预约，请在此之前结束"),
    "free": ("Tap your badge. Reserved from {at}", "请刷卡。{at}起已被预约"),
    "free_by": ("Tap your badge. Reserved from {at} by {who}", "请刷卡。{at}起已由{who}预约"),
    "until_only": ("Only with a reservation", "须先预约"),
    "end_only": ("Only with a reservation from {at}: please end by then", "{at}起须先预约，请在此之前结束"),
    "free_only": ("Tap your badge. Only with a reservation from {at}", "请刷卡。{at}起须先预约"),
    "now": ("Reserved, and a job is finished first", "已被预约，当前作业完成后结束"),
    "job": ("A job is finished here first", "请等待当前作业完成"),
    "job_until": ("A job is finished here first, until {at}", "请等待当前作业完成，预计至{at}"),
    "class_open": ("Open for the class until {at}", "已对本次课程开放至{at}"),
    "class_waits": ("Your instructor has to tap here first", "请教师先在此刷卡"),
    "list": ("Reservations", "预约"),
    "no_clock": (
        "This station does not know the time: reservations are shown, and nobody is refused for one.",
        "此站点时间未知：仅显示预约，不据此拒绝使用。",
    ),
}


class Terms(NamedTuple):
    """What the bookings mean to a tap, as access.Request has it."""

    refuses: bool = False
    class_ends_ms: int = 0
    class_opener: str = ""
    not_walk_in: bool = False


FREE = Terms()
Step = Callable[[session_events.Event, float], Awaitable[None]]


class Reservations:
    """The bookings of one station's machine. Times are UTC milliseconds."""

    def __init__(self, station: Station, step: Step) -> None:
        self._station = station
        self._step = step
        self._begun: set[str] = set()
        self._openers: dict[str, str] = {}
        self._told = ("", "")
        self._drawn = ""
        self._entry: RosterMachine | None = None
        self._past, self._past_ms = 0, 0
        self._walk_in = WalkIn(station)
        self._own = ("", 0)

    @property
    def bookings(self) -> Sequence[Booking]:
        """The bookings of the roster, in order of time."""
        machine = self._station.services.roster.machines.get(self._station.machine)
        return machine.entry.bookings if machine else ()

    def _of(self, member: MemberStanding | None) -> Reserved:
        bookings, clock = self.bookings, self._station.services.clock
        if not bookings or not clock.known():
            return NOTHING
        now_ms = clock.wall_ms()
        return look(self._left(now_ms), member, now_ms, self._begun)

    def _left(self, now_ms: int) -> Sequence[Booking]:
        """Return the bookings that are not over: a gateway that is alone keeps those that are."""
        self._forget()
        bookings = self.bookings
        if now_ms < self._past_ms:
            self._past = 0
        self._past_ms = now_ms
        while self._past < len(bookings) and bookings[self._past].ends_ms <= now_ms:
            self._past += 1
        return bookings[self._past :] if self._past else bookings

    def _of_id(self, member: str | None) -> Reserved:
        return self._of(self._station.services.roster.member(member) if member else None)

    @property
    def kept(self) -> bool:
        """Whether the machine is kept for somebody now: a reservation holds, and was not released."""
        return self._of(None).other is not None

    def terms(self, member: MemberStanding | None) -> Terms:
        """Return what the bookings mean to this member's tap."""
        if member is None:
            return FREE
        reserved = self._of(member)
        mine = reserved.mine
        if mine and mine.opens and mine.id in self._openers and member.id in mine.guests:
            return Terms(False, mine.ends_ms, self._openers[mine.id])
        return Terms(reserved.refuses, not_walk_in=self._turned(member, reserved) is not None)

    def _turned(self, member: MemberStanding, reserved: Reserved) -> Turned | None:
        """Return why the rules let the member not begin without a reservation now; None: they do, or it is
        somebody's whom that does not concern.
        """
        if reserved.mine or reserved.refuses or not self._station.services.roster.rules.versions:
            return None
        left = self._left(self._station.services.clock.wall_ms())
        return self._walk_in.turned(member, left, self._begun)

    @property
    def class_runs(self) -> Booking | None:
        """The class that runs and that a tap opens to its guests; None where it is open, or none does."""
        clock = self._station.services.clock
        if not self.bookings or not clock.known() or not isinstance(self._station.state, Free | RunOn):
            return None
        now_ms = clock.wall_ms()
        left = self._left(now_ms)
        running = (one for one in left if one.opens and holds(one, now_ms, self._begun))
        return next((one for one in running if one.id not in self._openers), None)

    def opened_by(self, supervisor: str) -> bool:
        """Open the class that runs by the tap of somebody who may stand by here; False where none waits."""
        booking = self.class_runs
        if booking is None:
            return False
        self._openers[booking.id] = supervisor
        self._station.view.put(self._words("class_open", booking.ends_ms), supervisor, Sound.OK)
        self._station.view.refresh()
        return True

    def began(self, lease: Lease) -> Words | None:
        """Take note that a session begins; return what its member is told: others' reservations, rules."""
        self._use(lease)
        reserved = self._of_id(lease.member)
        if reserved.other:
            return self._said("until", reserved.other, reserved.other.ends_ms)
        coming, found = reserved.coming, self._rule(lease, reserved)
        last_ms = self._station.services.clock.wall_ms() + lease.max_duration_s * 1000
        if found.until_ms and found.until_ms < last_ms:
            return self._ends(found)
        return self._said("end", coming, coming.begins_ms) if coming and coming.begins_ms < last_ms else None

    def recall(self, record: SessionRecord) -> None:
        """Take note of a session of the process before this one."""
        member = self._station.services.roster.member(record.lease.member)
        if member and self.bookings and record.clock_error_ms is not None:
            last = record.ended or (record.marks[-1] if record.marks else None)
            until_ms = record.started_ms + (last.elapsed_ms if last else 0)
            self._begun |= begins(self.bookings, member, record.started_ms, until_ms)
        services, (epoch, seq) = self._station.services, record.ended_at
        journal = services.journal
        lacks = epoch != journal.epoch or seq > journal.known_to(services.roster.journal)
        if record.ended and lacks and services.roster.rules.count:
            services.uses.began(record.lease)
            ends_ms = record.started_ms + record.ended.elapsed_ms
            services.uses.ended(record.lease.session_id, ends_ms, record.ended_at)

    def _use(self, lease: Lease) -> None:
        clock, member = self._station.services.clock, self._station.services.roster.member(lease.member)
        if member and clock.known():
            now_ms = clock.wall_ms()
            self._begun |= begins(self._left(now_ms), member, lease.granted_ms, now_ms)
            mine = self._of(member).mine
            if mine:
                self._own = (lease.session_id, mine.ends_ms)
            if mine and mine.member == member.id:
                self._station.services.uses.reserved(lease.session_id)

    def _rule(self, lease: Lease, reserved: Reserved) -> Bound:
        """Return when the session must end by the rules, where no reservation of somebody else's is first.

        A session that has outlived its member's reservation goes on without one from then.
        """
        began_ms = lease.granted_ms
        if self._own[0] == lease.session_id:
            began_ms = max(began_ms, self._own[1])
        left = self._left(self._station.services.clock.wall_ms())
        mine = reserved.mine is not None
        found = self._walk_in.bound(lease, left, self._begun, began_ms, reserved=mine)
        coming = reserved.coming
        first = coming and coming.on_others is OnReserved.REFUSE and coming.begins_ms <= found.until_ms
        return NO_BOUND if first else found

    def _ends(self, found: Bound) -> Words:
        return lambda language: ends(found, language, self._at(found.until_ms))

    async def tick(self, since: float) -> None:
        """Tell whoever uses the machine that they must end, and end it when that is due."""
        lease = self._station.lease
        if lease is None:
            self._redraw()
        elif lease.purpose is Purpose.USE:
            self._use(lease)
            reserved, clock = self._of_id(lease.member), self._station.services.clock
            found = self._rule(lease, reserved)
            if reserved.refuses:
                await self._step(session_events.ReservationDue(clock.monotonic_ms()), since)
            elif found.until_ms and found.until_ms <= clock.wall_ms():
                await self._step(session_events.WalkInDue(clock.monotonic_ms()), since)
            elif found.until_ms:
                warn_ms = self._walk_in.warn_ms()
                self._warn(lease, found.until_ms, warn_ms, found.rule, self._ends(found))
            elif coming := reserved.coming:
                words = self._said("end", coming, coming.begins_ms)
                self._warn(lease, coming.begins_ms, coming.warn_s * 1000, coming.id, words)

    def _forget(self) -> None:
        """Keep nothing of bookings that the roster has no more."""
        machine = self._station.services.roster.machines.get(self._station.machine)
        entry = machine.entry if machine else None
        if entry is self._entry:
            return
        self._entry, self._past = entry, 0
        kept = {one.id for one in self.bookings}
        self._begun &= kept
        self._openers = {id: who for id, who in self._openers.items() if id in kept}

    def _warn(self, lease: Lease, until_ms: int, warn_ms: int, what: str, words: Words) -> None:
        left_ms = until_ms - self._station.services.clock.wall_ms()
        if left_ms <= warn_ms and self._told != (lease.session_id, what):
            self._told = (lease.session_id, what)
            self._station.view.put(words, lease.member, Sound.WARN)
            self._station.view.refresh()

    def _redraw(self) -> None:
        """Draw a free station anew as soon as its reservations say something else."""
        shown = self.free_note("en")
        if shown != self._drawn:
            self._drawn = shown
            self._station.view.refresh()

    def why(self, reason: DenialReason, member: str | None) -> Words | None:
        """Return what a refusal says where a reservation explains it better than the reason does."""
        standing = self._station.services.roster.member(member) if member else None
        if standing is None:
            return None
        reserved = self._of(standing)
        if reason is DenialReason.WALK_IN and (turned := self._turned(standing, reserved)):
            at = self._at(turned.again_ms) if turned.again_ms else ""
            return lambda language: sentence(turned, language, at)
        if reason is DenialReason.RESERVED and reserved.other:
            return self._said("until", reserved.other, reserved.other.ends_ms)
        mine = reserved.mine
        if reason in UNTRAINED and mine and mine.opens and mine.id not in self._openers:
            return self._words("class_waits", 0)
        if reason is DenialReason.IN_USE and mine:
            return self._job()
        return None

    def _job(self) -> Words | None:
        """What a holder is told whose machine finishes somebody's job; None where nothing works."""
        side, state = self._station.side, self._station.state
        if side.job is None and not getattr(state, "busy", False):
            return None
        left_s = side.progress[1]
        if left_s is None:
            return self._words("job", 0)
        return self._words("job_until", self._station.services.clock.wall_ms() + left_s * 1000)

    def left_s(self, lease: Lease) -> int:
        """Return the seconds that rules, or somebody else's reservation that refuses, leave to a session."""
        reserved, until_ms = self._of_id(lease.member), 0
        if lease.purpose is Purpose.USE:
            until_ms = self._rule(lease, reserved).until_ms
        coming = reserved.coming
        if not until_ms and coming and coming.on_others is OnReserved.REFUSE:
            until_ms = coming.begins_ms
        if not until_ms:
            return FOREVER_S
        return max(0, until_ms - self._station.services.clock.wall_ms()) // 1000

    def notice(self, language: str) -> str:
        """Return what the page of a running session says of reservations; "" for nothing."""
        lease = self._station.lease
        if lease is None or lease.purpose is not Purpose.USE:
            return ""
        reserved, now_ms = self._of_id(lease.member), self._station.services.clock.wall_ms()
        if reserved.refuses:
            return self._words("now", 0)(language)
        if reserved.other:
            return self._said("until", reserved.other, reserved.other.ends_ms)(language)
        coming, found = reserved.coming, self._rule(lease, reserved)
        if found.until_ms and found.until_ms - now_ms <= self._walk_in.warn_ms():
            return self._ends(found)(language)
        if coming and coming.begins_ms - now_ms <= coming.warn_s * 1000:
            return self._said("end", coming, coming.begins_ms)(language)
        return ""

    def free_note(self, language: str) -> str:
        """Return what a free station says of reservations; "" for nothing."""
        reserved = self._of(None)
        if reserved.other:
            return self._said("until", reserved.other, reserved.other.ends_ms)(language)
        coming, now_ms = reserved.coming, self._station.services.clock.wall_ms()
        if coming and coming.begins_ms - now_ms <= SHOWN_MS:
            return self._said("free", coming, coming.begins_ms)(language)
        return ""

    def listed(self, language: str) -> tuple[str, list[tuple[str, str]], str]:
        """Return a heading, the next reservations as time and name, and a hint, for the station's page."""
        zh, clock = language.startswith("zh"), self._station.services.clock
        known = clock.known()
        left = [one for one in self.bookings if not one.unreserved]
        left = [one for one in left if not known or one.ends_ms > clock.wall_ms()]
        rows = [(f"{self._at(one.begins_ms)}–{self._at(one.ends_ms)}", one.shown) for one in left[:LISTED]]
        return WORDS["list"][zh], rows, "" if known or not rows else WORDS["no_clock"][zh]

    def _said(self, code: str, booking: Booking, at_ms: int) -> Words:
        """Return a text with whose booking it is, where that is told."""
        if booking.unreserved:
            return self._words(f"{code}_only", at_ms)
        return self._words(f"{code}_by" if booking.shown else code, at_ms, booking.shown)

    def _words(self, code: str, at_ms: int, who: str = "") -> Words:
        at = self._at(at_ms)
        return lambda language: (
            WORDS[code][language.startswith("zh")].replace("{at}", at).replace("{who}", who)
        )

    def _at(self, at_ms: int) -> str:
        """Return a time as clocks in the space show it; with the day where it is not today."""
        services = self._station.services
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        local = (epoch + timedelta(milliseconds=at_ms)).astimezone(services.roster.zone)
        today = (epoch + timedelta(milliseconds=services.clock.wall_ms())).astimezone(services.roster.zone)
        return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%m-%d %H:%M}"
