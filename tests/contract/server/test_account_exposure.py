"""Offline exposure: what gateways could spend alone, and by how much a limit could be passed at most."""

from __future__ import annotations

from pathlib import Path

from booking_api.accounts import exposure, service
from booking_api.accounts.exposure import Exposure
from booking_api.db import Database
from tests.contract.server.test_account_limits import MONTH, both_badged, charge, personal, team
from tests.kit.rosters import GatewayPeer, second_gateway, settle_down
from tests.kit.server import NOW_MS, Floor

EUR = 1_000_000
PAGE = Path(__file__).resolve().parents[3] / "docs" / "accounts.md"


def exposed(db: Database) -> dict[str, Exposure]:
    with db.read() as session:
        return {one.budget.key: one for one in exposure.read(session, "EUR", MONTH)}


def two_gateways(floor: Floor) -> tuple[GatewayPeer, GatewayPeer]:
    one, two = both_badged(floor), second_gateway(floor)
    one.hello(), two.hello()
    return one, two


def test_what_is_out_is_never_more_than_what_is_left(floor: Floor) -> None:
    team(floor, monthly=100 * EUR)
    personal(floor, 25 * EUR)
    one, two = two_gateways(floor)
    settle_down(one, two)
    found = exposed(floor.db)
    assert {(key, one.left_micro, one.out_micro, one.beyond_micro) for key, one in found.items()} == {
        ("bots", 100 * EUR, 100 * EUR, 0),
        (f"bots/{floor.ben}", 25 * EUR, 25 * EUR, 0),
    }


def test_a_lower_limit_can_be_passed_by_what_was_given_out_until_gateways_hear(floor: Floor) -> None:
    with floor.db.write() as session:
        service.set_limits(session, floor.ada, {"credit_limit_micro": 100 * EUR}, NOW_MS)
    one, two = two_gateways(floor)
    with floor.db.write() as session:
        service.set_limits(session, floor.ada, {"credit_limit_micro": 60 * EUR}, NOW_MS)
    assert exposed(floor.db)[floor.ada].beyond_micro == 40 * EUR
    one.update(), one.confirm()
    assert exposed(floor.db)[floor.ada].beyond_micro == 0, "one has 10, the other may still have 50"
    charge(floor.db, floor.ada, floor.ada, 25 * EUR)  # by hand: no gateway held it
    found = exposed(floor.db)[floor.ada]
    assert (found.left_micro, found.out_micro, found.beyond_micro) == (35 * EUR, 60 * EUR, 25 * EUR)
    settle_down(one, two)
    assert exposed(floor.db)[floor.ada].beyond_micro == 0


def test_the_page_says_so() -> None:
    text = " ".join(PAGE.read_text().split())
    assert "out = Σ slices that gateways may still believe, and out ≤ left" in text
    assert "max(0, out − left)" in text
