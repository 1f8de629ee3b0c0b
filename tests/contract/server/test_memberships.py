"""Memberships on both databases: joined, billed once, paused, changed, ended; and what they give."""

from __future__ import annotations

from datetime import UTC, date

import pytest
from sqlmodel import Session, col, select

from booking_api.accounts import teams
from booking_api.billing import service as billing
from booking_api.billing.models import Charge, Fee
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import deposit_account, member_account
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.memberships import billing as recurring
from booking_api.memberships import plans, service
from booking_api.memberships.days import begin_ms
from booking_api.memberships.service import By, Wish
from booking_api.metering.ingest import ingest
from booking_api.tariffs import service as tariffs
from floor.errors import Refused
from floor.money import Commodity
from tests.kit.server import Floor, Writer

EUR = 1_000_000
PLANS = """
valid_from = 2026-01-01
[[plans]]
id = "full"
name = { en = "Full member", zh = "正式会员" }
price = 150
tax = 0.2
tier = "member"
notice = 10
joining_fee = 20
reduced.student = { price = 95, tier = "student", fund = "city" }
[[plans.allowances]]
commodity = "laser-min"
amount = 60
unit = "min"
[[plans]]
id = "free-will"
name = "What you can"
choose = { minimum = 5, suggested = 30 }
[[plans]]
id = "bench"
name = "Team with a bench"
price = 1200
tier = "member"
people = 2
least = 6
most = 12
deposit = 600
[[plans]]
id = "whole"
name = "Not prorated"
price = 40
proration = "none"
[[plans]]
id = "year"
name = "By the year"
per = "year"
price = 365
[[plans]]
id = "pass"
name = "Day pass"
per = "day"
price = 12
tier = "guest"
open = true
"""


def at(day: str, hour: int = 9) -> int:
    return begin_ms(date.fromisoformat(day), UTC) + hour * 3_600_000


@pytest.fixture
def space(floor: Floor) -> Floor:
    with floor.db.write() as session:
        keep(session)
    return floor


def keep(session: Session, text: str = PLANS, day: str = "2026-01-02") -> list[str]:
    added = plans.add_file(session, text, "plans.toml", Commodity("EUR"), "test", at(day))
    return [one.plan.id for one in added if one.is_new]


def staff(day: str) -> By:
    return By("staff", at(day))


def owed(session: Session, account: str) -> int:
    return ledger.balance(session, member_account(account), "EUR")


def join(floor: Floor, member: str, day: str, **wish: object) -> str:
    with floor.db.write() as session:
        return service.join(session, member, Wish.model_validate(wish), staff(day)).id


def bill(floor: Floor, day: str, month: str = "") -> int:
    with floor.db.write() as session:
        return sum(one.amount_micro for one in recurring.run(session, at(day), "test", month))


def test_a_month_is_charged_once_however_often_it_is_asked(space: Floor) -> None:
    join(space, space.ada, "2026-11-01", plan="full")
    with space.db.read() as session:
        assert owed(session, space.ada) == 170 * EUR
    assert [bill(space, "2026-11-02"), bill(space, "2026-11-30", "2026-11")] == [0, 0]
    assert bill(space, "2026-12-01", "2026-12") == 150 * EUR
    assert bill(space, "2026-12-01") == 0
    with space.db.read() as session:
        sources = set(session.exec(select(Fee.source)))
        months = set(session.exec(select(Charge.month)))
        taxes = [sum(one.taxes.values()) for one in session.exec(select(Charge).order_by(col(Charge.id)))]
    assert {source.rpartition(":")[2] for source in sources} == {"2026-11", "2026-12", "joining"}
    assert months == {"2026-11", "2026-12"}
    assert sorted(taxes) == sorted([25 * EUR, 25 * EUR, 3_330_000])


def test_a_month_that_has_not_begun_is_refused(space: Floor) -> None:
    with pytest.raises(Refused, match="has not begun"):
        bill(space, "2026-11-30", "2026-12")


def test_a_server_that_slept_over_two_months_bills_both(space: Floor) -> None:
    join(space, space.ada, "2026-10-01", plan="free-will")
    assert bill(space, "2026-12-03") == 60 * EUR


def test_parts_of_a_month_on_two_plans_are_its_days_parts(space: Floor) -> None:
    first = join(space, space.ada, "2026-11-01", plan="free-will", price_micro=100 * EUR)
    bill(space, "2026-11-01")
    with space.db.write() as session:
        wish = Wish(plan="free-will", price_micro=31 * EUR, first=date(2026, 11, 11))
        second = service.change(session, first, wish, staff("2026-11-05")).id
        assert owed(session, space.ada) == 33_330_000  # ten of thirty days
        service.change(
            session,
            second,
            wish.model_copy(update={"first": date(2026, 11, 20), "plan": "year", "price_micro": None}),
            staff("2026-11-12"),
        )
    bill(space, "2026-11-12")
    with space.db.read() as session:
        assert owed(session, space.ada) == 33_330_000 + 9_300_000  # nine of thirty days of 31
    bill(space, "2026-11-21")
    with space.db.read() as session:
        words = set(session.exec(select(Fee.words)))
        assert {"What you can, 2026-11-01 – 2026-11-10", "By the year, 2026-11-20 – 2027-10-31"} <= words
        whole = 33_330_000 + 9_300_000 + 346 * EUR
        assert owed(session, space.ada) == whole  # the year from 1 November less nineteen days


def test_a_pause_costs_nothing_and_gives_no_access(space: Floor) -> None:
    id = join(space, space.ada, "2026-11-01", plan="free-will")
    with space.db.write() as session:
        service.pause(session, id, date(2026, 11, 16), date(2026, 12, 11), staff("2026-11-10"))
        assert owed(session, space.ada) == 15 * EUR
        assert members.get(session, space.ada).valid_until_ms == at("2026-11-16", 0)
    assert bill(space, "2026-12-01") == 0
    with space.db.read() as session:
        assert members.get(session, space.ada).valid_until_ms == at("2026-11-16", 0)
    assert bill(space, "2026-12-11") == 20_320_000  # 21 of 31 days of 30.00: 30 − 9.68
    with space.db.read() as session:
        assert members.get(session, space.ada).valid_until_ms is None


def test_an_open_pause_is_resumed_and_the_days_after_are_charged(space: Floor) -> None:
    id = join(space, space.ada, "2026-11-01", plan="free-will")
    with space.db.write() as session:
        service.pause(session, id, date(2026, 11, 11), None, staff("2026-11-11"))
        assert owed(session, space.ada) == 10 * EUR
        service.resume(session, id, staff("2026-11-21"))
        assert owed(session, space.ada) == 20 * EUR
        with pytest.raises(Refused, match="not paused"):
            service.resume(session, id, staff("2026-11-22"))


def test_an_end_comes_after_notice_and_with_a_period(space: Floor) -> None:
    id = join(space, space.ada, "2026-11-01", plan="full")
    with space.db.write() as session:
        assert service.end(session, id, staff("2026-11-25")) == date(2027, 1, 1)
        assert members.get(session, space.ada).valid_until_ms == at("2027-01-01", 0)
    assert bill(space, "2026-12-01") == 150 * EUR
    assert bill(space, "2027-01-02") == 0
    with space.db.read() as session:
        assert members.get(session, space.ada).valid_until_ms == at("2027-01-01", 0)


def test_an_end_in_the_past_gives_back_what_came_after_it(space: Floor) -> None:
    id = join(space, space.ada, "2026-09-01", plan="free-will")
    bill(space, "2026-11-05")
    with space.db.write() as session:
        assert owed(session, space.ada) == 90 * EUR
        service.end(session, id, staff("2026-11-06"), date(2026, 9, 16))
        assert owed(session, space.ada) == 15 * EUR
    assert bill(space, "2026-12-01") == 0


def test_a_group_pays_less_while_its_proof_holds_and_a_fund_pays_the_rest(space: Floor) -> None:
    wish = {"plan": "full", "group": "student", "first": "2026-11-16", "proof_until": "2026-12-15"}
    join(space, space.ada, "2026-11-16", **wish)
    with space.db.read() as session:
        assert owed(session, space.ada) == 47_500_000 + 20 * EUR
        assert ledger.balance(session, "expense:unfunded:city", "EUR") == 27_500_000
        assert members.get(session, space.ada).tier == "student"
    assert bill(space, "2026-12-01") == 95 * EUR
    bill(space, "2026-12-15")
    with space.db.read() as session:
        assert members.get(session, space.ada).tier == "member"
    assert bill(space, "2027-01-01") == 150 * EUR


def test_a_chosen_price_is_at_least_the_least(space: Floor) -> None:
    with pytest.raises(Refused, match="least price"):
        join(space, space.ada, "2026-11-01", plan="free-will", price_micro=4_990_000)
    with pytest.raises(Refused, match="one price"):
        join(space, space.ada, "2026-11-01", plan="full", price_micro=200 * EUR)
    join(space, space.ada, "2026-11-01", plan="free-will", price_micro=7_770_000)
    with space.db.read() as session:
        assert owed(session, space.ada) == 7_770_000


def test_what_is_not_prorated_changes_with_a_period_only(space: Floor) -> None:
    id = join(space, space.ada, "2026-11-20", plan="whole")
    with space.db.write() as session:
        assert owed(session, space.ada) == 40 * EUR
        with pytest.raises(Refused, match="begins with a period"):
            service.change(session, id, Wish(plan="free-will", first=date(2026, 11, 25)), staff("2026-11-21"))
        new = service.change(session, id, Wish(plan="free-will"), staff("2026-11-21"))
        assert new.first == date(2026, 12, 1)
        assert owed(session, space.ada) == 40 * EUR
        again = service.change(session, id, Wish(plan="full"), staff("2026-11-22"))
        assert [row.plan for row in service.listed(session)] == ["full", "whole"]
        assert again.series == id
    assert bill(space, "2026-12-01") == 150 * EUR


def test_a_team_has_a_plan_for_its_people(space: Floor) -> None:
    with space.db.write() as session:
        cy = members.add(session, members.MemberDetails(first_name="Cy", last_name="Ro"), at("2026-10-01")).id
        teams.add(session, teams.TeamDetails(id="rocket", name="Rocket"), at("2026-10-01"), space.ben)
        for person in (space.ada, cy):
            teams.put_person(session, "rocket", person, teams.PersonDetails(), at("2026-10-01"))
        wish = Wish(plan="bench", account="rocket")
        row = service.join(session, space.ben, wish, By(space.ben, at("2026-11-01"), is_staff=False))
        assert row.accepted_ms is None
        assert owed(session, "rocket") == 0
        service.accept(session, row.id, staff("2026-11-01"))
        assert row.until == date(2027, 11, 1)
        assert owed(session, "rocket") == 1800 * EUR
        assert ledger.balance(session, deposit_account("rocket"), "EUR") == -600 * EUR
        covered = [members.get(session, one).valid_until_ms for one in (space.ben, min(space.ada, cy))]
        assert covered == [at("2027-11-01", 0)] * 2
        assert members.get(session, max(space.ada, cy)).valid_until_ms is None
        assert service.end(session, row.id, staff("2026-11-10")) == date(2027, 5, 1)
        assert recurring.return_deposit(session, row.id, at("2027-05-01"), "test") == 600 * EUR
        with pytest.raises(Refused, match="no deposit"):
            recurring.return_deposit(session, row.id, at("2027-05-01"), "test")


def test_a_day_pass_is_charged_at_once_and_ends_with_the_day(space: Floor) -> None:
    with space.db.write() as session:
        by = By(space.ada, at("2026-11-21"), is_staff=False)
        service.join(session, space.ada, Wish(plan="pass", days=2), by)
        assert owed(session, space.ada) == 24 * EUR
        ada = members.get(session, space.ada)
        assert (ada.tier, ada.valid_until_ms) == ("guest", at("2026-11-23", 0))


def test_allowances_are_granted_once_a_month_and_expire_with_it(space: Floor) -> None:
    id = join(space, space.ada, "2026-11-01", plan="full")
    bill(space, "2026-11-15")
    with space.db.read() as session:
        (lot,) = billing.lots(session, space.ada, at("2026-11-16"))
        assert (lot.left, lot.expires_ms) == (60, at("2026-12-01", 0))
    bill(space, "2026-12-01")
    with space.db.write() as session:
        assert [one.left for one in billing.lots(session, space.ada, at("2026-12-02"))] == [60]
        changed = service.change(
            session, id, Wish(plan="full", quantity=2, first=date(2026, 12, 10)), staff("2026-12-10")
        )
        assert sorted(one.left for one in billing.lots(session, space.ada, at("2026-12-11"))) == [60, 60]
        assert changed.quantity == 2


def test_a_waived_period_stays_waived_when_its_days_change(space: Floor) -> None:
    id = join(space, space.ada, "2026-11-01", plan="free-will")
    with space.db.write() as session:
        charge = session.exec(select(Charge).where(col(Charge.replaced_ms).is_(None))).one()
        billing.reverse_charge(session, charge.id, "a gift", "staff", at("2026-11-02"))
        service.pause(session, id, date(2026, 11, 11), None, staff("2026-11-03"))
        assert owed(session, space.ada) == 0


def test_two_memberships_of_one_account_do_not_overlap(space: Floor) -> None:
    join(space, space.ada, "2026-11-01", plan="full")
    with pytest.raises(Refused, match="on these days already"):
        join(space, space.ada, "2026-11-05", plan="year")
    with pytest.raises(Refused, match="no such plan"):
        join(space, space.ada, "2026-11-05", plan="gold")


def test_members_choose_days_to_come_only(space: Floor) -> None:
    id = join(space, space.ada, "2026-11-01", plan="free-will")
    me = By(space.ada, at("2026-11-10"), is_staff=False)
    with space.db.write() as session:
        for refused in (
            lambda: service.pause(session, id, date(2026, 11, 11), None, me),
            lambda: service.change(session, id, Wish(plan="full", first=date(2026, 11, 15)), me),
            lambda: service.join(session, space.ben, Wish(plan="full", first=date(2026, 11, 1)), me),
        ):
            with pytest.raises(Refused):
                refused()
        assert service.pause(session, id, None, None, me).first == date(2026, 12, 1)


def test_granted_minutes_are_used_before_money(space: Floor) -> None:
    laser = """
id = "minutes"
name = "Laser"
commodity = "EUR"
valid_from = 2026-01-01
[[components]]
per = "machine_time"
unit = "min"
price = 1
shared = "laser-min"
"""
    with space.db.write() as session:
        tariffs.add(session, laser, "test", at("2026-01-02"))
        session.flush()
        machines.change(session, "laser-1", machines.MachineChanges(tariff="minutes"), at("2026-01-02"))
    join(space, space.ada, "2026-11-01", plan="full")
    writer = Writer(start_ms=at("2026-11-03"))
    writer.session(space.ada, minutes=50)
    writer.session(space.ada, minutes=25)
    with space.db.write() as session:
        ingest(session, writer.batch(), at("2026-11-03", 20))
        assert owed(session, space.ada) == (170 + 15) * EUR
