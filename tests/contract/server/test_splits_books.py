"""Splits in the books: each payer's invoice, sums to the last micro-unit, guests, and who was erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, func, select

from booking_api import doctor
from booking_api.accounts import guests, teams
from booking_api.accounts.guests import GuestDetails
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.costing import versions
from booking_api.documents.models import Invoice
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import TAX, machine_income, member_account
from booking_api.ledger.statement import statement
from booking_api.members import service as members
from booking_api.periods import service as periods
from booking_api.privacy import service as privacy
from booking_api.sessions.models import MachineSession
from floor.errors import Refused
from tests.kit.histories import CAPPED, PACKED, PLAIN, Use, copied, journals
from tests.kit.invoices import issue, issuer
from tests.kit.months import EUR, cost_file, end_of
from tests.kit.server import NOW_MS, Floor

MONTH_MS = 31 * 86_400_000
HALVES = (("team", 1), ("lab", 1))


@pytest.fixture
def shop() -> Iterator[Floor]:
    with copied() as floor:
        yield floor


@pytest.fixture(scope="module")
def used() -> Iterator[Floor]:
    """A floor with three uses by the team, of a plain price, a capped one and one with tax."""
    with copied() as floor:
        use(floor, Use(1, PLAIN, 0, 0, 37), Use(1, CAPPED, 0, 60, 90), Use(1, PACKED, 0, 200, 41))
        yield floor
        assert doctor.examine(floor.db) == []


def use(shop: Floor, *uses: Use) -> None:
    for writer in journals(shop, uses):
        if writer.entries:
            shop.apply(writer.batch())


def split(shop: Floor, shares: tuple[tuple[str, int], ...] = HALVES, id: str = "s-000") -> None:
    with shop.db.write() as session:
        billing.split(session, id, billing.Wanted(shares), "op", "made together", NOW_MS)


def test_each_payer_is_invoiced_its_part_and_then_it_stays(shop: Floor, tmp_path: Path) -> None:
    use(shop, Use(1, CAPPED, 0, 0, 41), Use(1, PACKED, 0, 60, 41))
    split(shop, (("team", 1), ("lab", 2)))
    split(shop, id="s-001")
    for account in ("team", "lab"):
        issue(shop, account, issuer(tmp_path), NOW_MS + MONTH_MS)
    with shop.db.read() as session:
        for account in ("team", "lab"):
            of = select(func.sum(Invoice.total_micro)).where(Invoice.account == account)
            owed = ledger.balance(session, member_account(account), "EUR")
            assert session.exec(of).one() == owed == sum(_paid(session, account))
        tax = int(session.exec(select(func.sum(Invoice.tax_micro))).one() or 0)
        assert tax == -ledger.balance(session, TAX, "EUR"), "no tax is lost, and none is made"
    with pytest.raises(Refused, match="It stands on an invoice"):
        split(shop)
    with shop.db.write() as session, pytest.raises(Refused, match="It stands on an invoice"):
        billing.undo_split(session, "s-001", "op", "too late", NOW_MS)
    assert doctor.examine(shop.db) == []


def _paid(session: Session, account: str) -> list[int]:
    """Return what an account was charged, fees too."""
    mine = select(Charge.total_micro).where(Charge.account == account, col(Charge.replaced_ms).is_(None))
    return list(session.exec(mine))


@settings(max_examples=10, deadline=None)
@given(
    n=st.integers(0, 2),
    weights=st.tuples(*[st.integers(0, 10**9)] * 3).filter(lambda found: sum(map(bool, found)) > 1),
)
def test_parts_sum_to_what_it_cost_in_every_book(used: Floor, n: int, weights: tuple[int, int, int]) -> None:
    id = f"s-{n:03}"
    whole, names = used.sessions()[id].total_micro, ("team", "lab", used.sessions()[id].member)
    before = _sums(used)
    split(used, tuple((name, weight) for name, weight in zip(names, weights, strict=True) if weight), id)
    with used.db.read() as session:
        paid = [charge.total_micro for charge in billing.charges_of(session, id)]
        shown = {name: statement(session, name, "EUR", 0, NOW_MS + MONTH_MS).closing_micro for name in names}
        owed = {name: ledger.balance(session, member_account(name), "EUR") for name in names}
    assert sum(paid) == whole == used.sessions()[id].total_micro
    assert shown == owed
    assert _sums(used) == before, "members together, income of machines, and tax are as without a split"


def _sums(floor: Floor) -> tuple[int, ...]:
    balances = {account: micro for (account, unit), micro in floor.balances().items() if unit == "EUR"}
    members = sum(micro for account, micro in balances.items() if account.startswith(member_account("")))
    names = (machine_income(f"{name}-gw") for name in ("plain", "capped", "packed"))
    return (members, *(balances.get(name, 0) for name in names), balances.get(TAX, 0))


def test_a_month_with_splits_closes_as_without_and_pools_recover_the_same(shop: Floor) -> None:
    use(shop, Use(1, CAPPED, 0, 0, 41), Use(1, PACKED, 0, 60, 41))
    pools = cost_file().replace("2027", "2026").replace('"laser-1", "laser-2"', '"capped-gw", "packed-gw"')
    at_ms = end_of("2026-09") + 86_400_000
    with shop.db.write() as session:
        versions.add(session, pools, "op", 0)
        before = periods.preview(session, "2026-09", EUR, at_ms).statement
    split(shop)
    split(shop, (("team", 1), ("lab", 2)), "s-001")
    with shop.db.write() as session:
        done = periods.close(session, "2026-09", EUR, "op", at_ms)
    (was,), (now,) = before.pools, done.statement.pools
    assert now.model_copy(update={"payers": was.payers}) == was
    assert now.recovered_micro == sum(now.machines.values()) > 0
    assert sum(one.paid_micro for one in now.payers) == sum(one.paid_micro for one in was.payers)
    assert {one.account: one.paid_micro for one in now.payers} == {
        member_account("team"): 8_880_000,
        member_account("lab"): 15_720_000,
    }, "what comes back goes to who bore it"
    assert doctor.examine(shop.db) == []
    with pytest.raises(Refused, match="closed"):
        split(shop)


def test_a_guest_shares_with_a_team_that_they_are_in_and_bears_for_nobody_else(shop: Floor) -> None:
    use(shop, Use(1, CAPPED, 0, 0, 40))
    with shop.db.write() as session:
        details = GuestDetails(first_name="Gale", last_name="Reed")
        guest = guests.add(session, details, shop.db.zone, NOW_MS)
        used = session.get_one(MachineSession, "s-000")
        account, used.member = guest.account, guest.id
        session.add(used)
    with pytest.raises(Refused, match="not one that you may charge to"):
        split(shop, (("team", 1), (shop.ada, 1)))
    with pytest.raises(Refused, match="Gale Reed cannot bear its part: it is 2"):
        split(shop, (("team", 1), (account, 1)))
    with shop.db.write() as session:
        teams.put_person(session, "lab", guest.id, teams.PersonDetails(), NOW_MS)
    split(shop)
    assert doctor.examine(shop.db) == []


def test_what_was_split_by_one_who_was_erased_is_put_together(shop: Floor) -> None:
    use(shop, Use(1, CAPPED, 0, 0, 40))
    split(shop)
    with shop.db.write() as session:
        privacy.forget(session, members.get(session, shop.ada), "op", NOW_MS)
        kept = billing.split_of(session, "s-000")
        assert kept is not None
        assert kept.reason == ""
    with pytest.raises(Refused, match="not one that you may charge to"):
        split(shop, (("team", 1), ("lab", 2)))
    with shop.db.write() as session:
        (whole,) = billing.undo_split(session, "s-000", "op", "its member is gone", NOW_MS)
    assert (whole.account, whole.total_micro) == ("team", 4_000_000)
    assert doctor.examine(shop.db) == []
