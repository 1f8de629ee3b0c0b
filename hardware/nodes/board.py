"""The life of one Fab-O-Matic board as the gateway sees it. Pure: times (s, monotonic) come with each call.

The board switches its own relay: on when `checkuser` is answered with yes, off by `stop`, by its own limit or
by its member. It keeps no promise when nobody answers: it then asks a cache of ten cards. So each question is
answered in time, if only with no; a start that nobody granted is asked about, and stopped when refused; and
what a board says of time past (a replay) ends at most the session that it is of, and bills nothing: sessions
are billed by the gateway's own clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from floor.words import BadgeKind, StopType
from hardware.events import BadgeAsked, PowerGone, PowerTaken, ReaderEvent
from hardware.nodes import fabomatic
from hardware.nodes.fabomatic import Said
from hardware.nodes.question import Question, Verdict

ANSWER_S = 1.5
CONFIRM_S = 15.0
SETTLE_S = 15.0
STOP_AGAIN_S = 3.0
MAX_STOPS = 5
SLACK_S = 30
MISSED_IN_USE = 3
MAX_NOTED = 64
LOGOFF_MIN = 480


@dataclass(frozen=True, slots=True)
class Say:
    """A message to the board: an answer (`reply`), or an order (`request`)."""

    topic: str
    body: bytes


Act = Say | ReaderEvent


class Board:
    """What the board was granted, what it says of its power, and what is asked.

    `act` is told what is to be sent and what the station is to hear, in order.
    """

    def __init__(self, act: Callable[[Act], None]) -> None:
        self.name = ""
        self.allowed = True
        self.contact: bool | None = None
        self._act = act
        self._told_allowed = True
        self._logoff_min = LOGOFF_MIN
        self._question: Question | None = None
        self._kind = ""
        self._user: bytes | None = None
        self._since_s = self._now_s = 0.0
        self._verdict = Verdict(granted=False)
        self._confirmed = False
        self._missed = 0
        self._stops = 0
        self._stop_s = 0.0
        self._taken = False
        self._noted: dict[tuple[bytes, int], None] = {}

    @property
    def may_be_on(self) -> bool:
        """Whether the board may give power, as far as it has said."""
        return self._user is not None or self.contact is not False

    def heard(self, said: Said, at_s: float) -> None:
        """Take a message that came at `at_s`."""
        self._now_s = at_s
        match said:
            case Said("alive"):
                pass
            case Said("checkmachine"):
                self._checked()
            case Said("checkuser", uid):
                self._checkuser(uid, at_s)
            case Said("stopuse", uid, duration_s, replay):
                self._say(fabomatic.simple_reply(ok=True))
                self._stopped(uid, duration_s, replay)
            case Said(replay=True):
                self._say(fabomatic.simple_reply(ok=True))
            case Said("startuse", uid):
                self._started(uid, at_s)
            case Said("inuse", uid):
                self._in_use(uid)
            case _:
                self._say(fabomatic.simple_reply(ok=False))

    def tick(self, at_s: float) -> None:
        """Let time pass: refuse what was not answered, stop again, give up a start that never came."""
        self._now_s = at_s
        if self._question:
            self._question.expire(at_s)
        if self._user and not self._confirmed and at_s - self._since_s > CONFIRM_S:
            self._gone(StopType.POWER_LOST, None)
        if self._stops and at_s - self._stop_s >= STOP_AGAIN_S:
            self._say_stop(at_s)

    def stop(self, at_s: float) -> None:
        """Order the power off; said again, MAX_STOPS times at most, until the board has answered."""
        self._user, self._confirmed = None, False
        self._stops = MAX_STOPS
        self._say_stop(at_s)

    def _say_stop(self, at_s: float) -> None:
        self._stops, self._stop_s = self._stops - 1, at_s
        self._act(Say("request", fabomatic.stop_request()))

    def _say(self, body: bytes) -> None:
        self._act(Say("reply", body))

    def _checked(self) -> None:
        self._told_allowed = self.allowed
        self._say(fabomatic.machine_reply(self.name, allowed=self.allowed, logoff_min=self._logoff_min))
        if self._user and self._confirmed:
            self._missed += 1
            if self._missed > MISSED_IN_USE:  # it asks as if nobody used it: it has begun anew
                self._gone(StopType.POWER_LOST, False)

    def _checkuser(self, uid: bytes, at_s: float) -> None:
        if self._user == uid and not self._confirmed:
            self._say(fabomatic.user_reply(self._verdict))  # the answer was lost: the same session
            return
        self._gone(StopType.POWER_LOST, False)  # only a board that is free asks
        self.contact, self._taken, self._stops = False, False, 0
        if not self._told_allowed:
            self._say(fabomatic.user_reply(Verdict(granted=False)))  # it would not start, whatever is said
        else:
            self._ask("checkuser", uid, at_s)

    def _started(self, uid: bytes, at_s: float) -> None:
        if self._user == uid:
            self._confirm()
            self._say(fabomatic.simple_reply(ok=True))
            return
        self._gone(StopType.POWER_LOST, None)
        self.contact = True
        self._ask("startuse", uid, at_s)

    def _in_use(self, uid: bytes) -> None:
        self._say(fabomatic.simple_reply(ok=self._user == uid))
        if self._user == uid:
            self._confirm()
            return
        self._gone(StopType.POWER_LOST, None)
        self._refuse_power()

    def _stopped(self, uid: bytes, duration_s: int, replay: bool) -> None:
        if replay:
            theirs = self._user == uid and self._confirmed
            if theirs and duration_s <= self._now_s - self._since_s + SLACK_S:
                self._seen(uid, duration_s)
                self._gone(StopType.TAP_OUT, False)
            else:
                self._note(uid, duration_s)
            return
        self._seen(uid, duration_s)  # said again, it is no news
        self._gone(StopType.TAP_OUT, False)
        self.contact, self._taken, self._stops = False, False, 0

    def _note(self, uid: bytes, duration_s: int) -> None:
        """Tell staff once of use that the board allowed by itself; it is on nobody's bill."""
        if not self._seen(uid, duration_s):
            self._act(PowerTaken(f"The box was used for {duration_s} s while it was offline"))

    def _seen(self, uid: bytes, duration_s: int) -> bool:
        """Remember the last MAX_NOTED stops; returns whether this was one of them."""
        seen = (uid, duration_s) in self._noted
        self._noted[uid, duration_s] = None
        while len(self._noted) > MAX_NOTED:
            del self._noted[next(iter(self._noted))]
        return seen

    def _confirm(self) -> None:
        self._confirmed, self.contact, self._missed, self._taken = True, True, 0, False

    def _gone(self, stop_type: StopType, contact: bool | None) -> None:
        """End what was granted, if anything was."""
        if self._question:
            self._question.close()
        if self._user is not None:
            self._user, self._confirmed, self.contact = None, False, contact
            self._act(PowerGone(stop_type))

    def _refuse_power(self) -> None:
        self.contact = True
        if not self._taken:
            self._taken = True
            self._act(PowerTaken("The box gives power that nobody granted; it was told to stop"))
        self.stop(self._now_s)

    def _ask(self, kind: str, uid: bytes, at_s: float) -> None:
        self._kind = kind
        self._question = Question(uid, at_s + ANSWER_S, self._answered)
        self._act(BadgeAsked(uid, BadgeKind.UID_13MHZ, question=self._question))

    def _answered(self, question: Question, verdict: Verdict) -> None:
        if not question.open or question is not self._question:
            if verdict.granted:
                self._act(PowerGone(StopType.POWER_LOST))  # too late: the board was told no
            return
        started = self._kind == "startuse"
        if verdict.granted:
            self._user, self._since_s, self._missed, self._stops = question.uid, self._now_s, 0, 0
            self._verdict, self._confirmed = verdict, False
            self._logoff_min = -(-verdict.max_duration_s // 60)
            self.contact = None
            if started:
                self._confirm()
        self._say(fabomatic.simple_reply(ok=verdict.granted) if started else fabomatic.user_reply(verdict))
        if started and not verdict.granted:
            self._refuse_power()
