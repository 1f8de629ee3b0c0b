"""What accounts may still spend: their own limits, a person's part of a team, and cost centres together."""

from __future__ import annotations

import pytest

from booking_api.accounts import choice, guests, service, teams
from booking_api.accounts.checks import check_months
from booking_api.accounts.models import AccountKind, TeamRole
from booking_api.accounts.service import Charged, charged
from booking_api.accounts.teams import PersonDetails, TeamChanges, TeamDetails
from booking_api.accounts.use import read_use
from booking_api.clock import make_id
from booking_api.db import Database
from booking_api.gateways.models import RosterState
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import machine_income, member_account
from booking_api.members import service as members
from floor.errors import Refused
from floor.ledger import Entry, EntryKind, Posting
from floor.wire.roster import Roster, RosterDelta
from tests.kit.rosters import GatewayPeer, badge, second_gateway, settle_down
from tests.kit.server import NOW_MS, Floor, Writer, started

EUR = 1_000_000
MONTH = "2026-09"
NEXT_MONTH_MS = 1_790_812_800_000  # 2026-10-01 00:00 UTC


def charge(db: Database, account: str, member: str, micro: int, month: str = MONTH) -> None:
    """Charge as billing does: the entry, then the month's sums."""
    with db.write() as session:
        id = make_id(NOW_MS)
        postings = (
            Posting(member_account(account), "EUR", micro),
            Posting(machine_income("laser-1"), "EUR", -micro),
        )
        entry = Entry(id, EntryKind.CHARGE, f"session:{id}", NOW_MS, NOW_MS, postings)
        ledger.post(session, [entry])
        charged(session, [Charged(account, member, month, "EUR", micro)])


def team(floor: Floor, monthly: int | None = None, credit: int | None = None) -> None:
    """A team with Ada as owner and Ben, and two cost centres."""
    with floor.db.write() as session:
        details = TeamDetails(
            id="bots", name="Robots", monthly_limit_micro=monthly, credit_limit_micro=credit
        )
        teams.add(session, details, NOW_MS, floor.ada)
        teams.put_person(session, "bots", floor.ben, PersonDetails(), NOW_MS)
        for id in ("arm", "leg"):
            teams.add(session, TeamDetails(id=id, name=id.title(), parent="bots"), NOW_MS)


def both_badged(floor: Floor) -> GatewayPeer:
    badge(floor, floor.ada, b"\1\2\3\4")
    badge(floor, floor.ben, b"\5\6\7\1")
    return GatewayPeer(floor)


def personal(floor: Floor, micro: int) -> None:
    with floor.db.write() as session:
        teams.put_person(session, "bots", floor.ben, PersonDetails(monthly_limit_micro=micro), NOW_MS)


def test_a_team_may_be_chosen_and_is_not_the_default(floor: Floor) -> None:
    team(floor)
    peer = both_badged(floor)
    peer.hello()
    ada = peer.held.members[floor.ada]
    assert (ada.account, ada.account_name) == (floor.ada, "")
    assert [(one.id, one.name) for one in ada.others] == [("arm", "Arm"), ("leg", "Leg"), ("bots", "Robots")]
    assert {peer.left(floor.ada, one) for one in (floor.ada, "arm", "leg", "bots")} == {None}


def test_the_default_is_chosen_among_own_and_team_accounts(floor: Floor) -> None:
    team(floor)
    peer = both_badged(floor)
    peer.hello()
    with floor.db.write() as session:
        ada = members.get(session, floor.ada)
        with pytest.raises(Refused, match="may charge to"):
            choice.choose(session, ada, floor.ben, NOW_MS)
        choice.choose(session, ada, "arm", NOW_MS)
    peer.update()
    held = peer.held.members[floor.ada]
    assert (held.account, held.account_name) == ("arm", "Arm")
    assert [one.id for one in held.others] == [floor.ada, "leg", "bots"]
    with floor.db.write() as session:
        teams.archive(session, "arm", NOW_MS)
    peer.update()
    held = peer.held.members[floor.ada]
    assert (held.account, [one.id for one in held.others]) == (floor.ada, ["leg", "bots"])


def test_a_limit_for_all_is_shared_and_holds_for_cost_centres_together(floor: Floor) -> None:
    team(floor, monthly=100 * EUR)
    peer = both_badged(floor)
    peer.hello()
    assert {peer.left(who, one) for who in (floor.ada, floor.ben) for one in ("arm", "bots")} == {100 * EUR}
    charge(floor.db, "arm", floor.ada, 30 * EUR)
    charge(floor.db, "leg", floor.ben, 50 * EUR)
    told = peer.update()
    assert isinstance(told, RosterDelta)
    assert (told.members, told.budgets) == ({}, {"bots": 20 * EUR}), "one number, whoever may spend it"
    assert peer.left(floor.ada, "leg") == 20 * EUR


def test_a_cost_centre_has_a_limit_of_its_own_within_the_teams(floor: Floor) -> None:
    team(floor, monthly=100 * EUR)
    with floor.db.write() as session:
        teams.change(session, "arm", TeamChanges(monthly_limit_micro=40 * EUR), NOW_MS)
    peer = both_badged(floor)
    peer.hello()
    charge(floor.db, "arm", floor.ada, 35 * EUR)
    peer.update()
    assert (peer.left(floor.ada, "arm"), peer.left(floor.ada, "leg")) == (5 * EUR, 65 * EUR)
    charge(floor.db, "bots", floor.ben, 63 * EUR)
    peer.update()
    assert (peer.left(floor.ada, "arm"), peer.left(floor.ada, "leg")) == (2 * EUR, 2 * EUR)


def test_a_limit_per_person_counts_for_that_person_in_all_cost_centres(floor: Floor) -> None:
    team(floor, monthly=100 * EUR)
    personal(floor, 25 * EUR)
    peer = both_badged(floor)
    peer.hello()
    assert (peer.left(floor.ben, "arm"), peer.left(floor.ada, "arm")) == (25 * EUR, 100 * EUR)
    charge(floor.db, "arm", floor.ben, 15 * EUR)
    charge(floor.db, "leg", floor.ada, 20 * EUR)
    charge(floor.db, floor.ben, floor.ben, 90 * EUR)
    peer.update()
    assert (peer.left(floor.ben, "leg"), peer.left(floor.ada, "leg")) == (10 * EUR, 65 * EUR)


def test_what_a_team_owes_counts_with_its_cost_centres(floor: Floor) -> None:
    team(floor, credit=50 * EUR)
    peer = both_badged(floor)
    peer.hello()
    charge(floor.db, "arm", floor.ada, 20 * EUR, "2026-08")
    charge(floor.db, "leg", floor.ada, 25 * EUR)
    peer.update()
    assert peer.left(floor.ben, "bots") == 5 * EUR
    with floor.db.write() as session:
        ledger.take_payment(session, "bots", 30 * EUR, "EUR", NOW_MS, "desk")
    peer.update()
    assert peer.left(floor.ben, "arm") == 35 * EUR


def test_a_running_session_holds_of_every_budget_that_it_draws_on(floor: Floor) -> None:
    team(floor, monthly=100 * EUR)
    personal(floor, 25 * EUR)
    peer = both_badged(floor)
    peer.hello()
    journal = Writer()
    journal.write(started("s1", floor.ben, account="arm").model_copy(update={"limit_micro": 10 * EUR}))
    floor.apply(journal.batch())
    peer.update()
    assert (peer.left(floor.ben, "leg"), peer.left(floor.ada, "leg")) == (15 * EUR, 90 * EUR)


def test_a_limit_that_is_lifted_leaves_nothing_behind(floor: Floor) -> None:
    team(floor, monthly=100 * EUR)
    personal(floor, 25 * EUR)
    one, two = both_badged(floor), second_gateway(floor)
    one.hello(), two.hello()
    assert (one.left(floor.ben, "arm"), two.left(floor.ada, "arm")) == (12_500_000, 50 * EUR)
    with floor.db.write() as session:
        teams.change(session, "bots", TeamChanges(monthly_limit_micro=None), NOW_MS)
        teams.put_person(session, "bots", floor.ben, PersonDetails(monthly_limit_micro=None), NOW_MS)
    settle_down(one, two)
    assert (one.left(floor.ben, "arm"), two.left(floor.ada, "arm")) == (None, None)
    assert (one.held.budgets, two.held.budgets) == ({}, {})
    with floor.db.write() as session:
        teams.change(session, "bots", TeamChanges(monthly_limit_micro=60 * EUR), NOW_MS)
    settle_down(one, two)
    assert (one.left(floor.ben, "arm"), two.left(floor.ada, "arm")) == (30 * EUR, 30 * EUR)


def test_a_smaller_slice_that_was_lost_on_the_way_frees_nothing(floor: Floor) -> None:
    team(floor, monthly=100 * EUR)
    one, two = both_badged(floor), second_gateway(floor)
    one.hello(), two.hello()
    charge(floor.db, "bots", floor.ada, 40 * EUR)
    assert one.miss_update()
    two.update()
    assert two.left(floor.ada, "bots") == 10 * EUR, "the other still believes that it has 50"
    one.hello(), one.confirm(), two.update()
    assert two.left(floor.ada, "bots") == 30 * EUR


def test_who_leaves_a_team_pays_alone(floor: Floor) -> None:
    team(floor, monthly=100 * EUR)
    personal(floor, 25 * EUR)
    with floor.db.write() as session:
        choice.choose(session, members.get(session, floor.ben), "arm", NOW_MS)
    peer = both_badged(floor)
    peer.hello()
    assert peer.held.members[floor.ben].account == "arm"
    with floor.db.write() as session:
        teams.remove_person(session, "bots", floor.ben, NOW_MS)
        with pytest.raises(Refused, match="at least one owner"):
            teams.remove_person(session, "bots", floor.ada, NOW_MS)
        with pytest.raises(Refused, match="at least one owner"):
            teams.put_person(session, "bots", floor.ada, PersonDetails(role=TeamRole.MEMBER), NOW_MS)
    peer.update()
    ben = peer.held.members[floor.ben]
    assert (ben.account, ben.others) == (floor.ben, ())
    assert f"bots/{floor.ben}" not in peer.held.budgets


def test_a_month_that_begins_makes_limits_whole_again(floor: Floor) -> None:
    with floor.db.write() as session:
        service.set_limits(session, floor.ada, {"monthly_limit_micro": 40 * EUR}, NOW_MS)
    team(floor, monthly=100 * EUR)
    peer = both_badged(floor)
    peer.hello()
    with floor.db.write() as session:
        peer.office.turn_month(session, NOW_MS)
    peer.update()
    charge(floor.db, "arm", floor.ada, 70 * EUR)
    charge(floor.db, floor.ada, floor.ada, 33 * EUR)
    peer.update()
    assert (peer.left(floor.ada, "arm"), peer.left(floor.ada, floor.ada)) == (30 * EUR, 7 * EUR)
    peer.now_ms = NEXT_MONTH_MS - 1
    with floor.db.write() as session:
        peer.office.turn_month(session, peer.now_ms)
    assert peer.update() is None, "the month is not over yet"
    peer.now_ms = NEXT_MONTH_MS
    with floor.db.write() as session:
        peer.office.turn_month(session, peer.now_ms)
        peer.office.turn_month(session, peer.now_ms)
        state = session.get(RosterState, 1)
        assert state is not None
        assert state.month == "2026-10"
    assert isinstance(peer.update(), Roster)
    assert (peer.left(floor.ada, "arm"), peer.left(floor.ada, floor.ada)) == (100 * EUR, 40 * EUR)
    assert peer.update() is None


def test_a_guest_has_a_day_and_pays_before(floor: Floor) -> None:
    with floor.db.write() as session:
        details = guests.GuestDetails(first_name="Gus", last_name="Day")
        guest = guests.add(session, details, floor.db.zone, NOW_MS)
        account = service.get(session, guest.account)
        assert (account.kind, account.credit_limit_micro) == (AccountKind.GUEST, 0)
        assert guest.valid_until_ms == 1_790_035_200_000, "2026-09-22 00:00, the end of that day"
    badge(floor, guest.id)
    peer = GatewayPeer(floor)
    peer.hello()
    assert peer.spendable(guest.id) == 0
    with floor.db.write() as session:
        ledger.take_payment(session, guest.account, 8 * EUR, "EUR", NOW_MS, "desk")
    peer.update()
    assert peer.spendable(guest.id) == 8 * EUR


def test_use_is_told_by_person_and_cost_centre(floor: Floor) -> None:
    team(floor, monthly=100 * EUR)
    charge(floor.db, "arm", floor.ada, 30 * EUR)
    charge(floor.db, "arm", floor.ben, 4 * EUR)
    charge(floor.db, "bots", floor.ben, 5 * EUR)
    charge(floor.db, "bots", floor.ben, 9 * EUR, "2026-08")
    charge(floor.db, "bots", floor.ben, -5 * EUR)
    with floor.db.read() as session:
        use = read_use(session, "bots", MONTH, "EUR")
    assert (use.of("bots"), use.of("arm"), use.of("leg")) == (34 * EUR, 34 * EUR, 0)
    assert (use.of("bots", floor.ben), use.of("arm", floor.ben)) == (4 * EUR, 4 * EUR)
    assert (use.direct_micro(), use.direct_micro(floor.ben)) == (0, 0)
    assert (use.owed_micro, use.left_micro["bots"]) == (43 * EUR, 66 * EUR)


def test_the_kept_sums_are_checked_against_the_charges(floor: Floor) -> None:
    team(floor)
    with floor.db.read() as session:
        assert list(check_months(session)) == []
    charge(floor.db, "arm", floor.ada, 30 * EUR)  # without a charge's row, as after tampering
    with floor.db.read() as session:
        found = dict(check_months(session))
    assert len(found) == 4, "the cost centre and its team, by person and for all"
    words = "30000000 is kept, its charges sum to 0 micro"
    assert found[f"account bots in {MONTH} (EUR), charged by {floor.ada}"] == words


def test_teams_refuse_what_makes_no_sense(floor: Floor) -> None:
    team(floor)
    with floor.db.write() as session:
        with pytest.raises(Refused, match="already"):
            teams.add(session, TeamDetails(id="bots", name="Again"), NOW_MS)
        with pytest.raises(Refused, match="no cost centres of its own"):
            teams.add(session, TeamDetails(id="finger", name="Finger", parent="arm"), NOW_MS)
        with pytest.raises(Refused, match="no team"):
            teams.put_person(session, floor.ada, floor.ben, PersonDetails(), NOW_MS)
        teams.archive(session, "bots", NOW_MS)
        with pytest.raises(Refused, match="closed"):
            teams.put_person(session, "bots", floor.ben, PersonDetails(), NOW_MS)
        assert choice.choices(session) == {floor.ada: [], floor.ben: []}
