"""Rosters: what a gateway is told, when it changes, and what it may let members spend."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import insert
from sqlmodel import Session

from booking_api.badges import service as badges
from booking_api.badges.models import Badge
from booking_api.certifications import service as certifications
from booking_api.gateways import enrol, versions
from booking_api.gateways.keys import open_signer
from booking_api.gateways.models import Gateway
from booking_api.ledger import service as ledger
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.members.models import Member
from floor.errors import PeerError, Refused
from floor.ids import badge_reference
from floor.tariff import load
from floor.wire.journal import SessionMetered
from floor.wire.messages import Signed
from floor.wire.roster import Roster, RosterDelta, RosterVersion
from floor.words import BadgeKind, Role, StopType
from tests.kit.rosters import UID, GatewayPeer, badge, second_gateway, settle_down
from tests.kit.server import NOW_MS, Floor, Writer, ended, started

EUR = 1_000_000


def key_of(floor: Floor, name: str = "gw") -> bytes:
    with floor.db.read() as session:
        return enrol.recall(session, floor.vault, name).badge_key


def test_a_roster_says_who_may_do_what_and_what_it_costs(floor: Floor) -> None:
    badge(floor, floor.ada)
    peer = GatewayPeer(floor)
    roster = peer.hello()
    assert isinstance(roster, Roster)
    assert set(roster.members) == {floor.ada}, "who has neither badge nor sign-in needs no place"
    assert roster.members[floor.ada].allowed == {"laser-1": 0, "door": 0}
    assert roster.badges[badge_reference(key_of(floor), UID)].member == floor.ada
    laser = next(machine for machine in roster.machines if machine.id == "laser-1")
    assert load(laser.tariffs[0], "roster").components[0].price_micro == 333_333


def test_a_roster_says_how_much_of_the_journal_it_knows(floor: Floor) -> None:
    peer, journal = GatewayPeer(floor), Writer()
    assert peer.hello().journal is None
    journal.session(floor.ada, 10)
    floor.apply(journal.batch())
    assert peer.hello().journal == (1, 2)


def test_each_change_is_a_delta_and_no_change_vouches(floor: Floor) -> None:
    id = badge(floor, floor.ada)
    reference = badge_reference(key_of(floor), UID)
    peer = GatewayPeer(floor)
    peer.hello()
    assert peer.update() is None

    def told() -> RosterDelta:
        update = peer.update()
        assert isinstance(update, RosterDelta)
        return update

    with floor.db.write() as session:
        badges.report_lost(session, id, NOW_MS)
    assert told().badges[reference].lost  # type: ignore[union-attr] # None would fail the test
    with floor.db.write() as session:
        members.suspend(session, floor.ada, "rude", NOW_MS)
        members.change(session, floor.ada, members.MemberChanges(role=Role.TECHNICIAN), NOW_MS)
    told()
    ada = peer.held.members[floor.ada]
    assert (ada.suspended, ada.technician, ada.supervisor) == (True, True, True)
    with floor.db.write() as session:
        members.change(session, floor.ada, members.MemberChanges(role=Role.INSTRUCTOR), NOW_MS)
    told()
    ada = peer.held.members[floor.ada]
    assert (ada.technician, ada.supervisor) == (False, True)
    with floor.db.write() as session:
        certifications.revoke(session, floor.ada, "laser-1", floor.ben, NOW_MS)
        machines.lock_out(session, "laser-1", "smoke", floor.ben, NOW_MS)
    told()
    assert peer.held.members[floor.ada].allowed == {"door": 0}
    assert {m.id: m.lockout for m in peer.held.machines} == {"laser-1": "smoke", "door": None}
    empty = peer.hello()
    assert isinstance(empty, RosterDelta)
    assert (empty.members, empty.badges, empty.machines) == ({}, {}, [])


def test_what_leaves_the_floor_needs_a_whole_roster(floor: Floor) -> None:
    id = badge(floor, floor.ada)
    peer = GatewayPeer(floor)
    peer.hello()
    with floor.db.write() as session:
        machines.archive(session, "door", NOW_MS)
        badges.remove(session, id, NOW_MS)
    assert isinstance(peer.update(), Roster)
    assert ([m.id for m in peer.held.machines], peer.held.badges) == (["laser-1"], {})


def test_a_gateway_that_holds_something_else_is_given_a_whole_roster(floor: Floor) -> None:
    badge(floor, floor.ada)
    peer = GatewayPeer(floor)
    first = peer.hello()
    assert isinstance(peer.hello(RosterVersion(first.version.epoch, 0)), Roster)
    assert peer.held.version > first.version


def test_a_gateway_that_is_ahead_proves_a_restore_and_begins_an_epoch(floor: Floor) -> None:
    peer = GatewayPeer(floor)
    before = peer.hello().version
    after = peer.hello(RosterVersion(before.epoch + 2, 7)).version
    assert after.epoch == before.epoch + 3
    with pytest.raises(PeerError, match="never given out"):
        peer.hello(RosterVersion(1 << 60, 1))


def test_a_restored_database_never_gives_a_version_out_again(floor: Floor) -> None:
    peer = GatewayPeer(floor)
    peer.hello()

    def restored() -> bool:
        with floor.db.write() as session:
            return versions.check_restored(session)

    assert not restored()
    (floor.db.data / versions.FILE).write_text("4 99\n")
    assert restored()
    assert peer.hello().version.epoch == 5
    (floor.db.data / versions.FILE).unlink()
    assert restored()
    assert peer.hello().version.epoch == 6


def test_a_signature_covers_what_is_said(floor: Floor) -> None:
    roster = GatewayPeer(floor).hello()
    signer = open_signer(floor.db.data)
    signed = Signed.decode(signer.sign(roster).encode(), 1 << 20)
    assert signed.message() == roster
    assert open_signer(floor.db.data).public_key == signer.public_key
    assert (floor.db.data / "signing.key").stat().st_mode & 0o777 == 0o600


def limit(floor: Floor, member: str, micro: int) -> None:
    with floor.db.write() as session:
        members.change(session, member, members.MemberChanges(credit_limit_micro=micro), NOW_MS)


def test_slices_never_sum_above_what_is_available(floor: Floor) -> None:
    badge(floor, floor.ada)
    limit(floor, floor.ada, 100 * EUR)
    one, two = GatewayPeer(floor), second_gateway(floor)
    one.hello(), two.hello()
    assert (one.spendable(floor.ada), two.spendable(floor.ada)) == (50 * EUR, 50 * EUR)
    journal = Writer()
    lease = started("s1", floor.ada).model_copy(update={"limit_micro": 50 * EUR})
    journal.write(lease)
    floor.apply(journal.batch())
    one.update()
    assert one.spendable(floor.ada) == 0, "the other may still spend its 50, and this session its own"
    journal.write(SessionMetered(session_id="s1", elapsed_ms=60_000, counters={}))
    floor.apply(journal.batch())
    assert one.update() is None, "a checkpoint changes nothing of what may be spent"
    journal.write(ended("s1", 90 * 60_000).model_copy(update={"stop_type": StopType.CREDIT_SPENT}))
    floor.apply(journal.batch())
    one.update()
    assert (one.spendable(floor.ada) or 0) + 50 * EUR <= 70 * EUR
    settle_down(one, two)
    assert (one.spendable(floor.ada) or 0) + (two.spendable(floor.ada) or 0) <= 70 * EUR
    with floor.db.write() as session:
        ledger.take_payment(session, floor.ada, 30 * EUR, "EUR", NOW_MS, "desk")
    settle_down(one, two)
    assert (one.spendable(floor.ada), two.spendable(floor.ada)) == (50 * EUR, 50 * EUR)


def test_an_offline_gateway_keeps_its_slice_from_the_others(floor: Floor) -> None:
    badge(floor, floor.ada)
    limit(floor, floor.ada, 100 * EUR)
    one, two = GatewayPeer(floor), second_gateway(floor)
    one.hello(), two.hello()
    limit(floor, floor.ada, 60 * EUR)
    one.update()
    assert one.spendable(floor.ada) == 10 * EUR
    limit(floor, floor.ada, 0)
    one.update()
    assert one.spendable(floor.ada) == 0


def test_a_gateway_has_a_name_that_a_topic_can_carry_and_one_key(floor: Floor) -> None:
    with floor.db.write() as session:
        for name in ("Gw", "a/b", "+", "server", ""):
            with pytest.raises(Refused):
                enrol.enrol(session, floor.vault, name, NOW_MS)
        with pytest.raises(Refused, match="already"):
            enrol.enrol(session, floor.vault, "gw", NOW_MS)
        row = session.get(Gateway, "gw")
    assert row is not None
    assert key_of(floor).hex() not in row.badge_key_sealed


def test_five_thousand_members_in_a_roster(floor: Floor) -> None:
    with floor.db.write() as session:
        _crowd(session, floor)
    peer = GatewayPeer(floor)
    began_s = time.perf_counter()
    roster = peer.hello()
    took_s = time.perf_counter() - began_s
    assert isinstance(roster, Roster)
    assert (len(roster.members), len(roster.badges)) == (5_000, 5_000)
    assert len(open_signer(floor.db.data).sign(roster).encode()) < 4 << 20
    assert took_s < 10, "about half a second where nothing else runs"


def _crowd(session: Session, floor: Floor) -> None:
    people = [
        Member(
            id=f"m{n}",
            number=f"c{n}",
            first_name="M",
            last_name="C",
            shown_name="M",
            account=f"m{n}",
            created_ms=0,
        )
        for n in range(5_000)
    ]
    session.execute(insert(Member), [one.model_dump() for one in people])
    uids = [n.to_bytes(7, "big") for n in range(5_000)]
    rows = [
        Badge(
            id=f"b{n}",
            member=f"m{n}",
            uid_sealed=floor.vault.seal(uid),
            uid_lookup=floor.vault.lookup(uid),
            kind=BadgeKind.UID_13MHZ,
            enrolled_ms=0,
        )
        for n, uid in enumerate(uids)
    ]
    session.execute(insert(Badge), [row.model_dump() for row in rows])
