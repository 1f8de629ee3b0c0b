"""Badges that cannot be copied, at the server: whose key goes where, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from booking_api import doctor, migrations
from booking_api.badges import service as badges
from booking_api.badges import writing
from booking_api.badges.models import Badge
from booking_api.gateways.models import Gateway
from booking_api.vault import open_vault, read_or_make
from floor.badge_keys import PROOF_KEY, desfire_key, ntag424_key
from floor.errors import ConfigError, Refused
from floor.ids import badge_reference
from floor.wire.roster import RosterDelta
from floor.words import BadgeKind
from tests.kit.rosters import GatewayPeer, second_gateway
from tests.kit.server import NOW_MS, Floor

UID = bytes.fromhex("04DE5F1EACC040")
OTHER = bytes.fromhex("04958CAA5C5E80")


def enrolled(floor: Floor, uid: bytes = UID, kind: BadgeKind = BadgeKind.NTAG424) -> Badge:
    with floor.db.write() as session:
        return badges.enrol(session, floor.vault, floor.ada, uid, kind, "", NOW_MS)


def reference(floor: Floor, gateway: str, uid: bytes) -> str:
    with floor.db.read() as session:
        row = session.get(Gateway, gateway)
        assert row is not None
        return badge_reference(floor.vault.open(row.badge_key_sealed), uid)


def test_a_roster_carries_each_badges_own_key_and_never_the_master(floor: Floor) -> None:
    enrolled(floor)
    enrolled(floor, OTHER, BadgeKind.DESFIRE)
    enrolled(floor, bytes.fromhex("04a2b3c4"), BadgeKind.UID_13MHZ)
    master = floor.vault.masters.master(1)
    for peer in (GatewayPeer(floor), second_gateway(floor)):
        peer.hello()
        keys = {ref: badge.key for ref, badge in peer.held.badges.items()}
        assert sorted(keys) == sorted(
            reference(floor, peer.name, uid) for uid in (UID, OTHER, bytes.fromhex("04a2b3c4"))
        )
        assert keys[reference(floor, peer.name, UID)] == ntag424_key(master, UID, PROOF_KEY, 1).hex()
        assert keys[reference(floor, peer.name, OTHER)] == desfire_key(master, OTHER, PROOF_KEY, 1).hex()
        assert keys[reference(floor, peer.name, bytes.fromhex("04a2b3c4"))] == ""
        told = peer.held.encode()
        assert master.hex().encode() not in told
        assert ntag424_key(master, UID, 0, 1).hex().encode() not in told
        assert told.count(b'"key"') == 2


def test_a_delta_brings_the_key_and_takes_it_away_with_the_badge_lost(floor: Floor) -> None:
    peer = GatewayPeer(floor)
    peer.hello()
    badge = enrolled(floor)
    assert isinstance(peer.update(), RosterDelta)
    (standing,) = peer.held.badges.values()
    assert (len(standing.key), standing.lost) == (32, False)
    with floor.db.write() as session:
        badges.report_lost(session, badge.id, NOW_MS)
    peer.update()
    (standing,) = peer.held.badges.values()
    assert (standing.key, standing.lost) == ("", True)


def test_a_badge_stays_with_the_master_that_it_was_written_by(floor: Floor) -> None:
    assert enrolled(floor).key_version == 1
    assert floor.vault.masters.renew() == 2
    assert enrolled(floor, OTHER).key_version == 2
    peer = GatewayPeer(floor)
    peer.hello()
    keys = {ref: badge.key for ref, badge in peer.held.badges.items()}
    for uid, version in ((UID, 1), (OTHER, 2)):
        own = ntag424_key(floor.vault.masters.master(version), uid, PROOF_KEY, version)
        assert keys[reference(floor, "gw", uid)] == own.hex()
    assert floor.vault.masters.versions() == [1, 2]
    for version in (1, 2):
        file = floor.db.data / f"badge-master-{version}.key"
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_lost_master_costs_its_badges_and_nobody_elses_roster(floor: Floor) -> None:
    enrolled(floor)
    (floor.db.data / "badge-master-1.key").rename(floor.db.data / "away")
    floor.vault = open_vault(floor.db.data)
    peer = GatewayPeer(floor)
    peer.hello()
    (standing,) = peer.held.badges.values()
    assert (standing.key, standing.kind) == ("", BadgeKind.NTAG424)


def test_no_other_master_takes_the_name_of_one_that_is_lost(floor: Floor) -> None:
    enrolled(floor)
    assert doctor.examine(floor.db) == []
    (floor.db.data / "badge-master-1.key").rename(floor.db.data / "away")
    floor.vault = open_vault(floor.db.data)
    with pytest.raises(ConfigError, match="is missing: badges were written by it"):
        enrolled(floor, OTHER)
    assert floor.vault.masters.versions() == []
    assert [one.where for one in doctor.examine(floor.db)] == ["badges with keys of version 1"]
    with floor.db.read() as session:
        assert floor.vault.masters.renew(badges.newest_version(session)) == 2
    assert enrolled(floor, OTHER).key_version == 2


def test_a_badge_of_before_there_were_keys_is_said_to_have_none(
    floor: Floor, caplog: pytest.LogCaptureFixture
) -> None:
    badge = enrolled(floor)
    migrations.downgrade(floor.db.engine, "0012")
    migrations.upgrade(floor.db.engine)
    peer = GatewayPeer(floor)
    peer.hello()
    assert [standing.key for standing in peer.held.badges.values()] == [""]
    assert caplog.messages == []
    with pytest.raises(Refused, match="enrol it again"), floor.db.write() as session:
        writing.give(session, floor.vault, badge.id, "https://floor.test", floor.ben, NOW_MS)
    assert [one.where for one in doctor.examine(floor.db)] == [f"badge {badge.id}"]


def test_an_error_of_the_database_repeats_no_parameters(floor: Floor) -> None:
    sealed = enrolled(floor).uid_sealed
    values = {"id": "b", "member": None, "uid": sealed}
    with pytest.raises(IntegrityError) as error, floor.db.write() as session:
        session.connection().execute(
            text("INSERT INTO badge (id, member, uid_sealed) VALUES (:id, :member, :uid)"), values
        )
    assert sealed not in str(error.value).partition("DETAIL")[0]


def test_of_two_who_enrol_a_badge_at_once_one_has_it(floor: Floor) -> None:
    both = threading.Barrier(2)

    def enrol(member: str, uid: bytes) -> str:
        both.wait(30)
        try:
            with floor.db.write() as session:
                badges.enrol(session, floor.vault, member, uid, BadgeKind.UID_13MHZ, "", NOW_MS)
        except Refused as refused:
            return refused.code
        return "enrolled"

    for n in range(5):
        with ThreadPoolExecutor(2) as pool:
            came = sorted(pool.map(enrol, (floor.ada, floor.ben), [bytes([4, 4, 4, n])] * 2))
        assert came == ["badge_taken", "enrolled"]


def test_a_key_that_many_make_at_once_is_one_and_whole(tmp_path: Path) -> None:
    many = 8
    together = threading.Barrier(many)

    def make(file: Path) -> bytes:
        together.wait(30)
        return read_or_make(file, 16)

    (tmp_path / "0.key.new").write_text("of a process that was killed")
    with ThreadPoolExecutor(many) as pool:
        for n in range(20):
            assert len(set(pool.map(make, [tmp_path / f"{n}.key"] * many))) == 1
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 20


@pytest.mark.parametrize(
    ("uid", "kind", "code"),
    [
        (UID, BadgeKind.PHONE, "badge_kind_invalid"),
        (bytes(4), BadgeKind.NTAG424, "uid_malformed"),
        (bytes(10), BadgeKind.DESFIRE, "uid_malformed"),
    ],
)
def test_what_can_have_no_key_is_not_enrolled_as_if_it_had(
    floor: Floor, uid: bytes, kind: BadgeKind, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        enrolled(floor, uid, kind)
    assert refused.value.code == code
