"""What it costs the server to say what a member may spend, after few sessions and after many."""

from __future__ import annotations

import time
from pathlib import Path

from booking_api.accounts import service, teams
from booking_api.accounts.teams import PersonDetails, TeamDetails
from booking_api.gateways.changes import Subject, changed
from tests.benchmarks.result import Figure, ms
from tests.kit.long_use import live
from tests.kit.rosters import GatewayPeer, badge
from tests.kit.server import NOW_MS, Floor, make_floor

EUR = 1_000_000
FEW, MANY, ROUNDS = 10, 10_000, 60
GOAL = "≤ 1.5 × after 10"


async def limits(folder: Path) -> list[Figure]:
    """Measure one member's update at one gateway, as it follows a change of what may be spent."""
    floor = make_floor(f"sqlite:///{folder / 'makerfloor.db'}", folder)
    badge(floor, floor.ada)
    with floor.db.write() as session:
        service.set_limits(session, floor.ada, {"credit_limit_micro": 1_000 * EUR}, NOW_MS)
        details = TeamDetails(id="bots", name="Robots", monthly_limit_micro=900 * EUR)
        teams.add(session, details, NOW_MS, floor.ada)
        mine = PersonDetails(monthly_limit_micro=500 * EUR)
        teams.put_person(session, "bots", floor.ada, mine, NOW_MS)
        live(session, floor.ada, 0, FEW)
    peer = GatewayPeer(floor)
    peer.hello()
    few = rounds(floor, peer)
    with floor.db.write() as session:
        live(session, floor.ada, FEW, MANY)
    many = rounds(floor, peer)
    floor.db.close()
    before, after = ms(few, 0.5), ms(many, 0.5)
    what = f"limits of a member and a team at a gateway, after {MANY:,} sessions"
    return [Figure(what, after, "ms", before, GOAL, after <= 1.5 * before)]


def rounds(floor: Floor, peer: GatewayPeer) -> list[float]:
    """Return the seconds that each update took, its durable write with it."""
    took: list[float] = []
    for _ in range(ROUNDS):
        with floor.db.write() as session:
            changed(session, Subject.MEMBER, floor.ada, NOW_MS)
            changed(session, Subject.ACCOUNT, "bots", NOW_MS)
        began = time.perf_counter()
        with floor.db.write() as session:
            given = peer.office.update(session, peer.name, NOW_MS)
        took.append(time.perf_counter() - began)
        assert given is not None
        peer.take(given)
    return took
