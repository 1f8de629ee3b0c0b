"""The server's keys at a gateway: who may replace them, and what is refused."""

import base64
import json

import pytest

from booking_api.gateways.keys import KEY_FILE, NEXT_FILE, STATEMENTS_FILE, open_signer
from floor.errors import ConfigError, PeerError, Refused
from floor.wire.messages import ServerKeys
from gateway.roster import RosterStore
from gateway.server_keys import ServerKeyStore
from tests.kit.gateway import ADA, BADGE_KEY, FakeClock, SigningServer, make_roster


def raw(key: str) -> bytes:
    return base64.b64decode(key)


@pytest.fixture
def signer(tmp_path):
    (tmp_path / "server").mkdir()
    return open_signer(tmp_path / "server")


@pytest.fixture
def store(tmp_path, signer):
    return ServerKeyStore(tmp_path / "server-keys.jsonl", raw(signer.public_key))


def told(store, signer):
    """Send what the server would; returns the payloads."""
    payloads = [one.encode() for one in signer.statements_for(store.newest, store.n)]
    for payload in payloads:
        store.take(payload)
        store.save(payload)
    return payloads


def test_both_keys_are_taken_until_the_old_one_is_dropped(store, signer):
    before = signer.sign(make_roster()).encode()
    store.open(before)
    signer.announce()
    told(store, signer)
    store.open(before)
    signer.finish()
    store.open(signer.sign(make_roster()).encode())
    store.open(before)
    told(store, signer)
    with pytest.raises(PeerError, match="not the server's"):
        store.open(before)
    store.open(before, own=True)  # what lies on its own disk was verified when it came
    store.open(signer.sign(make_roster()).encode())


def test_what_another_signed_replaces_no_key(store, signer):
    thief = SigningServer()
    key = public_of(thief)
    with pytest.raises(PeerError, match="not the server's"):
        store.take(thief.sign("server_keys", ServerKeys(n=9, keys=[key])))
    payload = json.loads(signer.sign(ServerKeys(n=1, keys=[signer.public_key])).encode())
    payload["body"] = payload["body"].replace(signer.public_key, key)
    with pytest.raises(PeerError, match="not the server's"):
        store.take(json.dumps(payload).encode())
    with pytest.raises(PeerError, match="something else came"):
        store.take(signer.sign(make_roster()).encode())
    assert (store.newest, store.n) == (signer.public_key, 0)


def public_of(server: SigningServer) -> str:
    return base64.b64encode(server.public).decode()


def test_an_old_statement_does_not_bring_a_dropped_key_back(tmp_path, store, signer):
    enrolled, before = raw(signer.public_key), signer.sign(make_roster()).encode()
    signer.announce()
    first = told(store, signer)
    signer.finish()
    told(store, signer)
    for held in (store, ServerKeyStore(tmp_path / "server-keys.jsonl", enrolled)):
        assert (held.n, held.newest) == (2, signer.public_key)
        with pytest.raises(PeerError):
            held.take(first[0])
        with pytest.raises(PeerError, match="not the server's"):
            held.open(before)
    with pytest.raises(PeerError, match="not newer than 2"):
        store.take(signer.sign(ServerKeys(n=2, keys=[signer.public_key])).encode())


def test_a_gateway_that_was_away_for_two_replacements_is_told_in_order(store, signer):
    for _ in range(2):
        signer.announce()
        signer.finish()
    assert len(told(store, signer)) == 4
    assert store.newest == signer.public_key
    assert signer.statements_for(store.newest, store.n) == []


def test_a_gateway_that_was_enrolled_with_the_new_key_is_told_nothing_that_it_cannot_verify(tmp_path, signer):
    signer.announce()
    signer.finish()
    fresh = ServerKeyStore(tmp_path / "fresh.jsonl", raw(signer.public_key))
    assert len(told(fresh, signer)) == 1
    assert fresh.n == 2
    assert signer.statements_for(None, 0) == []  # its software knows no such message


def test_a_key_written_by_hand_stands_over_what_was_kept(tmp_path, store, signer):
    signer.announce()
    told(store, signer)
    kept = signer.newest_key
    signer.replace_at_once()
    by_hand = ServerKeyStore(tmp_path / "server-keys.jsonl", raw(signer.public_key))
    assert (by_hand.n, by_hand.newest) == (0, signer.public_key)
    assert signer.newest_key == signer.public_key != kept
    signer.announce()
    assert len(told(by_hand, signer)) == 1


def test_a_torn_line_counts_for_nothing(tmp_path, store, signer):
    enrolled = raw(signer.public_key)
    signer.announce()
    told(store, signer)
    path = tmp_path / "server-keys.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert ServerKeyStore(path, enrolled).n == 0


def test_the_roster_on_disk_stays_good_when_its_key_is_dropped(tmp_path, signer):
    def make():
        return RosterStore(tmp_path / "roster.jsonl", "gw", BADGE_KEY, enrolled, FakeClock())

    enrolled, payload = raw(signer.public_key), signer.sign(make_roster()).encode()
    store = make()
    store.take(payload)
    store.save(payload)
    signer.announce()
    signer.finish()
    told(store.keys, signer)
    again = make()
    assert again.load() is None
    assert again.look_up(ADA)[1].member == "ada"
    with pytest.raises(PeerError, match="not the server's"):
        again.take(payload)
    again.ask_whole()
    assert again.version is None


def test_a_running_server_takes_up_what_a_command_replaced(tmp_path, signer):
    beside = open_signer(tmp_path / "server")
    assert not beside.refresh()
    signer.announce()
    assert beside.refresh()
    assert beside.newest_key == signer.newest_key != beside.public_key
    signer.finish()
    assert beside.refresh()
    assert beside.public_key == signer.public_key


def test_a_replacement_has_two_steps(tmp_path, signer):
    with pytest.raises(Refused, match="without --finish"):
        signer.finish()
    signer.announce()
    with pytest.raises(Refused, match="already"):
        signer.announce()
    # The power fails between the new key and what gateways are told of it.
    (tmp_path / "server" / NEXT_FILE).replace(tmp_path / "server" / KEY_FILE)
    torn = open_signer(tmp_path / "server")
    torn.finish()
    assert torn.newest_key == torn.public_key
    (tmp_path / "server" / STATEMENTS_FILE).write_text("{")
    with pytest.raises(ConfigError, match="Restore"):
        open_signer(tmp_path / "server")


def test_the_key_files_are_secret(tmp_path, signer):
    signer.announce()
    for name in (KEY_FILE, NEXT_FILE):
        assert (tmp_path / "server" / name).stat().st_mode & 0o777 == 0o600
