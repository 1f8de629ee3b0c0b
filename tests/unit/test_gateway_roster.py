"""Rosters that must be refused, and what survives on disk."""

import pytest

from floor.access import BadgeStanding
from floor.errors import PeerError
from floor.ids import badge_reference
from floor.words import BadgeKind
from gateway.roster import NO_ROSTER_AGE_S, RosterStore
from tests.kit.gateway import ADA, BADGE_KEY, NOW_MS, FakeClock, SigningServer


@pytest.fixture
def server():
    return SigningServer()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(tmp_path, server, clock):
    return RosterStore(tmp_path / "roster.jsonl", "gw", BADGE_KEY, server.public, clock)


def test_no_roster_knows_nobody_and_is_old(store):
    assert store.load() == "there is no roster yet: this gateway has never heard from its server"
    assert store.age_s() == NO_ROSTER_AGE_S
    assert store.look_up(ADA)[1:] == (None, None)


def test_a_roster_finds_a_member_by_badge(store, server):
    assert store.take(server.roster())
    _, badge, member = store.look_up(ADA)
    assert badge.member == member.id == "ada"


def test_a_wrong_signature_is_refused_and_the_old_roster_stays(store, server):
    store.take(server.roster())
    with pytest.raises(PeerError, match="signature of this roster is not the server's"):
        store.take(SigningServer().roster(2))
    assert store.version.n == 1


def test_a_tampered_body_is_refused(store, server):
    with pytest.raises(PeerError, match="signature"):
        store.take(server.roster().replace(b"ben", b"eve"))


def test_an_older_roster_is_refused_and_a_new_epoch_of_the_server_is_taken(store, server):
    store.take(server.roster(5))
    with pytest.raises(PeerError, match=r"roster \(1, 4\) is older than \(1, 5\)"):
        store.take(server.roster(4))
    assert store.take(server.roster(1, epoch=2))


def test_the_roster_of_another_gateway_is_refused(store):
    other = SigningServer("other")
    store = RosterStore(store._path, "gw", BADGE_KEY, other.public, FakeClock())
    with pytest.raises(PeerError, match="is for other, not for gw"):
        store.take(other.roster())


def test_a_delta_revokes_a_badge_and_one_that_does_not_fit_is_refused(store, server):
    store.take(server.roster())
    lost = {badge_reference(BADGE_KEY, ADA): BadgeStanding("ada", BadgeKind.UID_125KHZ, lost=True)}
    assert store.take(server.delta(1, 2, badges=lost))
    assert store.look_up(ADA)[1].lost
    with pytest.raises(PeerError, match="does not fit"):
        store.take(server.delta(3, 4))


def test_what_was_taken_is_loaded_again(tmp_path, store, server, clock):
    lost = {badge_reference(BADGE_KEY, ADA): BadgeStanding("ada", BadgeKind.UID_125KHZ, lost=True)}
    for payload in (server.roster(), server.delta(1, 2, badges=lost)):
        store.take(payload)
        store.save(payload)
    again = RosterStore(tmp_path / "roster.jsonl", "gw", BADGE_KEY, server.public, clock)
    assert again.load() is None
    assert again.version.n == 2
    assert again.look_up(ADA)[1].lost


def test_what_is_on_disk_is_for_nobody_else(tmp_path, store, server):
    path = tmp_path / "roster.jsonl"
    path.touch(0o644)
    (tmp_path / "roster.new").touch(0o644)
    for payload in (server.roster(), server.delta(1, 2)):
        store.take(payload)
        store.save(payload)
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)


def test_a_torn_line_on_disk_is_left_out(tmp_path, store, server, clock):
    for payload in (server.roster(), server.delta(1, 2)):
        store.take(payload)
        store.save(payload)
    path = tmp_path / "roster.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    again = RosterStore(path, "gw", BADGE_KEY, server.public, clock)
    assert "refused" in again.load()
    assert again.look_up(ADA)[1].member == "ada"
    assert again.version is None  # so that the server sends a snapshot, which mends the file


def test_an_empty_delta_renews_the_age(store, server, clock):
    store.take(server.roster())
    clock.pass_s(500)
    assert store.age_s() == 500
    clock.wall = NOW_MS
    assert not store.take(server.delta(1, 1))
    assert store.age_s() == 0


def test_a_command_is_refused_when_it_expired_or_is_not_the_servers(store, server, clock):
    from floor.wire.messages import Identify

    order = Identify(machine="laser")
    assert store.command(server.command(order)).order == order
    with pytest.raises(PeerError, match="signature"):
        store.command(SigningServer().command(order))
    clock.pass_s(120)
    with pytest.raises(PeerError, match="expired"):
        store.command(server.command(order))
