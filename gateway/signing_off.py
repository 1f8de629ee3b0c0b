"""Signing off at the machine: an instructor's badge, then the student's, while nothing runs there.

It gives no power. What came of it is a fact of the journal; the certification is valid here once the server
has found that the instructor may, and the roster says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from floor.access import MemberStanding, Request, may_sign_off, not_signed_off
from floor.session_states import Free, RunOn
from floor.wire.journal import SignedOff
from hardware.ports import Lamp, Screen, Sound

if TYPE_CHECKING:
    from gateway.station import Station

EACH_MS = 30_000
UNNAMED = ("This member", "该会员")
"""Who shows no name, in both languages."""
"""For so long each of the two badges is waited for."""
WORDS = {
    "instructor": ("Sign-off: the instructor's badge first", "培训签核：请教师先刷卡"),
    "student": ("Now the student's badge, within 30 s", "请学员在30秒内刷卡"),
    "no_instructor": ("Only an instructor who is trained here signs off", "只有获准使用此设备的教师可以签核"),
    "done": (
        "{who} is signed off for {machine}: valid as soon as the server has it",
        "{who} 已通过 {machine} 的培训签核，服务器收到后立即生效",
    ),
    "off": ("Nobody was signed off", "未进行签核"),
}


class SigningOff:
    """At most one sign-off at a time at one station. Times are monotonic milliseconds."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._until_ms = 0
        self._instructor: tuple[str, str] | None = None

    @property
    def possible(self) -> bool:
        """Whether somebody could sign off here, and nothing runs or waits."""
        station = self._station
        quiet = isinstance(station.state, Free | RunOn) and station.adoption.session_id is None
        return quiet and not station.reading.waits() and station.services.roster.signs_off(station.machine)

    def waits(self) -> bool:
        """Whether the next badge is for a sign-off."""
        return bool(self._until_ms) and self._now() < self._until_ms and self._idle

    @property
    def _idle(self) -> bool:
        return isinstance(self._station.state, Free | RunOn)

    def begin(self) -> None:
        """Wait for an instructor's badge; nothing happens where that cannot be."""
        if self.possible:
            self._wait(None)

    def tick(self) -> None:
        """Let the time run out."""
        if self._until_ms and not self.waits():
            self._end("off")

    def takes(self, request: Request) -> bool:
        """Take a badge for the sign-off that waits; returns False where none does: it is a tap."""
        if not self.waits():
            return False
        member, instructor = request.member, self._instructor
        if instructor is None:
            if member and may_sign_off(request):
                self._wait((member.id, request.badge_reference))
            else:
                self._end("no_instructor", member, Sound.REFUSED)
        elif member and member.id == instructor[0]:
            self._end("off", member)
        elif reason := not_signed_off(request):
            self._stop()
            self._station.view.refused(reason, member.id if member else None)
            self._station.view.refresh()
        elif member:
            self._sign(instructor, member, request.badge_reference)
        return True

    def _sign(self, instructor: tuple[str, str], student: MemberStanding, badge: str) -> None:
        station, (by, by_badge) = self._station, instructor
        signed = SignedOff(machine=station.machine, member=student.id, badge=badge, by=by, by_badge=by_badge)
        station.services.journal.append(signed)
        self._end("done", student, Sound.OK)

    def _wait(self, instructor: tuple[str, str] | None) -> None:
        self._instructor, self._until_ms = instructor, self._now() + EACH_MS
        self._station.view.refresh()
        self._station.services.changed()

    def _stop(self) -> None:
        self._instructor, self._until_ms = None, 0

    def _end(self, code: str, member: MemberStanding | None = None, sound: Sound = Sound.WARN) -> None:
        self._stop()
        name, shown = self._station.view.name, member.shown if member else ""

        def words(language: str) -> str:
            zh = language.startswith("zh")
            who = shown or UNNAMED[zh]
            return WORDS[code][zh].replace("{machine}", name).replace("{who}", who)

        self._station.view.put(words, member.id if member else None, sound)
        self._station.view.refresh()

    @property
    def asks(self) -> tuple[str, str]:
        """What is asked for now, in both languages: nobody knows who stands there."""
        return WORDS["student" if self._instructor else "instructor"]

    def screen(self, name: str) -> Screen:
        """Return what the panel shows meanwhile."""
        return Screen((name, *self.asks), Lamp.BLUE, Sound.OK, blink=True)

    def _now(self) -> int:
        return self._station.services.clock.monotonic_ms()
