"""What a member may spend costs the same to find after ten sessions and after ten thousand."""

from __future__ import annotations

from sqlalchemy import event

from booking_api.accounts import service, teams
from booking_api.accounts.teams import PersonDetails, TeamDetails
from booking_api.gateways.changes import Subject, changed
from tests.kit.long_use import live
from tests.kit.rosters import GatewayPeer, badge
from tests.kit.server import NOW_MS, Floor

EUR = 1_000_000
FEW, MANY = 10, 10_000


def cost(floor: Floor, peer: GatewayPeer) -> tuple[int, int]:
    """Return the statements of one roster update for Ada, and on SQLite the steps of its machine."""
    with floor.db.write() as session:
        changed(session, Subject.MEMBER, floor.ada, NOW_MS)
        changed(session, Subject.ACCOUNT, "bots", NOW_MS)
    statements: list[str] = []
    steps = [0]

    def count(*_: object) -> int:
        steps[0] += 1
        return 0

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(floor.db.engine, "before_cursor_execute", listen)
    try:
        with floor.db.write() as session:
            raw = session.connection().connection.driver_connection
            if floor.db.engine.dialect.name == "sqlite":
                raw.set_progress_handler(count, 1)  # type: ignore[union-attr] # a SQLite connection has it
            given = peer.office.update(session, peer.name, NOW_MS)
            if floor.db.engine.dialect.name == "sqlite":
                raw.set_progress_handler(None, 1)  # type: ignore[union-attr] # as above
    finally:
        event.remove(floor.db.engine, "before_cursor_execute", listen)
    assert given is not None
    peer.take(given)
    return len(statements), steps[0]


def test_an_update_looks_at_no_history(floor: Floor) -> None:
    badge(floor, floor.ada)
    with floor.db.write() as session:
        service.set_limits(session, floor.ada, {"credit_limit_micro": 100 * EUR}, NOW_MS)
        details = TeamDetails(id="bots", name="Robots", monthly_limit_micro=90 * EUR)
        teams.add(session, details, NOW_MS, floor.ada)
        mine = PersonDetails(monthly_limit_micro=50 * EUR)
        teams.put_person(session, "bots", floor.ada, mine, NOW_MS)
    peer = GatewayPeer(floor)
    peer.hello()
    with floor.db.write() as session:
        live(session, floor.ada, 0, FEW)
    few = cost(floor, peer)
    with floor.db.write() as session:
        live(session, floor.ada, FEW, MANY)
    many = cost(floor, peer)
    assert peer.left(floor.ada, "bots") == 50 * EUR - MANY // 2
    assert many[0] == few[0] < 60
    assert many[1] <= few[1] * 1.1, f"{few[1]} steps after {FEW} sessions, {many[1]} after {MANY}"
