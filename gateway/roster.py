"""The roster at a gateway: verified, kept on disk, held in memory in the shape that a tap looks up.

On disk it is what the server signed, a line each: a snapshot, then the deltas that followed. So what is
loaded after a power cut was verified like what came over the network, and a torn line is left out.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from floor import tariff
from floor.access import AccountStanding, BadgeStanding, MemberStanding, accounts_of
from floor.errors import ConfigError, PeerError
from floor.ids import badge_reference
from floor.tariff import Tariff
from floor.wire.base import Id, Message, Name
from floor.wire.messages import Command, ServerKeys
from floor.wire.roster import JournalPlace, Roster, RosterDelta, RosterMachine, RosterVersion, apply
from gateway.clock import Clock
from gateway.memory import give_back
from gateway.rules import NONE, Rules, read_rules
from gateway.server_keys import ServerKeyStore
from hardware.readers.keys import BadgeKey

log = logging.getLogger(__name__)
NO_ROSTER_AGE_S = 1 << 31
DELTAS_BEFORE_SNAPSHOT = 500


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of this gateway with its tariff versions already read."""

    entry: RosterMachine
    tariffs: tuple[Tariff, ...]


class _Head(Message):
    """What every command says of itself, whatever a later version's server orders by it."""

    id: Id
    gateway: Name


class RosterStore:
    """Holds the newest roster that the server signed for this gateway."""

    def __init__(self, path: Path, gateway: str, badge_key: bytes, server_key: bytes, clock: Clock) -> None:
        self._path = path
        self._gateway = gateway
        self._badge_key = badge_key
        self.keys = ServerKeyStore(path.with_name("server-keys.jsonl"), server_key)
        self._clock = clock
        self._roster: Roster | None = None
        self._deltas = 0
        self._taken_ms = 0
        self._age_when_taken_ms = 0
        self.machines: dict[str, Machine] = {}
        self.zone: tzinfo = UTC
        self.zone_problem = ""
        self.rules: Rules = NONE

    @property
    def version(self) -> RosterVersion | None:
        """The version that is held; None also asks the server for a snapshot after many deltas."""
        return self._roster.version if self._roster and self._deltas < DELTAS_BEFORE_SNAPSHOT else None

    def age_s(self) -> int:
        """Return how many seconds ago the server last vouched for this roster; at least since it was read."""
        if self._roster is None:
            return NO_ROSTER_AGE_S
        return (self._clock.monotonic_ms() - self._taken_ms + self._age_when_taken_ms) // 1000

    def look_up(self, uid: bytes) -> tuple[str, BadgeStanding | None, MemberStanding | None]:
        """Return a badge's reference, its standing and its member's."""
        reference = badge_reference(self._badge_key, uid)
        return reference, *self.standing(reference)

    def standing(self, reference: str) -> tuple[BadgeStanding | None, MemberStanding | None]:
        """Return how a badge and its member stand now."""
        badge = self._roster.badges.get(reference) if self._roster else None
        return badge, self.member(badge.member) if badge else None

    def key_of(self, uid: bytes) -> BadgeKey | None:
        """Return how a badge of the roster proves itself; None for one that cannot, is lost or is unknown."""
        _, badge, _ = self.look_up(uid)
        return BadgeKey(badge.kind, bytes.fromhex(badge.key)) if badge and badge.key else None

    def member(self, id: str) -> MemberStanding | None:
        """Return a member as the roster has them."""
        return self._roster.members.get(id) if self._roster else None

    def signs_off(self, machine: str) -> bool:
        """Whether anybody could sign others off at a machine."""
        members = self._roster.members.values() if self._roster else ()
        return any(one.signs_off and machine in one.allowed for one in members)

    def account(self, member: str, account: str) -> AccountStanding | None:
        """Return an account as it stands for a member; None when it is not one that they may charge to."""
        standing = self.member(member)
        mine = accounts_of(standing) if standing else ()
        return next((one for one in mine if one.id == account), None)

    @property
    def budgets(self) -> Mapping[str, int]:
        """What may be spent here of what several share, in micro-units."""
        return self._roster.budgets if self._roster else {}

    @property
    def journal(self) -> JournalPlace | None:
        """What the server had of the journal when it wrote the roster; None where it does not say."""
        return self._roster.journal if self._roster else None

    @property
    def issued_ms(self) -> int:
        """When the server signed it, UTC milliseconds; 0 without a roster."""
        return self._roster.issued_ms if self._roster else 0

    @property
    def commodity(self) -> str:
        """The currency of what may be spent; "" where the roster does not say."""
        return self._roster.commodity if self._roster else ""

    def language(self, member: str | None) -> str:
        """Return the language of a member, English where nobody is known."""
        standing = self.member(member) if member else None
        return standing.language if standing else "en"

    def load(self) -> str | None:
        """Read the roster from disk; returns what is wrong with it, None when nothing is."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return "there is no roster yet: this gateway has never heard from its server"
        except OSError as error:
            return f"the roster cannot be read: {error}"
        for line in lines:
            try:
                self._hold(line, own=True)
            except PeerError as error:
                self.ask_whole()  # which rewrites the file
                return f"the roster on disk is refused: {error}"
        give_back()
        return None

    def take(self, payload: bytes) -> bool:
        """Hold a signed snapshot or delta; returns whether more than its age changed.

        Raises PeerError for a wrong signature, another gateway's, an older version, or a delta that does not
        fit: what was held stays in force.
        """
        before = self._roster.version if self._roster else None
        self._hold(payload)
        assert self._roster is not None
        self._clock.heard(self._roster.issued_ms)
        return self._roster.version != before

    def ask_whole(self) -> None:
        """Hold no version any more until a whole roster comes."""
        self._deltas = DELTAS_BEFORE_SNAPSHOT

    def _hold(self, payload: bytes, *, own: bool = False) -> None:
        message = self._verified(payload, own=own)
        held = self._roster
        if isinstance(message, Command):
            raise PeerError("a command came where a roster was expected")
        if held and message.version < held.version:
            raise PeerError(
                f"roster {tuple(message.version)} is older than {tuple(held.version)}, which is held"
            )
        deltas = 0
        if isinstance(message, RosterDelta):
            if held is None:
                raise PeerError("a delta came, but no roster is held")
            deltas = self._deltas + 1
            try:
                message = apply(held, message)
            except ValueError as error:
                raise PeerError(str(error)) from error
        machines = {entry.id: self._machine(entry) for entry in message.machines}
        self._roster, self.machines, self._deltas = message, machines, deltas
        self.zone, self.zone_problem = _zone(message.timezone)
        if held is None or (held.walk_in, held.timezone) != (message.walk_in, message.timezone):
            self.rules = read_rules(message.walk_in, self.zone)
        self._taken_ms = self._clock.monotonic_ms()
        known_age = self._clock.wall_ms() - message.issued_ms if self._clock.known() else 0
        self._age_when_taken_ms = max(0, known_age)

    def _machine(self, entry: RosterMachine) -> Machine:
        held = self.machines.get(entry.id)
        if held and held.entry is entry:  # most deltas are of members
            return held
        try:
            return Machine(entry, tuple(tariff.load(table, entry.id) for table in entry.tariffs))
        except ConfigError as error:
            raise PeerError(f"the roster carries a tariff that cannot be read: {error}") from error

    def save(self, payload: bytes) -> None:
        """Write what was just taken to disk, durably; call it off the event loop, one at a time."""
        if self._deltas and self._path.exists():
            with self._path.open("ab") as file:
                os.fchmod(file.fileno(), 0o600)  # as below, also where an earlier version made the file
                file.write(payload + b"\n")
                file.flush()
                os.fsync(file.fileno())
            return
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        # Keys of badges stand in it: for nobody but this user.
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(payload + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        give_back()

    def command(self, payload: bytes) -> Command:
        """Return a command that the server signed for this gateway; raises PeerError when it has expired."""
        command = self._verified(payload)
        if not isinstance(command, Command):
            raise PeerError("a roster came where a command was expected")
        if self._clock.known() and self._clock.wall_ms() > command.expires_ms:
            raise PeerError(f"command {command.id} expired before it came")
        return command

    def unread(self, payload: bytes) -> str | None:
        """Return the id of a command that the server signed for this gateway and this version cannot read.

        Raises PeerError for what is not the server's, or says not even whom it is for.
        """
        signed, body = self.keys.open(payload), b""
        try:
            signed.message()
        except PeerError:
            body = signed.body.encode() if signed.kind == "command" else b""
        head = _Head.decode(body, len(body)) if body else None
        return head.id if head and head.gateway == self._gateway else None

    def _verified(self, payload: bytes, *, own: bool = False) -> Roster | RosterDelta | Command:
        signed = self.keys.open(payload, own=own)
        message = signed.message()
        if isinstance(message, ServerKeys):
            raise PeerError("keys of the server came where something else was expected")
        if message.gateway != self._gateway:
            raise PeerError(f"this {signed.kind} is for {message.gateway}, not for {self._gateway}")
        return message


def _zone(name: str) -> tuple[tzinfo, str]:
    """Return a zone by its IANA name; UTC, and what is wrong, where this machine does not know it."""
    try:
        return ZoneInfo(name), ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC, f"The time zone {name[:80]!r} is not known here: days and prices go by UTC"
