"""A gateway's wiring at the server: sealed, bounded, newest, and written as settings that it reads."""

from __future__ import annotations

import json
import tomllib
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from booking_api.broker.settings import BrokerSettings
from booking_api.gateways import enrol, wiring
from booking_api.gateways.keys import open_signer
from booking_api.gateways.models import GatewayWiring, RosterChange
from booking_api.gateways.software import lags
from booking_api.gateways.toml_text import render
from floor.errors import PeerError, Refused
from floor.gateway_keys import Purpose, derived, wiring_context
from floor.wire.messages import Wiring
from gateway import config as configuration
from gateway.wiring_copy import WiringCopy
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor, make_floor

SECRET = 'octoprint-key-"quoted"-\\-ü-\x7f-😀'
QUOTED = json.dumps(SECRET, ensure_ascii=False).replace("\x7f", "\\u007f")
WIRED = f"""
data = "card"
[http]
port = 9781
[journal]
checkpoint_s = 5
storage = "volatile"
[[stations]]
machine = "laser-1"
reader = {{kind = "rdm6300", port = "/dev/serial0"}}
relay = {{kind = "gpio", pin = 17, active = "high"}}
driver = {{kind = "octoprint", url = "http://192.168.1.20", api_key = {QUOTED}}}
inputs = [{{role = "emergency_stop", kind = "gpio", pin = 22}}, {{role = "end", kind = "gpio", pin = 23}}]
[[stations]]
machine = "door"
node = {{kind = "mac", machine_name = "door", silent_s = 20.5}}
"""


@pytest.fixture
def floor(tmp_path: Path):
    made = make_floor(url_in(tmp_path), tmp_path)
    yield made
    made.db.close()


def enrolment(floor: Floor) -> enrol.Enrolment:
    with floor.db.read() as session:
        return enrol.recall(session, floor.vault, "gw")


def loaded(folder: Path, text: str) -> configuration.GatewayConfig:
    file = folder / "gateway.toml"
    file.write_text(text)
    return configuration.load(file)


def first(floor: Floor, tmp_path: Path) -> configuration.GatewayConfig:
    """The Pi that will die: enrolled, then wired by hand, with the broker at another address."""
    broker = BrokerSettings("127.0.0.1", 1883, "server", "s", None)
    values = enrol.config_values(enrolment(floor), open_signer(tmp_path), broker, "https://floor.example")
    values["broker"] |= {"host": "floor.local", "port": 1884}
    values["server"] |= {"cache_mib": 64}
    return loaded(tmp_path, render(values | tomllib.loads(WIRED)))


def keep(floor: Floor, copy: Wiring, now_ms: int = NOW_MS) -> bool:
    with floor.db.write() as session:
        return wiring.keep(session, floor.vault, copy, now_ms)


def sealed(floor: Floor, text: bytes, seq: int = 1, key: bytes | None = None, gateway: str = "gw") -> Wiring:
    key = key or derived(enrolment(floor).badge_key, Purpose.WIRING)
    raw = b"n" * 12 + AESGCM(key).encrypt(b"n" * 12, text, wiring_context(gateway, 1, seq))
    return Wiring(gateway="gw", epoch=1, seq=seq, sealed=b64encode(raw).decode())


def test_what_a_gateway_sent_makes_the_whole_file_of_its_replacement(floor: Floor, tmp_path: Path) -> None:
    old = first(floor, tmp_path)
    copy = WiringCopy(old).sealed(1, 7)
    assert copy
    assert keep(floor, copy)
    with floor.db.read() as session:
        kept = wiring.kept(session, floor.vault, "gw")
        row = session.exec(select(GatewayWiring)).one()
    assert kept
    for secret in (old.badge_key.hex(), old.broker.password, "server_key"):
        assert secret not in json.dumps(kept.parts)
    assert f"{kept.parts['stations']}".count(repr(SECRET)) == 1
    assert "octoprint" not in row.sealed + copy.sealed
    broker = BrokerSettings("127.0.0.1", 1883, "server", "s", None)
    signer = open_signer(tmp_path)
    values = enrol.config_values(enrolment(floor), signer, broker, "https://new.example", kept.parts)
    new = loaded(tmp_path, render(values))
    assert new.stations == old.stations
    assert (new.badge_key, new.server_key, new.name) == (old.badge_key, old.server_key, "gw")
    assert (new.broker, new.http_port, new.checkpoint_s) == (old.broker, 9781, 5)
    assert (new.server.url, new.server.cache_mib) == ("https://new.example", 64)
    assert new.data == old.data


def test_it_is_from_when_it_last_changed_and_an_old_one_is_refused(floor: Floor) -> None:
    one, other = (json.dumps({"stations": [{"machine": name}]}).encode() for name in ("laser-1", "saw"))
    assert keep(floor, sealed(floor, one, 3), NOW_MS)
    assert not keep(floor, sealed(floor, one, 9), NOW_MS + 1)
    with pytest.raises(PeerError, match="older than the one"):
        keep(floor, sealed(floor, other, 8), NOW_MS + 2)
    with floor.db.read() as session:
        kept = wiring.kept(session, floor.vault, "gw")
    assert kept
    assert kept.since_ms == NOW_MS
    assert keep(floor, sealed(floor, other, 9), NOW_MS + 3)
    with floor.db.write() as session:
        wiring.begin_anew(session, "gw")  # the next Pi's journal begins at 1
    assert keep(floor, sealed(floor, one, 1), NOW_MS + 4)


HOSTILE = {
    "no JSON": b"{",
    "no table": b"[]",
    "no stations": b'{"http": {}}',
    "stations that are none": b'{"stations": ["laser"]}',
    "deep": b'{"stations": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "no character": b'{"stations": [{"machine": "\\ud800"}]}',
    "no number": b'{"stations": [{"machine": NaN}]}',
    "no text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_wiring_that_is_none_is_refused(floor: Floor, text: bytes) -> None:
    with pytest.raises(PeerError):
        keep(floor, sealed(floor, text))


def test_a_wiring_under_another_key_or_of_another_gateway_is_refused(floor: Floor) -> None:
    text = b'{"stations": [{"machine": "laser-1"}]}'
    bad = [
        sealed(floor, text, key=bytes(32)),
        sealed(floor, text, gateway="other"),
        sealed(floor, text, key=derived(enrolment(floor).badge_key, Purpose.BADGE_READ)),
        sealed(floor, text).model_copy(update={"seq": 2}),
        sealed(floor, text).model_copy(update={"sealed": "A" * 40}),
        sealed(floor, text).model_copy(update={"sealed": "A" * 41}),
    ]
    for copy in bad:
        with pytest.raises(PeerError, match="not sealed with its key"):
            keep(floor, copy)
    with pytest.raises(PeerError, match="not enrolled"):
        keep(floor, sealed(floor, text).model_copy(update={"gateway": "nobody"}))


def test_a_gateway_says_of_itself_only_what_is_its_to_say(floor: Floor, tmp_path: Path) -> None:
    text = b'{"stations": [{"machine": "m"}], "name": "x", "server_key": "x", "simulation": {}, '
    text += b'"broker": {"host": "h", "password": "p", "ca": "c"}, "server": {"url": "http://evil"}}'
    keep(floor, sealed(floor, text))
    with floor.db.read() as session:
        kept = wiring.kept(session, floor.vault, "gw")
    assert kept
    assert kept.parts["broker"] == {"host": "h"}
    broker = BrokerSettings("127.0.0.1", 1883, "server", "s", None)
    values = enrol.config_values(enrolment(floor), open_signer(tmp_path), broker, "https://f", kept.parts)
    assert set(values) == {"name", "badge_key", "server_key", "broker", "server", "stations"}
    assert values["name"] == "gw"
    assert values["server"] == {"url": "https://f"}
    assert values["broker"]["password"] == enrolment(floor).password


def test_a_wiring_that_is_too_long_is_not_sent(floor: Floor, tmp_path: Path) -> None:
    config = first(floor, tmp_path)
    long = {"stations": [{"machine": "x" * 50_000}]}
    object.__setattr__(config, "wiring", long)
    assert WiringCopy(config).sealed(1, 1) is None


def test_other_keys_make_a_whole_roster_and_the_old_ones_open_nothing(floor: Floor) -> None:
    old, copy = enrolment(floor), sealed(floor, b'{"stations": [{"machine": "laser-1"}]}')
    with floor.db.write() as session:
        before = len(session.exec(select(RosterChange)).all())
        new = enrol.rotate(session, floor.vault, "gw", NOW_MS)
        with pytest.raises(Refused, match="no gateway nobody"):
            enrol.rotate(session, floor.vault, "nobody", NOW_MS)
        assert len(session.exec(select(RosterChange)).all()) == before + 1
    assert old.password != new.password
    assert old.badge_key != new.badge_key
    assert enrolment(floor) == new
    with pytest.raises(PeerError, match="not sealed with its key"):
        keep(floor, copy)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.booleans() | st.integers(-(1 << 60), 1 << 60) | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_whatever_is_written_as_toml_is_read_back_the_same(values: dict[str, object]) -> None:
    assert tomllib.loads(render(values)) == values


@pytest.mark.parametrize(
    ("software", "newest", "behind"),
    [
        ("makerfloor 0.1.0", "0.2.0", True),
        ("makerfloor 0.9.0", "0.10.0", True),
        ("makerfloor 0.2.0", "0.2.0", False),
        ("makerfloor 0.3.0", "0.2.0", False),
        ("makerfloor 0.2.0.dev1", "0.2.0", False),
        ("", "0.2.0", False),
        ("unknown", "0.2.0", True),
    ],
)
def test_older_software_is_seen(software: str, newest: str, behind: bool) -> None:
    assert lags(software, newest) is behind
