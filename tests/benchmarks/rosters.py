"""How long the server needs to write a gateway's whole roster, and what of it changed."""

from __future__ import annotations

import time
from pathlib import Path

from sqlmodel import col, select, update

from booking_api.badges import service as badges
from booking_api.gateways.changes import Subject, changed
from booking_api.gateways.office import Office
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from floor.wire.messages import Hello
from floor.words import BadgeKind
from tests.benchmarks.result import Figure, ms
from tests.kit import year
from tests.kit.web import GATEWAY, NOW_MS, build

SIZE = year.Size(sessions=2_000, reservations=2_000, refusals=0)
WHOLE, DELTAS = 5, 60


async def rosters(folder: Path) -> list[Figure]:
    """Measure a floor whose machines all are at one gateway, and whose members all have a badge."""
    floor = build(folder)
    year.fill(floor, SIZE)
    context = floor.context
    with context.database.write() as session:
        session.execute(update(Machine).where(col(Machine.id).is_not(None)).values(gateway=GATEWAY))
        members = list(session.exec(select(Member.id)))
        for n, member in enumerate(members):
            uid = (n + (1 << 40)).to_bytes(7, "big")
            badges.enrol(session, context.vault, member, uid, BadgeKind.UID_13MHZ, "", NOW_MS)
    office = Office(context.vault, "EUR")
    hello = Hello(gateway=GATEWAY, boot_id="b", software="1", journal_epoch=1, next_seq=1, roster=None)
    whole: list[float] = []
    for _ in range(WHOLE):
        began = time.perf_counter()
        with context.database.write() as session:
            _, given = office.greet(session, hello, NOW_MS)
        given.encode()
        whole.append(time.perf_counter() - began)
    deltas: list[float] = []
    for member in members[:DELTAS]:
        with context.database.write() as session:
            changed(session, Subject.MEMBER, member, NOW_MS)
        began = time.perf_counter()
        with context.database.write() as session:
            told = office.update(session, GATEWAY, NOW_MS)
        assert told is not None
        told.encode()
        deltas.append(time.perf_counter() - began)
    what = f"{SIZE.members:,} members, {SIZE.machines} machines at one gateway"
    all_ms, one_ms = ms(whole, 0.5), ms(deltas, 0.5)
    return [
        Figure(f"whole roster, {what}: median", all_ms, "ms", None, "< 1,000 ms", all_ms < 1000),
        Figure("one member's change of it, durable: median", one_ms, "ms", None, "< 10 ms", one_ms < 10),
        Figure("the same: p99", ms(deltas, 0.99), "ms"),
    ]
