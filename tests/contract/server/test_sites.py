"""Two sites with databases, currencies and clocks of their own: a badge travels, what it costs comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from booking_api import doctor
from booking_api.accounts.models import Account, AccountKind, AccountMember
from booking_api.accounts.service import open_account
from booking_api.badges import service as badges
from booking_api.billing.splits import Wanted, split
from booking_api.certifications import service as certifications
from booking_api.db import Database
from booking_api.documents import gather
from booking_api.gateways.models import CreditSlice, Gateway
from booking_api.gateways.roster import Writer as RosterWriter
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import BANK, member_account, site_payable, site_receivable, site_settled
from booking_api.members import service as members
from booking_api.sites import checks
from booking_api.sites.courier import Open
from booking_api.sites.models import SiteBill, SitePass
from floor.ids import badge_reference
from floor.wire.roster import Roster, RosterVersion
from tests.kit.sites import UID, Two, two_sites
from tests.peers.postgres import PostgresPeer

DAY_MS = 86_400_000


@pytest.fixture
def two(tmp_path: Path, postgres: PostgresPeer) -> Iterator[Two]:
    """Berlin on SQLite, Shanghai on PostgreSQL."""
    url = postgres.name()
    with two_sites(tmp_path, url) as made:
        yield made
    postgres.drop(url)


def travelling(two: Two, limit_micro: int | None = None) -> Two:
    two.courier.give("berlin", two.ada, "shanghai", limit_micro, two.now_ms)
    return two


def roster(site: Open, now_ms: int) -> tuple[Roster, bytes]:
    with site.db.write() as session:
        gateway = session.get_one(Gateway, "gw")
        writer = RosterWriter(session, site.vault, site.code, gateway, now_ms)
        return writer.whole(RosterVersion(epoch=1, n=1)), site.vault.open(gateway.badge_key_sealed)


def balance(site: Open, account: str, commodity: str) -> int:
    with site.db.read() as session:
        return ledger.balance(session, account, commodity)


def sound(two: Two) -> None:
    assert two.courier.compare() == []
    for site in two.courier.sites.values():
        assert doctor.examine(site.db) == []


def test_a_badge_opens_the_hosts_machine_until_home_says_no(two: Two) -> None:
    travelling(two)
    known, key = roster(two.shanghai, two.now_ms)
    visitor = two.visitor()
    assert known.badges[badge_reference(key, UID)].member == visitor.member
    standing = known.members[visitor.member]
    assert standing.allowed == {"laser-1": 0}
    assert (standing.tier, standing.shown) == ("visitor", "Ada")
    assert standing.spendable_micro == 200_000_000
    assert standing.until_ms == two.now_ms + DAY_MS  # it lapses where home is not heard from

    with two.berlin.db.write() as session:
        (badge,) = badges.of_member(session, two.ada)
        badges.report_lost(session, badge.id, two.now_ms)
        certifications.revoke(session, two.ada, "laser-1", "test", two.now_ms)
    two.look()
    known, key = roster(two.shanghai, two.now_ms)
    assert known.badges[badge_reference(key, UID)].lost
    assert known.members[visitor.member].allowed == {}
    with two.berlin.db.write() as session:
        badges.report_found(session, badge.id, two.now_ms)
        members.suspend(session, two.ada, "owes a vase", two.now_ms)
    two.look()
    known, key = roster(two.shanghai, two.now_ms)
    standing = known.members[visitor.member]
    assert not known.badges[badge_reference(key, UID)].lost
    assert (standing.until_ms, standing.spendable_micro) == (two.now_ms, 0)


def test_what_the_host_decides_home_does_not_undo(two: Two) -> None:
    travelling(two)
    visitor = two.visitor()
    with two.shanghai.db.write() as session:
        members.suspend(session, visitor.member, "smoked", two.now_ms)
        certifications.revoke(session, visitor.member, "laser-1", "staff", two.now_ms)
        (badge,) = badges.of_member(session, visitor.member)
        badges.report_lost(session, badge.id, two.now_ms, "staff")
    two.look(60_000)
    known, key = roster(two.shanghai, two.now_ms)
    assert known.members[visitor.member].suspended
    assert known.members[visitor.member].allowed == {}
    assert known.badges[badge_reference(key, UID)].lost
    two.courier.end("berlin", two.ada, "shanghai", two.now_ms)
    with two.shanghai.db.read() as session:
        gone = members.get(session, visitor.member)
        assert (gone.first_name, gone.shown_name, badges.of_member(session, gone.id)) == ("Visitor", "", [])


def test_a_use_is_charged_once_at_home_and_settled_in_both_books(two: Two) -> None:
    travelling(two)
    used = two.use(90)  # 30.00 CNY, 3.843 EUR at the rate, 3.84 and a fee of 0.10
    two.look()
    two.look()
    visitor = two.visitor()
    assert balance(two.shanghai, member_account(visitor.account), "CNY") == 0
    assert balance(two.shanghai, site_receivable("berlin"), "CNY") == 30_000_000
    assert balance(two.berlin, site_payable("shanghai"), "CNY") == -30_000_000
    assert balance(two.berlin, member_account(two.ada), "EUR") == 3_940_000
    with two.berlin.db.read() as session:
        (bill,) = session.exec(select(SiteBill)).all()
        assert (bill.rate, bill.fee_micro) == ("1281/10000", 100_000)
        assert [one.amount_micro for one in gather.waiting(session, two.ada, two.now_ms + DAY_MS)] == [
            3_940_000
        ]
        assert session.get_one(SitePass, (two.ada, "shanghai")).allowed_micro == 230_000_000
    with two.shanghai.db.read() as session:
        assert session.get_one(Account, visitor.account).credit_limit_micro == 200_000_000
        assert gather.accounts_waiting(session, "2100-01") == []
    sound(two)

    with two.shanghai.db.write() as session:  # a change of the charge: a reversal, and posted anew
        host = members.add(session, members.MemberDetails(first_name="Wei", last_name="Li"), two.now_ms)
        open_account(session, "club", AccountKind.TEAM, "Club", two.now_ms)
        session.add(AccountMember(account="club", member=visitor.member))
        session.flush()
        split(session, used, Wanted(((visitor.account, 1), ("club", 2))), host.id, "shared", two.now_ms)
    two.look()
    assert balance(two.shanghai, site_receivable("berlin"), "CNY") == 10_000_000
    assert balance(two.berlin, member_account(two.ada), "EUR") == 1_310_000  # 1.28, and a fee of 0.03
    sound(two)

    ((one, other, row),) = two.courier.settle("2026-09", two.now_ms)
    assert (one, other, row.commodity, row.payable_micro) == ("berlin", "shanghai", "CNY", 10_000_000)
    assert two.courier.settle("2026-09", two.now_ms) == []
    assert balance(two.berlin, site_payable("shanghai"), "CNY") == 0
    assert balance(two.berlin, site_settled("shanghai"), "CNY") == -10_000_000
    assert balance(two.shanghai, site_settled("berlin"), "CNY") == 10_000_000
    two.courier.paid(row.id, "olga", two.now_ms)
    assert balance(two.berlin, BANK, "EUR") == -1_280_000
    assert balance(two.shanghai, BANK, "CNY") == 10_000_000
    sound(two)


def test_slices_never_sum_above_what_home_has(two: Two) -> None:
    with two.berlin.db.write() as session:
        session.add(session.get_one(Account, two.ada).sqlmodel_update({"credit_limit_micro": 10_000_000}))
    roster(two.berlin, two.now_ms)  # the one gateway of Berlin believes that it may let her spend 10.00 EUR
    travelling(two)
    with two.berlin.db.read() as session:
        assert session.get_one(SitePass, (two.ada, "shanghai")).allowed_micro == 0
    two.use(9)  # she was let in by somebody who stood by
    two.look()
    for _ in range(3):
        known, _ = roster(two.berlin, two.now_ms)
        confirmed(two.berlin.db)
        two.look(60_000)
        assert promised(two.berlin.db, two.ada) <= 10_000_000 - balance(
            two.berlin, member_account(two.ada), "EUR"
        )
    with two.berlin.db.read() as session:
        given = session.get_one(SitePass, (two.ada, "shanghai"))
        assert given.allowed_micro - given.used_micro > 30_000_000  # about a half of 10.00 EUR, in CNY
    assert known.members[two.ada].spendable_micro is not None
    sound(two)


def confirmed(db: Database) -> None:
    """Let the gateway hold what it was given last, and nothing that it was given before."""
    with db.write() as session:
        for one in session.exec(select(CreditSlice)):
            one.held_micro = one.issued_micro
            session.add(one)


def promised(db: Database, account: str) -> int:
    with db.read() as session:
        gateways = session.exec(select(CreditSlice.held_micro).where(CreditSlice.account == account)).all()
        hosts = session.exec(select(SitePass.exposed_micro).where(SitePass.account == account)).all()
        return sum(gateways) + sum(hosts)


def test_tampering_with_a_side_is_named(two: Two) -> None:
    travelling(two)
    two.use(90)
    two.look()
    with two.berlin.db.write() as session:
        bill = session.exec(select(SiteBill)).one()
        bill.amount_micro += 1
        session.add(bill)
    words = [words for _, words in two.courier.compare()]
    assert any("30000000 CNY at shanghai, 30000001 CNY at berlin" in one for one in words)
    assert any("its open charges sum to" in one for one in words)
    assert list(_own(two.berlin.db)) != []


def _own(db: Database) -> list[tuple[str, str]]:
    with db.read() as session:
        return list(checks.check_clearing(session))
