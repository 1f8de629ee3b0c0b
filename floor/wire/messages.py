"""Presence, live state, commands and their replies, and the signed envelope of what the server orders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from floor.meter import Quantity
from floor.wire.base import Count, Id, Message, Micro, Millis, Name, Text, Wire
from floor.wire.roster import Roster, RosterDelta, Version
from floor.words import Activity, DenialReason, StationState

Nonce = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16}$")]
TapOutcome = Literal["began", "ended", "held", "resumed", "waits", "code_over"]

PublicKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]


class Alive(Message):
    """Retained; the broker publishes `online: false` as the gateway's last will."""

    gateway: Name
    online: bool


class Hello(Message):
    """A gateway has connected: what it holds, and where its journal stands.

    `server_key` is the newest of the server's keys that it accepts, `keys_n` the number of the last
    ServerKeys that it took.
    """

    gateway: Name
    boot_id: Id
    software: Text
    journal_epoch: Annotated[Count, Field(ge=1)]
    next_seq: Annotated[Count, Field(ge=1)]
    roster: Version | None = None
    server_key: PublicKey | None = None
    keys_n: Count = 0


class Reading(Wire):
    """What a gauge of a machine shows: a temperature with its target, a layer of so many. Metered is nothing.

    `name` is nozzle, nozzle-2, bed, chamber, layer, power, feed, spindle, or a word of a later version.
    """

    name: Id
    value: Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
    target: Annotated[float, Field(ge=-1_000_000, le=1_000_000)] | None = None
    unit: Annotated[str, Field(max_length=8)] = ""


class Vitals(Wire):
    """How the gateway's computer is doing; None is what it does not know.

    `clock_error_ms` bounds the error of its clock by its own knowledge; `free_permille` is what is free of
    the journal's disk; `rss_kb` what the gateway's process holds of memory, `memory_kb` what the computer has
    left; `celsius` is the processor's temperature; `answer_ms` how long the server took to answer the last
    hello, there and back.
    """

    clock_error_ms: Count | None = None
    free_permille: Annotated[int, Field(ge=0, le=1000)] | None = None
    rss_kb: Count | None = None
    memory_kb: Count | None = None
    celsius: Annotated[int, Field(ge=-100, le=300)] | None = None
    answer_ms: Count | None = None


class Station(Wire):
    """What a station shows now. Prices are what the session would cost if it ended now.

    `prints`: whether its machine can be handed files of the queue; `no_server`: it could, but the gateway was
    told no address to fetch them from. `readings` are sent with what else is sent, every few
    seconds at least, and never by themselves.
    """

    machine: Id
    state: StationState
    activity: Activity
    since_ms: Millis
    session_id: Id | None = None
    member: Id | None = None
    elapsed_ms: Millis = 0
    counters: dict[Quantity, Count] = Field(default_factory=dict)
    price_micro: Micro | None = None
    commodity: Text = ""
    progress: Annotated[float, Field(ge=0, le=1)] | None = None
    left_s: Count | None = None
    job: Text = ""
    words: Text = ""
    prints: Literal["none", "no_server", "ready"] = "none"
    readings: Annotated[list[Reading], Field(max_length=8)] = Field(default_factory=list)


class Stations(Message):
    """All stations of a gateway, sent on each change and every few seconds; losing one loses nothing.

    `stuck`: an entry of its journal does not pass the broker even alone, and all that follows waits.
    """

    gateway: Name
    at_ms: Millis
    roster: Version | None = None
    roster_age_s: Count | None = None
    journal_lag: Count = 0
    degraded: bool = False
    stuck: bool = False
    vitals: Vitals | None = None
    stations: Annotated[list[Station], Field(max_length=64)]


class LockOut(Wire):
    """Take a machine out of order."""

    type: Literal["lock_out"] = "lock_out"
    machine: Id
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Clear(Wire):
    """Put a machine in order again; gives no power."""

    type: Literal["clear"] = "clear"
    machine: Id
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Stop(Wire):
    """End one session: names it, so that a late order cannot end another."""

    type: Literal["stop"] = "stop"
    machine: Id
    session_id: Id


class Identify(Wire):
    """Make a station blink and beep, so that a person finds it."""

    type: Literal["identify"] = "identify"
    machine: Id


class ReadBadge(Wire):
    """Read the next badge at a station instead of taking it for a tap, and send its number up as a BadgeRead.

    It gives no power, is refused while a session runs there, and ends with the next order to the machine.
    `reading` is the server's name for it.
    """

    type: Literal["read_badge"] = "read_badge"
    machine: Id
    reading: Id
    for_s: Annotated[int, Field(ge=1, le=60)]


class EndReading(Wire):
    """Take the next badge for a tap again."""

    type: Literal["end_reading"] = "end_reading"
    machine: Id
    reading: Id


class PhoneTapped(Wire):
    """A signed-in member has scanned the code that the station shows: it is a tap of theirs.

    It gives no power by itself: the gateway takes it once, for a code that it showed there within a minute,
    and decides as for a badge.
    """

    type: Literal["phone_tapped"] = "phone_tapped"
    machine: Id
    member: Id
    nonce: Nonce


Order = Annotated[
    LockOut | Clear | Stop | Identify | ReadBadge | EndReading | PhoneTapped, Field(discriminator="type")
]


class Command(Message):
    """An order of staff. It dies at `expires_ms`, and a gateway carries an `id` out once."""

    id: Id
    gateway: Name
    by: Id
    issued_ms: Millis
    expires_ms: Millis
    order: Order


class Reply(Message):
    """What came of a command, by its id. `reason` is why a station refused.

    `tap` is what a phone's tap did: a session began, ended, is held for its job or goes on after that; or
    the code is not (or no more) one that the station takes.
    """

    id: Id
    gateway: Name
    done: bool
    words: Text = ""
    reason: DenialReason | None = None
    tap: TapOutcome | None = None


class BadgeRead(Message):
    """The badge that was read by a ReadBadge, once; the server drops one that it does not wait for.

    `sealed` is base64 of 12 bytes of nonce and AES-256-GCM of the kind that was proven, a space and the UID
    as hex. Its key is made of the gateway's badge key; gateway, machine and reading are bound to it.
    """

    gateway: Name
    machine: Id
    reading: Id
    sealed: Annotated[str, Field(min_length=44, max_length=256, pattern=r"^[A-Za-z0-9+/]+=*$")]


class Wiring(Message):
    """What is wired to a gateway, for the Pi that will take its place; sent after each answer to a hello.

    `sealed` is base64 of 12 bytes of nonce and AES-256-GCM of `gateway.toml` as JSON, without the name, the
    keys and the broker's password. Its key is made of the gateway's badge key; gateway, epoch and number of
    the journal's next entry are bound to it, so that an older one is known.
    """

    gateway: Name
    epoch: Annotated[Count, Field(ge=1)]
    seq: Annotated[Count, Field(ge=1)]
    sealed: Annotated[str, Field(min_length=40, max_length=64_000, pattern=r"^[A-Za-z0-9+/]+=*$")]


class ServerKeys(Message):
    """Whose signature a gateway takes for the server's from now on; the newest key stands first.

    It is signed with a key that the gateway accepted before, and is the same for every gateway. `n` counts
    up: one that is not newer than what was taken is refused.
    """

    n: Annotated[Count, Field(ge=1)]
    keys: Annotated[list[PublicKey], Field(min_length=1, max_length=2)]


class Signed(Message):
    """What the server orders: `body` is a message of `kind` as JSON, `signature` its Ed25519, base64."""

    kind: Literal["roster", "roster_delta", "command", "server_keys"]
    body: str
    signature: Annotated[str, Field(min_length=88, max_length=88)]

    def message(self) -> Roster | RosterDelta | Command | ServerKeys:
        """Read the body; call it only after the signature was verified. Raises PeerError."""
        shapes: dict[str, type[Roster] | type[RosterDelta] | type[Command] | type[ServerKeys]] = {
            "roster": Roster,
            "roster_delta": RosterDelta,
            "command": Command,
            "server_keys": ServerKeys,
        }
        body = self.body.encode()
        return shapes[self.kind].decode(body, len(body))

    def signed_bytes(self) -> bytes:
        """Return what the signature covers: the kind too, so that no body passes for another kind."""
        return f"makerfloor/{self.v}/{self.kind}\n{self.body}".encode()
