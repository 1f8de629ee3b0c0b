"""Holds the server's books against the truth of one simulated floor. `judge` returns every contradiction.

The truth is what the relays' contacts did, who tapped before, and what the simulated clocks showed; nothing
of it was told by the gateway. A session is matched to its use by the boot and its monotonic start.

When a process dies, what its disk had not taken is lost: a use's `proven_s` says from when on. Only there may
a use be missing, and only an end or checkpoints from after it may be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlmodel import col, select

from booking_api.billing.models import Charge
from booking_api.billing.settle import NO_CLOCK
from booking_api.ledger import chain
from booking_api.metering.models import JournalRecord
from booking_api.sessions.models import Alarm, MachineSession, SessionState
from floor.wire.journal import GENESIS, JournalEntry, entry_hash
from floor.words import StopType
from gateway.app import TICK_S
from tests.simulation.pi import CHECKPOINT_S, Use
from tests.simulation.world import World

NEAR_S = 0.5
PRICE_MICRO = 333_333
"""Of a minute, by the tariff of tests.kit.server; a bill is rounded to cents."""
CENT_MICRO = 10_000
LATE_MS = 60_000
"""What a message that tells the time may be late: the clock cannot know it."""


@dataclass(frozen=True)
class Books:
    """What the server has, and which session is which use."""

    world: World
    rows: dict[str, MachineSession]
    records: Sequence[Row[Any]]
    knew: set[str]
    """The boots that knew the time at some entry."""
    charges: list[Charge]
    balances: dict[tuple[str, str], int]
    chain_breaks: int
    pairs: list[tuple[Use, MachineSession]]
    unbilled: list[Use]
    strays: list[MachineSession]
    alarms: list[Alarm]


def judge(world: World) -> list[str]:
    """Return what contradicts the truth, a line each, with the rule's name in front."""
    books = _read(world)
    found = [f"watched: {problem}" for problem in world.problems]
    for rule in RULES:
        found += [f"{rule.__name__}: {words}" for words in rule(books)]
    return found


def _read(world: World) -> Books:
    with world.floor.db.read() as session:
        records = session.execute(
            sa.select(JournalRecord.__table__).order_by(col(JournalRecord.epoch), col(JournalRecord.seq))
        ).all()
        charges = list(session.exec(select(Charge).where(col(Charge.replaced_ms).is_(None))))
        mark, breaks = chain.follow(session, chain.Mark())
        while not breaks and (further := chain.follow(session, mark)) and further[0] != mark:
            mark, breaks = further
    rows = world.floor.sessions()
    free = defaultdict(list)
    for use in world.uses:
        free[use.machine].append(use)
    pairs, strays = [], []
    for row in sorted(rows.values(), key=lambda row: world.when_s(row.boot_id, row.start_monotonic_ms)):
        at_s = world.when_s(row.boot_id, row.start_monotonic_ms)
        near = [
            use for use in free[row.machine] if abs(use.on_s - at_s) < NEAR_S and use.boot_id == row.boot_id
        ]
        if near:
            free[row.machine].remove(near[0])
            pairs.append((near[0], row))
        else:
            strays.append(row)
    with world.floor.db.read() as session:
        alarms = list(session.exec(select(Alarm)))
    unbilled = [use for uses in free.values() for use in uses]
    balances = world.floor.balances()
    knew = {record.boot_id for record in records if record.clock_error_ms is not None}
    return Books(world, rows, records, knew, charges, balances, len(breaks), pairs, unbilled, strays, alarms)


def every_use_is_one_session(books: Books) -> Iterator[str]:
    """Power without a session, a session lost that the disk or the server had, a session out of nothing."""
    for use in books.unbilled:
        if not use.proven_s or use.on_s < use.proven_s:
            yield f"no session for {use}"
    for row in books.strays:
        if row.elapsed_ms > 1_500:  # its relay closed never, or its process died before: it used nothing
            yield f"{row.id} at {row.machine} for {row.elapsed_ms} ms, which had no power"
    for use, row in books.pairs:
        if use.member != row.member:
            yield f"{row.id} is billed to {row.member}, but {use.member} tapped"


def every_session_is_billed_once(books: Books) -> Iterator[str]:
    """One charge that stands for each session, of what its time costs; and accounts owe the sum of them."""
    charges, owed = defaultdict(list), defaultdict(int)
    for charge in books.charges:
        charges[charge.session].append(charge)
    for row in books.rows.values():
        if (
            row.state is SessionState.EXCEPTION
            and row.exception == NO_CLOCK
            and row.boot_id not in books.knew
        ):
            continue
        if row.state is not SessionState.PRICED:
            yield f"{row.id} is {row.state}: {row.exception or 'it never ended'}"
            continue
        costs = Fraction(row.elapsed_ms * PRICE_MICRO, 60_000)
        wrong = (
            abs(sum(charge.total_micro for charge in charges.get(row.id, ())) - costs) > CENT_MICRO // 2 + 1
        )
        total = sum(charge.total_micro for charge in charges.get(row.id, ()))
        months = {charge.period for charge in charges.get(row.id, ())}
        if wrong or len(months) != len(charges.get(row.id, ())) or total != (row.total_micro or 0):
            yield f"{row.id} of {row.elapsed_ms} ms is charged {total}, not {float(costs):.1f}"
        owed[row.account] += total
    booked_at = defaultdict[str, int](int)
    for (account, _), micro in books.balances.items():
        booked_at[account] += micro
    for member in books.world.members.values():
        booked = booked_at[f"assets:member:{member}"]
        if booked != owed[member]:
            yield f"{member} owes {booked}, but the sessions cost {owed[member]}"


def no_limit_is_passed(books: Books) -> Iterator[str]:
    """What a member may owe holds over all gateways, but for the tick in which each session ends."""
    world = books.world
    machines = sum(len(policies) for policies in world.machines.values())
    tick_micro = round(2 * world.plan.coarse * TICK_S * PRICE_MICRO / 60) + CENT_MICRO
    ends = Counter(row.member for row in books.rows.values())
    for member, limit_micro in world.limits.items():
        owed = books.balances.get((f"assets:member:{member}", "EUR"), 0)
        if owed > limit_micro + min(machines, ends[member]) * tick_micro:
            yield f"{member} owes {owed}, and may owe {limit_micro}"


def no_lease_is_outlived(books: Books) -> Iterator[str]:
    policies = {id: policy for one in books.world.machines.values() for id, policy in one.items()}
    for use in books.world.uses:
        longest_s = float(policies[use.machine]["max_duration_s"])  # type: ignore[arg-type] # a number there
        slack_s = 2 * books.world.plan.coarse * TICK_S + (6 if use.how == "kill" else 0)
        if not use.how or use.lasted_s > longest_s + slack_s:
            yield f"{use} lasted {use.lasted_s:.1f} s of {longest_s:.0f}"


def no_power_without_a_tap(books: Books) -> Iterator[str]:
    known = set(books.world.members.values())
    for use in books.world.uses:
        if use.member not in known:
            yield f"{use} began without a tap of somebody who may"


def no_session_is_longer_or_shorter(books: Books) -> Iterator[str]:
    """What is billed is what was used; of a use that a death cut, up to its last checkpoint on disk."""
    doubted = " ".join(alarm.words for alarm in books.alarms) if books.world.plan.twins else ""
    for use, row in books.pairs:
        if row.id in doubted:  # two computers told of it, and differently: staff know
            continue
        billed_s, cut = row.elapsed_ms / 1000, use.how in ("cut", "kill") or bool(use.proven_s)
        if billed_s > use.lasted_s + NEAR_S:
            yield f"{row.id} is billed {billed_s:.1f} s, but was {use.lasted_s:.1f} s: {use}"
        proven_s = (use.proven_s or use.off_s) - use.on_s if cut else use.lasted_s
        least_s = (
            proven_s - books.world.plan.coarse * (CHECKPOINT_S + 2 * TICK_S) - (6 if use.how == "kill" else 0)
            if cut
            else proven_s - NEAR_S
        )
        if row.stop_type is not None and billed_s < least_s:
            yield f"{row.id} is billed {billed_s:.1f} s, but {least_s:.1f} s are proven: {use}"
        if row.stop_type is StopType.POWER_LOST and not cut and use.how != "stop":
            yield f"{row.id} ended as power_lost, but {use.how}: {use}"


def a_copied_card_is_told(books: Books) -> Iterator[str]:
    """Staff hear that two computers are one gateway, and nothing of what either did is lost."""
    forked = {alarm.gateway for alarm in books.alarms if alarm.code == "journal_forked"}
    for pi in books.world.pis:
        if pi.label != pi.name and pi.name not in forked:
            yield f"nobody was told of {pi.label}"


def entries_keep_their_times(books: Books) -> Iterator[str]:
    """Whenever it arrives: an entry says what the clocks showed when it was made, and its chain holds."""
    last = dict[tuple[str, int], str]()
    for record in books.records:
        pi, journal = books.world.pi_of(record.boot_id), (record.gateway, record.epoch)
        at_s = pi.when_s(record.boot_id, record.monotonic_ms)
        shown = {pi.wall_ms(at_s - 0.002), pi.wall_ms(at_s), pi.wall_ms(at_s + 0.002)}
        if min(abs(record.recorded_ms - wall_ms) for wall_ms in shown) > 3:
            place, showed_ms = f"{record.gateway}/{record.epoch}/{record.seq}", pi.wall_ms(at_s)
            yield f"entry {place} says {record.recorded_ms}, the clock showed {showed_ms}"
        entry = JournalEntry.model_validate_json(record.body)
        if entry_hash(last.get(journal, GENESIS), record.epoch, entry) != record.hash:
            yield f"entry {record.gateway}/{record.epoch}/{record.seq} breaks its chain"
        last[journal] = record.hash
    if books.chain_breaks:
        yield "the ledger's chain does not hold"


def sessions_are_dated_within_their_error(books: Books) -> Iterator[str]:
    """A session's start is right within what it says itself; not in a boot whose kernel said a wrong time."""
    for use, row in books.pairs:
        pi = books.world.pi_of(row.boot_id)
        if row.clock_error_ms is None or row.boot_id in pi.lied:
            continue
        off_ms = abs(row.started_ms - pi.true_ms(use.on_s))
        if off_ms > row.clock_error_ms + LATE_MS:
            yield f"{row.id} is dated {off_ms} ms off, and says at most {row.clock_error_ms}: {use}"


RULES: tuple[Callable[[Books], Iterator[str]], ...] = (
    every_use_is_one_session,
    every_session_is_billed_once,
    no_lease_is_outlived,
    no_limit_is_passed,
    no_power_without_a_tap,
    no_session_is_longer_or_shorter,
    a_copied_card_is_told,
    entries_keep_their_times,
    sessions_are_dated_within_their_error,
)
