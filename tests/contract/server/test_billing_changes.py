"""What is changed of charges: moved, waived, given back, late for a closed month; and who pays reductions."""

from __future__ import annotations

from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from booking_api import doctor
from booking_api.accounts import funds
from booking_api.accounts.models import AfterBudget
from booking_api.billing import service as billing
from booking_api.billing.models import AccountHistory, Charge
from booking_api.ledger.models import LedgerEntry
from booking_api.periods.calendar import bounds, month_at
from booking_api.periods.models import Period
from booking_api.tariffs import service as tariffs
from floor.errors import Refused
from floor.tariff import Occasion
from tests.kit.billing import charges_of
from tests.kit.histories import (
    CAPPED,
    DAY_MS,
    FREE,
    HEAD,
    LISTS,
    PACKED,
    PER_MINUTE,
    PLAIN,
    Use,
    bills,
    furnish,
    journals,
)
from tests.kit.server import MINUTE_MS, NOW_MS, Floor, Writer

EUR = 1_000_000


@pytest.fixture
def shop(floor: Floor) -> Floor:
    furnish(floor)
    return floor


def use(shop: Floor, *uses: Use) -> tuple[Writer, Writer]:
    made = journals(shop, uses)
    for writer in made:
        if writer.entries:
            shop.apply(writer.batch())
    return made


def total(shop: Floor, id: str) -> int:
    return sum(micro for _, micro, _ in charges_of(shop, id))


def charge_of(shop: Floor, id: str) -> str:
    with shop.db.read() as session:
        live = select(Charge.id).where(Charge.session == id, col(Charge.replaced_ms).is_(None))
        return session.exec(live).one()


def owes(shop: Floor, account: str) -> int:
    return shop.balances().get((f"assets:member:{account}", "EUR"), 0)


def close(shop: Floor, month: str) -> None:
    """Close a month as far as billing is concerned."""
    with shop.db.write() as session:
        billing.round_statements(session, month, "test", NOW_MS)
        billing.freeze_histories(session, month)
        end_ms = bounds(month, shop.db.zone)[1]
        session.add(Period(month=month, to_ms=end_ms, closed_ms=end_ms, closed_by="test"))


def healthy(shop: Floor) -> None:
    assert doctor.examine(shop.db) == []


def test_a_late_use_changes_what_came_after_it(shop: Floor) -> None:
    first, late = journals(shop, [Use(1, CAPPED, 0, 60, 60), Use(1, CAPPED, 1, 0, 50)])
    shop.apply(first.batch())
    assert total(shop, "s-000") == 5_000_000
    shop.apply(late.batch())
    assert (total(shop, "s-001"), total(shop, "s-000")) == (5_000_000, 0)
    assert shop.sessions()["s-000"].total_micro == 0
    with shop.db.read() as session:
        kinds = session.exec(select(LedgerEntry.kind, LedgerEntry.memo).order_by(col(LedgerEntry.seq))).all()
        sources = session.exec(select(LedgerEntry.source)).all()
    assert ("reversal", "An earlier use arrived later: priced again.") in kinds
    assert "session:s-001:2026-09" in sources
    healthy(shop)


def test_a_session_is_moved_to_another_account_until_its_month_is_closed(shop: Floor) -> None:
    use(shop, Use(0, FREE, 0, 0, 45), Use(0, FREE, 0, 100, 45), Use(1, FREE, 0, 200, 30))
    assert total(shop, "s-001") == 7_000_000
    with shop.db.write() as session:
        billing.move(session, "s-000", "team", shop.ada, "for the other team", NOW_MS)
    assert (total(shop, "s-000"), total(shop, "s-001"), total(shop, "s-002")) == (0, 0, 4_000_000)
    assert len(charges_of(shop, "s-000")) == 1
    assert shop.sessions()["s-000"].account == "team"
    with shop.db.write() as session, pytest.raises(Refused, match="not one that you may charge"):
        billing.move(session, "s-000", "nobody", shop.ada, "why", NOW_MS)
    healthy(shop)
    close(shop, "2026-09")
    with shop.db.write() as session, pytest.raises(Refused, match="closed"):
        billing.move(session, "s-000", "lab", shop.ada, "too late", NOW_MS)


def test_a_waived_charge_stays_waived_and_gives_its_units_back(shop: Floor) -> None:
    use(shop, Use(0, PACKED, 0, 60, 80))
    before = bills(shop)["left"]
    with shop.db.write() as session:
        billing.reverse_charge(session, charge_of(shop, "s-000"), "the laser was broken", "op", NOW_MS)
    assert (total(shop, "s-000"), shop.sessions()["s-000"].total_micro) == (0, 0)
    assert before == {("lab", "fee"): 10}
    assert bills(shop)["left"] == {("lab", "gift"): 30, ("lab", "fee"): 60}
    healthy(shop)
    late = Writer("gw2")
    late.entries = journals(shop, [Use(0, PLAIN, 0, 0, 1), Use(0, PACKED, 1, 0, 10)])[1].entries
    shop.apply(late.batch())
    assert total(shop, "s-000") == 0, "what was waived stays so when it is counted again"
    assert bills(shop)["left"] == {("lab", "gift"): 20, ("lab", "fee"): 60}
    healthy(shop)


def test_a_part_is_given_back_with_its_tax_and_no_more_than_the_whole(shop: Floor) -> None:
    use(shop, Use(1, PACKED, 0, 0, 119))
    charge = charge_of(shop, "s-000")
    assert shop.balances()["liabilities:tax", "EUR"] == -3_190_000 - 9_500_000
    with shop.db.write() as session:
        billing.credit(session, charge, 5_950_000, "half an hour was lost", "op", NOW_MS)
    assert owes(shop, "team") == 53_550_000
    assert shop.balances()["liabilities:tax", "EUR"] == -3_190_000 - 9_500_000 + 950_000
    with shop.db.write() as session, pytest.raises(Refused, match="Only what is left"):
        billing.credit(session, charge, 53_550_001, "more", "op", NOW_MS)
    healthy(shop)


def test_a_use_of_a_closed_month_is_charged_in_the_open_one_with_a_reference(shop: Floor) -> None:
    first, late = journals(shop, [Use(1, CAPPED, 0, 60, 70), Use(1, CAPPED, 1, 0, 60)])
    shop.apply(first.batch())
    close(shop, "2026-09")
    shop.apply(late.batch())
    with shop.db.read() as session:
        charge = session.exec(select(Charge).where(Charge.session == "s-001")).one()
    assert (charge.period, charge.month) == ("2026-09", "2026-10")
    assert charge.ended_ms == NOW_MS + 60 * MINUTE_MS + 1, "its own time is kept"
    assert total(shop, "s-000") == 5_000_000, "what was closed is not priced again"
    assert charge.total_micro == 0, "the day's cap was reached by what was closed"
    healthy(shop)
    assert month_at(charge.ended_ms, shop.db.zone) == "2026-09"


def test_a_late_charge_names_its_month(shop: Floor) -> None:
    close(shop, "2026-09")
    use(shop, Use(1, PLAIN, 0, 0, 30))
    with shop.db.read() as session:
        entry = session.exec(select(LedgerEntry).where(LedgerEntry.source == "session:s-000:2026-09")).one()
    assert (entry.memo, entry.occurred_ms) == ("plain (2026-09)", bounds("2026-09", shop.db.zone)[1])
    healthy(shop)


def test_what_was_closed_may_be_opened_again(shop: Floor) -> None:
    use(shop, Use(1, CAPPED, 0, 60, 70))
    close(shop, "2026-09")
    with shop.db.write() as session:
        billing.thaw_histories(session, "2026-09")
        session.delete(session.exec(select(Period)).one())
    _, late = journals(shop, [Use(1, CAPPED, 0, 60, 70), Use(1, CAPPED, 1, 0, 60)])
    shop.apply(late.batch())
    assert (total(shop, "s-001"), total(shop, "s-000")) == (5_000_000, 0)
    healthy(shop)


def test_an_expired_allowance_still_pays_what_was_used_before(shop: Floor) -> None:
    _, late = journals(shop, [Use(1, PLAIN, 0, 0, 1), Use(0, PACKED, 1, 1440, 20)])
    after_ms = NOW_MS + 4 * DAY_MS
    with shop.db.write() as session:
        assert len(billing.expire_lots(session, after_ms)) == 1
        assert billing.expire_lots(session, after_ms) == []
        assert [lot.left for lot in billing.lots(session, "lab", after_ms)] == [60]
    shop.apply(late.batch(), after_ms)
    assert total(shop, "s-001") == 0
    assert {name: amount for name, amount in shop.balances().items() if name[0] == "allowances:used"} == {
        ("allowances:used", "packed/machine_time"): 20_000_000
    }
    expired = [amount for (name, _), amount in shop.balances().items() if "expired" in name]
    assert expired == [10_000_000]
    healthy(shop)


def test_allowances_are_given_to_others_where_they_may_be(shop: Floor) -> None:
    with shop.db.write() as session:
        gift, pack = billing.lots(session, "lab", NOW_MS)
        billing.transfer(session, gift.id, "team", Fraction("12.5"), shop.ada, NOW_MS)
        with pytest.raises(Refused, match="cannot be given"):
            billing.transfer(session, pack.id, "team", Fraction(1), shop.ada, NOW_MS)
        with pytest.raises(Refused, match="Less than that"):
            billing.transfer(session, gift.id, "team", Fraction(18), shop.ada, NOW_MS)
    use(shop, Use(1, PACKED, 0, 0, 13))
    assert total(shop, "s-000") == 250_000
    healthy(shop)


def test_a_statement_is_rounded_once(shop: Floor) -> None:
    text = LISTS[PLAIN].replace("plain", "exact").replace("0.333333", "0.166666")
    with shop.db.write() as session:
        tariffs.add(session, text + '[rounding]\nwhere = "statement"\n', "test", NOW_MS)
        for n in range(3):
            details = billing.FeeDetails(
                occasion=Occasion.SESSION,
                member=shop.ada,
                tariff="exact",
                account="lab",
                from_ms=NOW_MS,
                to_ms=NOW_MS + MINUTE_MS,
                source=f"use {n}",
            )
            billing.charge_fee(session, details, "test", NOW_MS)
    before = owes(shop, "lab")
    with shop.db.write() as session:
        (one,) = billing.round_statements(session, "2026-09", "test", NOW_MS)
        assert (one.account, one.total_micro, one.session, one.fee) == ("lab", 2, None, None)
        assert billing.round_statements(session, "2026-09", "test", NOW_MS) == []
    assert owes(shop, "lab") == before + 2
    healthy(shop)


@pytest.mark.parametrize("after", list(AfterBudget))
def test_a_fund_pays_up_to_its_budget(shop: Floor, after: AfterBudget) -> None:
    tiers = '[tiers.member]\nmultiplier = 0.5\nfund = "city"\n'
    body = HEAD + tiers + PER_MINUTE + "price = 1\n"
    with shop.db.write() as session:
        details = funds.FundDetails(id="city", name="City", budget_micro=4 * EUR, after_budget=after)
        funds.add(session, details, NOW_MS)
        text = 'id = "plain"\n' + body.replace("2026-01-01", "2026-02-01")
        tariffs.add(session, text, "test", NOW_MS)
    use(shop, Use(1, PLAIN, 0, 0, 20))
    space = {"space": 6, "account": 0}[after]
    assert shop.balances()["assets:fund:city", "EUR"] == 4 * EUR
    assert shop.balances().get(("expense:unfunded:city", "EUR"), 0) == space * EUR
    assert owes(shop, "team") == total(shop, "s-000") == {"space": 10, "account": 16}[after] * EUR
    assert shop.balances()["income:machine:plain-gw", "EUR"] == -20 * EUR
    healthy(shop)
    with shop.db.write() as session:
        billing.reverse_charge(session, charge_of(shop, "s-000"), "a mistake", "op", NOW_MS)
    use_again = journals(shop, [Use(1, PLAIN, 0, 0, 20), Use(1, PLAIN, 1, 30, 20)])[1]
    shop.apply(use_again.batch())
    assert shop.balances()["assets:fund:city", "EUR"] == 4 * EUR, "what came back is there to be used"
    healthy(shop)


def test_a_fund_that_nobody_entered_is_named_by_the_doctor(shop: Floor) -> None:
    text = 'id = "plain"\n' + HEAD.replace("2026-01-01", "2026-02-01")
    text += '[tiers.member]\nmultiplier = 0\nfund = "ghost"\n' + PER_MINUTE + "price = 1\n"
    with shop.db.write() as session:
        tariffs.add(session, text, "test", NOW_MS)
    use(shop, Use(1, PLAIN, 0, 0, 20))
    assert shop.balances()["expense:unfunded:ghost", "EUR"] == 20 * EUR
    (finding,) = doctor.examine(shop.db)
    assert finding.where == "fund ghost"


def test_a_fault_is_credited_where_the_tariff_says_so(shop: Floor) -> None:
    text = LISTS[PLAIN].replace("2026-01-01", "2026-02-01").replace("0.333333", "1")
    text += '[[adjustments]]\nkind = "discount"\npart = 0.5\nwhen = "fault"\n'
    with shop.db.write() as session:
        tariffs.add(session, text, "test", NOW_MS)
    use(shop, Use(1, PLAIN, 0, 0, 20), Use(1, PLAIN, 0, 30, 20, faulted=True))
    assert (total(shop, "s-000"), total(shop, "s-001")) == (20 * EUR, 10 * EUR)
    healthy(shop)


def test_a_new_version_changes_no_charge_even_where_it_is_priced_again(shop: Floor) -> None:
    first, late = journals(shop, [Use(1, CAPPED, 0, 60, 20), Use(1, CAPPED, 1, 0, 10)])
    shop.apply(first.batch())
    dearer = LISTS[CAPPED].replace("2026-01-01", "2026-02-01").replace("price = 0.10", "price = 0.20")
    with shop.db.write() as session:
        tariffs.add(session, dearer, "test", NOW_MS + 1)
    shop.apply(late.batch(), NOW_MS + 2)
    assert (total(shop, "s-000"), total(shop, "s-001")) == (2 * EUR, 2 * EUR)
    healthy(shop)


def test_months_are_those_of_the_spaces_clock(shop: Floor) -> None:
    shop.db.zone = ZoneInfo("Asia/Shanghai")
    end = (bounds("2026-09", shop.db.zone)[1] - NOW_MS) // MINUTE_MS
    use(shop, Use(1, PLAIN, 0, end - 30, 60))
    parts = {month: micro for month, micro, _ in charges_of(shop, "s-000")}
    assert parts == {"2026-09": 10_220_000, "2026-10": 9_780_000}
    healthy(shop)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE account_history SET positions = '{}'", "is not what it used"),
        ("UPDATE account_history SET ended_ms = 7", "is not what it used"),
        ("UPDATE allowance_lot SET size_micro = 1", "millionths that were put in"),
        ("DELETE FROM allowance_lot", "the allowance that it is of is gone"),
    ],
)
def test_the_doctor_sees_what_was_tampered_with(shop: Floor, statement: str, words: str) -> None:
    use(shop, Use(0, CAPPED, 0, 0, 20))
    with shop.db.write() as session:
        assert session.exec(select(AccountHistory)).all()
        session.connection().exec_driver_sql(statement)
    assert any(words in finding.words for finding in doctor.examine(shop.db))


def test_where_accounts_stand_is_told_as_a_gateway_prices_by_it(shop: Floor) -> None:
    use(shop, Use(0, CAPPED, 0, 0, 20), Use(0, PACKED, 0, 30, 20), Use(1, FREE, 0, 0, 5))
    with shop.db.read() as session:
        told = billing.positions_for(session, ["lab", "team", "nobody"], ["capped", "packed"])
    assert told["lab"]["pack|packed/machine_time||ever"] == "70"
    assert told["lab"]["gross|capped/EUR||2026-09"] == "2000000"
    assert set(told) == {"lab"}, "what these lists do not count is left out"
