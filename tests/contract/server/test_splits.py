"""A session's cost split between accounts: by shares or an instant, again, and back."""

from __future__ import annotations

import pytest
from sqlmodel import col, select

from booking_api import doctor
from booking_api.accounts import service as accounts
from booking_api.accounts import teams
from booking_api.billing import service as billing
from booking_api.billing.models import Charge, SessionSplit
from booking_api.disputes import service as disputes
from booking_api.documents.gather import waiting
from booking_api.documents.items import item_of, read_sources
from booking_api.payments import overdue
from booking_api.periods.models import Period
from booking_api.web.formats import Formats
from floor.errors import Refused
from tests.kit.histories import CAPPED, FREE, PACKED, PLAIN, Use, bills, furnish, journals
from tests.kit.server import MINUTE_MS, NOW_MS, Floor

THIRDS = billing.parse_shares([("lab", "1/3"), ("team", "2/3")])


@pytest.fixture
def shop(floor: Floor) -> Floor:
    furnish(floor)
    return floor


def use(shop: Floor, *uses: Use) -> None:
    for writer in journals(shop, uses):
        if writer.entries:
            shop.apply(writer.batch())


def split(
    shop: Floor,
    wanted: tuple[tuple[str, int], ...] | billing.Wanted = THIRDS,
    id: str = "s-000",
    reason: str = "made together",
    over_limits: bool = False,
) -> dict[str, int]:
    how = wanted if isinstance(wanted, billing.Wanted) else billing.Wanted(wanted)
    with shop.db.write() as session:
        made = billing.split(session, id, how, shop.ada, reason, NOW_MS, over_limits=over_limits)
        return {charge.account: charge.total_micro for charge in made}


def owed(shop: Floor, *names: str) -> list[int]:
    return [shop.balances().get((f"assets:member:{name}", "EUR"), 0) for name in names]


def refused(shop: Floor, words: str, *wanted: tuple[str, int]) -> None:
    with pytest.raises(Refused, match=words):
        split(shop, wanted)


def healthy(shop: Floor) -> None:
    assert doctor.examine(shop.db) == []


def test_a_session_is_split_and_split_again_and_put_together(shop: Floor) -> None:
    use(shop, Use(1, PACKED, 0, 0, 119), Use(1, CAPPED, 0, 130, 40))
    before = shop.balances()
    assert split(shop) == {"team": 39_670_000, "lab": 19_830_000}
    assert owed(shop, "lab", "team") == [20_000_000 + 19_830_000, 39_670_000 + 4_000_000]
    assert shop.sessions()["s-000"].total_micro == 59_500_000
    unchanged = ("liabilities:tax", "EUR"), ("income:machine:packed-gw", "EUR")
    assert [shop.balances()[key] for key in unchanged] == [before[key] for key in unchanged]
    healthy(shop)
    assert split(shop, (("lab", 1), (shop.ada, 1))) == {"team": 0, "lab": 29_750_000, shop.ada: 29_750_000}
    healthy(shop)
    with shop.db.write() as session:
        (whole,) = billing.undo_split(session, "s-000", shop.ada, "a mistake", NOW_MS)
        with pytest.raises(Refused, match="It is not split"):
            billing.undo_split(session, "s-000", shop.ada, "again", NOW_MS)
    assert (whole.account, whole.total_micro) == ("team", 59_500_000)
    assert shop.balances() == before
    healthy(shop)
    with shop.db.read() as session:
        kept = session.exec(select(SessionSplit).order_by(col(SessionSplit.made_ms))).all()
    assert all(one.undone_ms is not None and one.undone_by == shop.ada for one in kept)


def test_what_allowances_pay_stays_with_the_first_and_the_rest_is_split(shop: Floor) -> None:
    use(shop, Use(0, PACKED, 0, 0, 100))
    left = bills(shop)["left"]
    assert split(shop, (("lab", 1), ("team", 1))) == {"lab": 2_500_000, "team": 2_500_000}
    assert bills(shop)["left"] == left
    healthy(shop)


def test_a_split_outlasts_a_use_that_comes_late(shop: Floor) -> None:
    first, late = journals(shop, [Use(1, CAPPED, 0, 60, 60), Use(1, CAPPED, 1, 0, 30)])
    shop.apply(first.batch())
    assert split(shop) == {"team": 3_330_000, "lab": 1_670_000}
    shop.apply(late.batch())
    with shop.db.read() as session:
        live = {one.account: one.total_micro for one in billing.charges_of(session, "s-000")}
    assert live == {"team": 1_330_000, "lab": 670_000}, "2.00 are left below the day's cap of 5.00"
    healthy(shop)


def test_an_instant_divides_by_time(shop: Floor) -> None:
    use(shop, Use(1, CAPPED, 0, 0, 40))
    begin = shop.sessions()["s-000"].started_ms
    wanted = billing.Wanted(instant_ms=begin + 10 * MINUTE_MS, after="lab")
    assert split(shop, wanted) == {"team": 1_000_000, "lab": 3_000_000}
    healthy(shop)
    for instant in (begin, begin + 40 * MINUTE_MS):
        with pytest.raises(Refused, match="between its start and its end"):
            split(shop, billing.Wanted(instant_ms=instant, after="lab"))


def test_no_part_passes_a_limit_unless_staff_say_so(shop: Floor) -> None:
    use(shop, Use(1, CAPPED, 0, 0, 40))
    with shop.db.write() as session:
        accounts.set_limits(session, shop.ada, {"monthly_limit_micro": 2_000_000}, NOW_MS)
    before = shop.balances()
    refused(shop, "Ada Byron cannot bear .* it is 0.67 EUR more than its limit", ("team", 1), (shop.ada, 2))
    assert shop.balances() == before
    assert split(shop, (("team", 1), (shop.ada, 1)))[shop.ada] == 2_000_000
    split(shop, (("team", 1), (shop.ada, 2)), over_limits=True)
    healthy(shop)
    with shop.db.write() as session:
        accounts.set_limits(session, "team", {"credit_limit_micro": 3_000_000}, NOW_MS)
        teams.put_person(session, "lab", shop.ada, teams.PersonDetails(monthly_limit_micro=1), NOW_MS)
    refused(shop, "lab cannot .* it is 1.33 EUR more than its member may", ("team", 2), ("lab", 1))
    with pytest.raises(Refused, match=r"team cannot .* 1\.00 EUR more"), shop.db.write() as session:
        billing.undo_split(session, "s-000", shop.ada, "enough", NOW_MS)
    with shop.db.write() as session:
        billing.undo_split(session, "s-000", "op", "enough", NOW_MS, over_limits=True)
        assert session.exec(select(SessionSplit.over_limits).order_by(col(SessionSplit.made_ms))).all() == [
            False,
            True,
        ]


def test_an_account_that_is_overdue_or_archived_bears_no_part(shop: Floor) -> None:
    use(shop, Use(1, CAPPED, 0, 0, 40))
    with shop.db.write() as session:
        for account in ("lab", "team"):
            overdue.block(session, account, NOW_MS, "EUR", "test", NOW_MS)
    refused(shop, "lab cannot bear its part: it is overdue", ("team", 1), ("lab", 1))
    split(shop, (("team", 1), (shop.ada, 1)))
    with shop.db.write() as session:
        overdue.block(session, "lab", NOW_MS, "EUR", "test", NOW_MS)
    split(shop, (("team", 1), ("lab", 2)), over_limits=True)
    with shop.db.write() as session:
        billing.undo_split(session, "s-000", shop.ada, "enough", NOW_MS)
        teams.archive(session, "lab", NOW_MS)
    with pytest.raises(Refused, match="not one that you may charge to"):
        split(shop, (("team", 1), ("lab", 1)), over_limits=True)
    healthy(shop)


def test_shares_that_are_none_are_refused(shop: Floor) -> None:
    use(shop, Use(1, CAPPED, 0, 0, 40), Use(0, PACKED, 0, 0, 5))
    refused(shop, "Name 2 to 20 accounts", ("team", 1))
    refused(shop, "Name 2 to 20 accounts", ("team", 1), ("team", 2))
    refused(shop, "more than 0", ("team", 1), ("lab", 0))
    refused(shop, "not one that you may charge to", ("team", 1), (shop.ben, 1))
    with pytest.raises(Refused, match="nothing to split"):
        split(shop, id="s-001")
    with pytest.raises(Refused, match="Say why"):
        split(shop, reason=" ")
    for texts, words in (
        ([("lab", "30%"), ("team", "60%")], "make up 100"),
        ([("lab", "50%"), ("team", "50")], "for all"),
        ([("lab", "1/0")], "A share is written"),
        ([("lab", "-1")], "A share is written"),
    ):
        with pytest.raises(Refused, match=words):
            billing.parse_shares(texts)
    assert billing.parse_shares([("a", "33.3%"), ("b", "66.7 %".replace(" ", ""))]) == (
        ("a", 333),
        ("b", 667),
    )


def test_what_is_split_is_changed_only_together(shop: Floor) -> None:
    use(shop, Use(1, CAPPED, 0, 0, 40))
    with shop.db.write() as session:
        (charge,) = billing.charges_of(session, "s-000")
        open_ = disputes.open_dispute(session, charge.id, "too much", shop.ada, NOW_MS)
    with pytest.raises(Refused, match="It is disputed"):
        split(shop)
    with shop.db.write() as session:
        disputes.withdraw(session, open_.dispute.id, shop.ada, NOW_MS)
    split(shop)
    with shop.db.write() as session:
        for one in billing.charges_of(session, "s-000"):
            with pytest.raises(Refused, match="It is split between accounts"):
                billing.reverse_charge(session, one.id, "why", "op", NOW_MS)
            with pytest.raises(Refused, match="It is split between accounts"):
                disputes.open_dispute(session, one.id, "too much", shop.ada, NOW_MS)
        with pytest.raises(Refused, match="It is split between accounts"):
            billing.move(session, "s-000", "lab", shop.ada, "why", NOW_MS)
        part = next(one for one in billing.charges_of(session, "s-000") if one.account == "lab")
        billing.credit(session, part.id, 330_000, "a wish", "op", NOW_MS)
    with pytest.raises(Refused, match="Some of it was given back"):
        split(shop)
    healthy(shop)


def test_a_closed_month_stays_as_it_is(shop: Floor) -> None:
    use(shop, Use(1, PLAIN, 0, 0, 40))
    split(shop)
    with shop.db.write() as session:
        session.add(Period(month="2026-09", to_ms=NOW_MS + 90 * 86_400_000, closed_ms=1, closed_by="test"))
    with shop.db.write() as session, pytest.raises(Refused, match="closed"):
        billing.undo_split(session, "s-000", shop.ada, "late", NOW_MS)
    with pytest.raises(Refused, match="closed"):
        split(shop)


def test_documents_say_that_it_is_a_part(shop: Floor) -> None:
    use(shop, Use(1, FREE, 0, 0, 119))
    split(shop)
    f = Formats("en", shop.db.zone)
    with shop.db.read() as session:
        (part,) = [one for one in waiting(session, "lab", 1 << 60) if one.entry.source.endswith("/1")]
        item = item_of(session, part, read_sources(session, [part]), "", f)
        charge = session.exec(select(Charge).where(Charge.entry == part.entry.id)).one()
    assert charge.total_micro == item.amount_micro == item.full_micro
    assert any("1/3" in words and "made together" in words for words in item.details), item.details
