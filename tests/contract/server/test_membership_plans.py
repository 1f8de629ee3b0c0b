"""plans.toml: versions that follow each other, errors with their place, plans charged by a tariff."""

from __future__ import annotations

import pytest

from booking_api.memberships.plan_file import read_file
from booking_api.tariffs import service as tariffs
from floor.errors import ConfigError, Refused
from floor.money import Commodity
from tests.contract.server.test_memberships import EUR, PLANS, at, bill, join, keep, owed
from tests.kit.server import Floor


@pytest.fixture
def space(floor: Floor) -> Floor:
    with floor.db.write() as session:
        keep(session)
    return floor


def test_a_plan_is_a_version_that_a_later_one_follows(space: Floor) -> None:
    join(space, space.ada, "2026-11-01", plan="free-will")
    later = PLANS.replace("suggested = 30", "suggested = 36")
    with space.db.write() as session:
        assert keep(session) == []
        with pytest.raises(Refused, match="later valid_from"):
            keep(session, later)
        dated = later.replace('id = "free-will"', 'id = "free-will"\nvalid_from = 2026-12-01')
        assert keep(session, dated) == ["free-will"]
    assert bill(space, "2026-12-01") == 36 * EUR


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("price = 150", "price = 150.001", "plans.toml:6: plans[1].price: is no multiple of 0.01"),
        ("price = 95,", "price = 950,", "is more than the price"),
        ("suggested = 30", "suggested = 3", "is less than the minimum"),
        ('per = "year"', 'per = "decade"', "plans[5].per: is 'decade'"),
        ("amount = 60", "amount = 0", "allowances[1].amount"),
        ("most = 12", "most = 3", "is less than the least"),
        ('id = "year"', 'id = "full"', "as another plan's is"),
        ("notice = 10", "notice = 10\ncolour = 1", "colour: is not a key here"),
        ("price = 40", 'price = 40\ntariff = "laser"', "stands beside a tariff"),
    ],
)
def test_a_wrong_plan_is_named_with_its_place(old: str, new: str, words: str) -> None:
    assert old in PLANS
    with pytest.raises(ConfigError) as raised:
        read_file(PLANS.replace(old, new, 1), "plans.toml", Commodity("EUR"))
    assert words in str(raised.value)


def test_a_plan_may_be_charged_by_a_tariff(space: Floor) -> None:
    text = """
id = "dues"
name = "Dues"
commodity = "EUR"
valid_from = 2026-01-01
counts = ["desk"]
[tiers.student]
multiplier = 0.5
[[components]]
on = "membership"
per = "month"
price = 30
[[components]]
on = "membership"
per = "desk"
price = 100
"""
    plan = 'valid_from = 2026-01-01\n[[plans]]\nid = "dues"\nname = "Dues"\ntariff = "dues"\ncount = "desk"\n'
    with space.db.write() as session:
        with pytest.raises(Refused, match="no such tariff"):
            keep(session, plan)
        tariffs.add(session, text, "test", at("2026-01-02"))
        session.flush()
        keep(session, plan + 'tier = "student"\n')
    join(space, space.ada, "2026-11-10", plan="dues", quantity=3)
    with space.db.read() as session:
        assert owed(session, space.ada) == 165 * EUR
    assert bill(space, "2026-12-01") == 165 * EUR
    assert bill(space, "2026-12-02") == 0
