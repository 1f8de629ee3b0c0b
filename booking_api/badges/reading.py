"""New badges that are read at a station: asked for by an operator, answered by a gateway, enrolled at once.

What is waited for lives in memory, in the event loop of the link: a server that began anew waits for nothing,
and drops a badge that comes then. Of several processes the one that was asked enrols the badge; the others
know how it stands. A number that was read stands nowhere but in the badge, sealed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError
from sqlmodel import Session

from booking_api.audit import acting
from booking_api.audit.acting import Actor
from booking_api.badges import service
from booking_api.clock import Clock
from booking_api.crew import Alone, Crew
from booking_api.db import Database
from booking_api.gateways.models import Gateway
from booking_api.gateways.unsealing import unsealed
from booking_api.live import LiveFloor
from booking_api.vault import Vault
from floor.errors import MachineUnreachable, PeerError, Refused
from floor.gateway_keys import Purpose, badge_read_context
from floor.wire.messages import BadgeRead, EndReading, Order, ReadBadge, Reply
from floor.words import BadgeKind, DenialReason

READ_S = 45
"""How long a station waits for the badge, in seconds of real time."""
GRACE_S = 5.0
"""So much longer the server takes what was read in time."""
KEPT_MAX = 64
READING = "reading"
"""The kind of news that tells other processes of a reading."""
_RANDOM = 0x08
"""ISO/IEC 14443-3: a UID of 4 bytes that begins with this one is drawn anew each time."""
Send = Callable[[str, Order, str], Awaitable[Reply]]


class ReadingState(StrEnum):
    """How a reading stands, or how it ended."""

    WAITING = "waiting"
    ENROLLED = "enrolled"
    TAKEN = "taken"
    OWN = "own"
    RANDOM = "random"
    UNFIT = "unfit"
    IN_USE = "in_use"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator (`by`) asks for: a new badge of `member`, at the station of `machine`."""

    member: str
    gateway: str
    machine: str
    label: str
    by: str


@dataclass(slots=True)
class Reading:
    """What came of it so far. `holder` is who has the badge already, a member's id; `actor` asked for it.

    `mine`: this process was asked for it, and enrols the badge.
    """

    id: str
    wanted: Wanted
    ends_s: float
    state: ReadingState = ReadingState.WAITING
    holder: str = ""
    actor: Actor | None = None
    mine: bool = True


@dataclass(frozen=True, slots=True)
class _News:
    """How a reading stands, as processes tell each other; `left_s` is how long it still waits."""

    id: str
    wanted: Wanted
    left_s: float
    state: ReadingState
    holder: str


_NEWS = TypeAdapter(_News)


class Readings:
    """The readings that were asked for lately, one a member; one station waits for one badge."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        live: LiveFloor,
        crew: Crew | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._live = live
        self._now_s = now_s
        self._crew = crew or Alone()
        self._crew.listen(self._hear)
        self._of_member: dict[str, Reading] = {}

    def of_member(self, member: str) -> Reading | None:
        """Return the last reading for a member, None where there was none lately."""
        found = self._of_member.get(member)
        if found and found.state is ReadingState.WAITING and self._now_s() >= found.ends_s:
            found.state = ReadingState.TIMED_OUT
        return found

    async def begin(self, wanted: Wanted, send: Send) -> Reading:
        """Have the next badge at a station read; how it went is the reading's state."""
        for other in self._of_member.values():
            if other.wanted.machine == wanted.machine or other.wanted.member == wanted.member:
                self._end(other, ReadingState.REPLACED)
        ends_s, actor = self._now_s() + READ_S + GRACE_S, acting.current()
        reading = Reading(self._clock.new_id(), wanted, ends_s, actor=actor)
        self._keep(reading)
        self._tell(reading)
        order = ReadBadge(machine=wanted.machine, reading=reading.id, for_s=READ_S)
        try:
            reply = await send(wanted.gateway, order, wanted.by)
        except MachineUnreachable:
            self._end(reading, ReadingState.UNREACHABLE)
        else:
            if not reply.done:
                busy = reply.reason is DenialReason.IN_USE
                self._end(reading, ReadingState.IN_USE if busy else ReadingState.UNREACHABLE)
        asyncio.get_running_loop().call_later(READ_S + GRACE_S + 0.1, self._live.touch, wanted.machine)
        return reading

    async def cancel(self, member: str, by: str, send: Send) -> None:
        """Wait no more for a member's badge; a badge that comes all the same is dropped."""
        reading = self.of_member(member)
        if reading is None or reading.state is not ReadingState.WAITING:
            return
        self._end(reading, ReadingState.CANCELLED)
        wanted = reading.wanted
        try:
            await send(wanted.gateway, EndReading(machine=wanted.machine, reading=reading.id), by)
        except MachineUnreachable:
            return  # its time runs out by itself

    async def take(self, gateway: str, read: BadgeRead) -> None:
        """Enrol a badge that was read. Raises PeerError for one that nothing waits for, or that is forged."""
        reading = next((one for one in self._of_member.values() if one.id == read.reading), None)
        if reading is None or (reading.wanted.gateway, reading.wanted.machine) != (gateway, read.machine):
            raise PeerError(f"{gateway} read a badge that nobody waits for")
        if not reading.mine:
            return  # the process that was asked takes it
        if self.of_member(reading.wanted.member) is not reading or reading.state is not ReadingState.WAITING:
            raise PeerError(f"{gateway} read a badge too late, or twice")
        with acting.scope(reading.actor):
            done = await self._db.transact(lambda session: self._enrol(session, reading, read))
        reading.state, reading.holder = done  # also when somebody cancelled meanwhile: it is enrolled
        self._tell(reading)
        self._live.touch(reading.wanted.machine)

    def _keep(self, reading: Reading) -> None:
        self._of_member.pop(reading.wanted.member, None)
        self._of_member[reading.wanted.member] = reading
        while len(self._of_member) > KEPT_MAX:
            del self._of_member[next(iter(self._of_member))]

    def _tell(self, reading: Reading) -> None:
        left_s = reading.ends_s - self._now_s()
        news = _News(reading.id, reading.wanted, left_s, reading.state, reading.holder)
        self._crew.tell(READING, asdict(news))

    def _hear(self, kind: str, news: object) -> None:
        """Take how a reading stands by another process; one that ended begins no more."""
        if kind != READING:
            return
        try:
            told = _NEWS.validate_python(news)
        except ValidationError:
            return  # a process of another version
        known = self._of_member.get(told.wanted.member)
        if known is None or known.id != told.id:
            ends_s = self._now_s() + told.left_s
            self._keep(Reading(told.id, told.wanted, ends_s, told.state, told.holder, mine=False))
        elif told.state is not ReadingState.WAITING:
            known.state, known.holder = told.state, told.holder

    def _end(self, reading: Reading, state: ReadingState) -> None:
        if reading.state is ReadingState.WAITING:
            reading.state = state
            self._tell(reading)
            self._live.touch(reading.wanted.machine)

    def _enrol(self, session: Session, reading: Reading, read: BadgeRead) -> tuple[ReadingState, str]:
        """Enrol what was read with the operator as its author; say what came of it, and who has the badge."""
        kind, uid = self._opened(session, reading, read)
        if len(uid) == 4 and uid[0] == _RANDOM:
            return ReadingState.RANDOM, ""
        wanted, holder = reading.wanted, service.by_uid(session, self._vault, uid)
        if holder is not None:
            own = holder.member == wanted.member
            return ReadingState.OWN if own else ReadingState.TAKEN, holder.member
        try:
            service.enrol(
                session,
                self._vault,
                wanted.member,
                uid,
                kind,
                wanted.label,
                self._clock.now_ms(),
                by=wanted.by,
                station=wanted.machine,
            )
        except Refused:
            return ReadingState.UNFIT, ""
        return ReadingState.ENROLLED, wanted.member

    def _opened(self, session: Session, reading: Reading, read: BadgeRead) -> tuple[BadgeKind, bytes]:
        """Return what was proven of the badge, and its UID; raises PeerError for one sealed otherwise."""
        wanted = reading.wanted
        row = session.get_one(Gateway, wanted.gateway)
        bound = badge_read_context(wanted.gateway, wanted.machine, reading.id)
        said = unsealed(self._vault, row, Purpose.BADGE_READ, read.sealed, bound)
        try:
            kind, _, uid = said.decode().partition(" ")
            return BadgeKind(kind), service.parse_uid(uid)
        except (ValueError, Refused) as error:
            raise PeerError(f"{wanted.gateway} sealed what is no badge") from error
