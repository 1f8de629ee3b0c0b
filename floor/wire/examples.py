"""One real message for each topic: the examples of docs/topics.md, and what the fuzz tests begin with."""

from __future__ import annotations

from datetime import date

from floor.access import AccountStanding, BadgeStanding, MemberStanding
from floor.meter import Quantity
from floor.policy import MachinePolicy, OnLeave
from floor.wire.base import Message
from floor.wire.journal import (
    GENESIS,
    AccountChosen,
    AlarmRaised,
    BadgeProven,
    Fact,
    GatewayBooted,
    HoldRaised,
    JobFinished,
    JournalAck,
    JournalBatch,
    JournalEntry,
    MachineCleared,
    MachineLockedOut,
    PrintFailed,
    PrintSent,
    SessionEnded,
    SessionHeld,
    SessionMetered,
    SessionStarted,
    SignedOff,
    TapRefused,
    chained,
)
from floor.wire.messages import (
    Alive,
    BadgeRead,
    Clear,
    Command,
    EndReading,
    Hello,
    LockOut,
    PhoneTapped,
    ReadBadge,
    Reading,
    Reply,
    ServerKeys,
    Signed,
    Station,
    Stations,
    Stop,
    Vitals,
    Wiring,
)
from floor.wire.roster import Booking, QueuedPrint, Roster, RosterDelta, RosterMachine, RosterVersion
from floor.wire.topics import Channel
from floor.words import Activity, BadgeKind, DenialReason, JobOutcome, StationState, StopType

GATEWAY = "wood-shop"
NOW_MS = 1_767_261_600_000
BOOT = "019b7f6e-8d00-7a31-9c52-6f1d5e0b7a10"
SESSION = "019b7f70-1234-7c00-8a6b-3f0e9d2c1b4a"
PRINT = "019b7f6f-4321-7d00-9b7c-4a1f0e8d3c5b"
MEMBER = "019b0000-0000-7000-8000-0000000000a1"
STUDENT = "019b0000-0000-7000-8000-0000000000b2"
READING = "019b7f72-2222-7e00-9c7d-5b2a1f0e9d8c"
BADGE = "5f2b9c1e7a6d4083b1c2d3e4f5061728"
USED = {Quantity.MACHINE_TIME_MS: 754_000, Quantity.JOB_TIME_MS: 731_000, Quantity.FILAMENT_UM: 4_210_500}

FACTS: tuple[Fact, ...] = (
    GatewayBooted(boot_id=BOOT, software="0.1.0"),
    SessionStarted(
        session_id=SESSION,
        machine="printer-1",
        member=MEMBER,
        account=MEMBER,
        badge=BADGE,
        tier="member",
        max_duration_s=28_800,
        limit_micro=20_000_000,
    ),
    SessionMetered(session_id=SESSION, elapsed_ms=60_000, counters={Quantity.MACHINE_TIME_MS: 60_000}),
    AccountChosen(session_id=SESSION, account="robotics", limit_micro=5_000_000),
    HoldRaised(session_id=SESSION, limit_micro=10_000_000),
    SessionHeld(session_id=SESSION, elapsed_ms=71_000),
    PrintFailed(print_id=PRINT, session_id=SESSION, words="the printer did not answer"),
    PrintSent(print_id=PRINT, session_id=SESSION),
    JobFinished(
        session_id=SESSION,
        machine="printer-1",
        name="bracket.gcode",
        outcome=JobOutcome.DONE,
        job_time_ms=731_000,
        counters={Quantity.FILAMENT_UM: 4_210_500},
    ),
    SessionEnded(session_id=SESSION, stop_type=StopType.JOB_DONE, elapsed_ms=754_000, counters=USED),
    BadgeProven(machine="saw", badge=BADGE, member=MEMBER, counter=61),
    SignedOff(machine="saw", member=STUDENT, badge=BADGE[::-1], by=MEMBER, by_badge=BADGE),
    TapRefused(machine="saw", reason=DenialReason.NOT_CERTIFIED, badge=BADGE, member=MEMBER),
    MachineLockedOut(machine="saw", reason="blade guard cracked", by=MEMBER),
    MachineCleared(machine="saw", reason="guard replaced", by=MEMBER),
    AlarmRaised(machine="saw", code="relay_mismatch", words="power without a command"),
)


def journal(epoch: int = 1) -> list[JournalEntry]:
    """Return a journal of every kind of fact, chained."""
    entries: list[JournalEntry] = []
    for seq, fact in enumerate(FACTS, 1):
        blank = JournalEntry(
            seq=seq,
            recorded_ms=NOW_MS + seq * 1000,
            clock_error_ms=40,
            monotonic_ms=90_000 + seq * 1000,
            boot_id=BOOT,
            previous=GENESIS,
            hash=GENESIS,
            fact=fact,
        )
        entries.append(chained(epoch, entries[-1].hash if entries else GENESIS, blank))
    return entries


TARIFF: dict[str, object] = {
    "id": "printer",
    "name": "3D printer",
    "commodity": "EUR",
    "valid_from": "2026-01-01",
    "tiers": {"member": {"multiplier": "0.5"}},
    "components": [{"per": "job_time", "price": "1.00", "unit": "h"}],
}
ROBOTICS = AccountStanding(
    "robotics", "Robotics team", None, {"gross|printer/EUR||2026-01": "12500000"}, ("robotics",)
)
ROSTER = Roster(
    gateway=GATEWAY,
    version=RosterVersion(1, 41),
    issued_ms=NOW_MS,
    members={
        MEMBER: MemberStanding(
            MEMBER,
            "Ann",
            "member",
            MEMBER,
            "en",
            spendable_micro=20_000_000,
            allowed={"printer-1": 0},
            positions={"free|printer/job_time||2026-01": "7/2"},
            others=(ROBOTICS,),
            since=date(2025, 3, 14),
        )
    },
    badges={BADGE: BadgeStanding(MEMBER, BadgeKind.NTAG424, key="0f" * 16)},
    machines=[
        RosterMachine(
            id="printer-1",
            name="Printer 1",
            policy=MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB, idle_after_s=900),
            tariffs=[TARIFF],
            prints=[
                QueuedPrint(
                    id=PRINT,
                    member=MEMBER,
                    account="robotics",
                    name="bracket.gcode",
                    sha256="9f" * 32,
                    size=2_412_007,
                    token="5c" * 16,
                )
            ],
        ),
        RosterMachine(
            id="saw",
            name="Table saw",
            policy=MachinePolicy(hazardous=True),
            tariffs=[],
            lockout="guard",
            bookings=[
                Booking(
                    id="019b7f6f-1111-7b00-8c6d-2e4f6a8b0c1d",
                    begins_ms=NOW_MS + 3_600_000,
                    ends_ms=NOW_MS + 7_200_000,
                    member=MEMBER,
                    shown="Ann",
                    released_ms=NOW_MS + 4_500_000,
                ),
                Booking(
                    id="019b7f6f-2222-7b00-8c6d-2e4f6a8b0c1e",
                    begins_ms=NOW_MS + 7_200_000,
                    ends_ms=NOW_MS + 14_400_000,
                    guests=[STUDENT],
                    shown="Saw, first steps",
                    opens=True,
                ),
            ],
        ),
    ],
    budgets={"robotics": 40_000_000},
    timezone="Europe/Berlin",
    commodity="EUR",
)
DELTA = RosterDelta(
    gateway=GATEWAY,
    base=RosterVersion(1, 41),
    version=RosterVersion(1, 42),
    issued_ms=NOW_MS + 5_000,
    badges={BADGE: BadgeStanding(MEMBER, BadgeKind.UID_13MHZ, lost=True)},
)
COMMAND = Command(
    id="019b7f71-0000-7000-8000-000000000001",
    gateway=GATEWAY,
    by=MEMBER,
    issued_ms=NOW_MS,
    expires_ms=NOW_MS + 10_000,
    order=LockOut(machine="saw", reason="blade guard cracked"),
)
ORDERS = (
    COMMAND,
    COMMAND.model_copy(update={"order": Clear(machine="saw", reason="guard replaced")}),
    COMMAND.model_copy(update={"order": Stop(machine="printer-1", session_id=SESSION)}),
    COMMAND.model_copy(update={"order": ReadBadge(machine="saw", reading=READING, for_s=60)}),
    COMMAND.model_copy(update={"order": EndReading(machine="saw", reading=READING)}),
    COMMAND.model_copy(
        update={"order": PhoneTapped(machine="printer-1", member=MEMBER, nonce="q7Jx0cV2mB-_yT4e")}
    ),
)


def signed(kind: str, message: Message) -> Signed:
    """Return an envelope of the right shape; its signature is not one."""
    return Signed.model_validate(
        {"kind": kind, "body": message.encode().decode(), "signature": "A" * 86 + "=="}
    )


SERVER_KEY, OLDER_KEY = "K" * 43 + "=", "J" * 43 + "="
SERVER_KEYS = ServerKeys(n=1, keys=[SERVER_KEY, OLDER_KEY])
VITALS = Vitals(
    clock_error_ms=40, free_permille=612, rss_kb=61_440, memory_kb=412_000, celsius=52, answer_ms=38
)
STATION = Station(
    machine="printer-1",
    state=StationState.IN_USE,
    activity=Activity.BUSY,
    since_ms=NOW_MS,
    session_id=SESSION,
    member=MEMBER,
    elapsed_ms=60_000,
    counters={Quantity.MACHINE_TIME_MS: 60_000},
    price_micro=8_333,
    commodity="EUR",
    progress=0.08,
    left_s=671,
    job="bracket.gcode",
    readings=[
        Reading(name="nozzle", value=214, target=215, unit="°C"),
        Reading(name="layer", value=12, target=60),
    ],
)
EXAMPLES: dict[Channel, Message] = {
    Channel.ALIVE: Alive(gateway=GATEWAY, online=True),
    Channel.HELLO: Hello(
        gateway=GATEWAY,
        boot_id=BOOT,
        software="0.1.0",
        journal_epoch=1,
        next_seq=16,
        roster=RosterVersion(1, 41),
        server_key=SERVER_KEY,
        keys_n=1,
    ),
    Channel.JOURNAL: JournalBatch(gateway=GATEWAY, epoch=1, entries=journal()[:2]),
    Channel.STATIONS: Stations(
        gateway=GATEWAY,
        at_ms=NOW_MS,
        roster=RosterVersion(1, 41),
        roster_age_s=12,
        vitals=VITALS,
        stations=[STATION],
    ),
    Channel.REPLY: Reply(id=COMMAND.id, gateway=GATEWAY, done=True),
    Channel.BADGE: BadgeRead(gateway=GATEWAY, machine="saw", reading=READING, sealed="Zm9yIGV4YW1wbGUg" * 4),
    Channel.WIRING: Wiring(gateway=GATEWAY, epoch=1, seq=15, sealed="q83vASNFZ4mrze8B" * 4),
    Channel.ACK: JournalAck(gateway=GATEWAY, epoch=1, seq=15),
    Channel.ROSTER: signed("roster_delta", DELTA),
    Channel.COMMAND: signed("command", COMMAND),
    Channel.KEYS: signed("server_keys", SERVER_KEYS),
}
ALL: tuple[Message, ...] = (
    *EXAMPLES.values(),
    JournalBatch(gateway=GATEWAY, epoch=1, entries=journal()),
    ROSTER,
    DELTA,
    SERVER_KEYS,
    *ORDERS,
    Reply(id=COMMAND.id, gateway=GATEWAY, done=False, reason=DenialReason.NOT_CERTIFIED),
    Reply(id=COMMAND.id, gateway=GATEWAY, done=True, tap="began"),
    signed("roster", ROSTER),
)
