"""What a broker is told, and that nobody's name can reach beyond its own topic."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.broker.__main__ import read_identities
from booking_api.broker.certificates import make_certificates
from booking_api.broker.plan import (
    Access,
    Identity,
    IdentityKind,
    Listener,
    Rule,
    Tls,
    allows,
    check_identities,
    hash_password,
    parse_acl,
    parse_passwords,
    password_fits,
    render_acl,
    render_mosquitto,
    render_passwords,
)
from floor.errors import ConfigError

GATEWAY = Identity("gw-1", "secret", IdentityKind.GATEWAY)
SERVER = Identity("server", "hidden", IdentityKind.SERVER)


@pytest.mark.parametrize(
    "name", ["a/b", "+", "#", "a b", "", "a:b", "a\nuser b", "ä", "-a", "A", "x" * 33, "a\n"]
)
def test_a_name_that_would_reach_further_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="not a name for the broker"):
        Identity(name, "secret", IdentityKind.GATEWAY)


@pytest.mark.parametrize("password", ["", "a\0b", "x" * 1025])
def test_a_password_that_no_file_can_carry_is_refused(password: str) -> None:
    with pytest.raises(ConfigError, match="password"):
        Identity("gw", password, IdentityKind.GATEWAY)


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="named twice"):
        check_identities([GATEWAY, GATEWAY])


def test_a_password_is_in_no_representation() -> None:
    assert "secret" not in repr(GATEWAY)
    assert "secret" not in render_passwords([GATEWAY])


def test_the_access_list_reads_as_written() -> None:
    text = render_acl([SERVER, GATEWAY])
    assert text == (
        "user server\ntopic read mf/+/up/#\ntopic write mf/+/down/#\n\n"
        "user gw-1\ntopic read mf/gw-1/down/#\ntopic write mf/gw-1/up/#\n"
    )
    assert parse_acl(text) == {"server": SERVER.rules, "gw-1": GATEWAY.rules}


@given(st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text), st.text(max_size=40))
def test_only_the_password_fits_its_hash(password: str, other: str) -> None:
    hashed = hash_password(password)
    assert password_fits(password, hashed)
    assert password_fits(other, hashed) == (other == password)


def test_the_password_file_reads_as_written() -> None:
    hashes = parse_passwords(render_passwords([SERVER, GATEWAY]))
    assert password_fits("secret", hashes["gw-1"])
    assert not password_fits("secret", hashes["server"])


@pytest.mark.parametrize(
    ("rule", "topic", "expected"),
    [
        ("mf/a/down/#", "mf/a/down/x", True),
        ("mf/a/down/#", "mf/a/down", True),
        ("mf/a/down/#", "mf/a/down/#", True),
        ("mf/a/down/#", "mf/a/down/+/x", True),
        ("mf/a/down/#", "mf/+/down/#", False),
        ("mf/a/down/#", "mf/#", False),
        ("mf/a/down/#", "#", False),
        ("mf/+/up/#", "mf/a/up/x/y", True),
        ("mf/+/up/#", "mf/+/up/x", True),
        ("mf/+/up/#", "mf/a/down/x", False),
        ("mf/+", "mf/a/b", False),
        ("mf/+/b", "mf/a", False),
        ("mf/+", "mf/#", False),
    ],
)
def test_a_rule_covers_what_it_says(rule: str, topic: str, expected: bool) -> None:
    assert allows([Rule(Access.READ, rule)], Access.READ, topic) is expected
    assert not allows([Rule(Access.READ, rule)], Access.WRITE, topic)


def test_mosquitto_is_told_everything_that_matters() -> None:
    tls = Tls(Path("/c/ca.crt"), Path("/c/server.crt"), Path("/c/server.key"))
    text = render_mosquitto(Listener("127.0.0.1", 1883, tls), Path("/b"), as_root=True)
    for line in (
        "listener 1883 127.0.0.1",
        "allow_anonymous false",
        "acl_file /b/acl",
        "max_queued_messages 0",
        "max_queued_bytes 268435456",
        "persistent_client_expiration 14d",
        "max_packet_size 8454144",
        "set_tcp_nodelay true",
        "autosave_interval 1",
        "autosave_on_changes true",
        "user root",
        "cafile /c/ca.crt",
        "require_certificate false",
    ):
        assert line in text.splitlines()
    plain = render_mosquitto(Listener("127.0.0.1", 1883), Path("/b"), as_root=False)
    assert "user root" not in plain
    assert "cafile" not in plain


def test_an_authority_is_kept_and_its_keys_are_private(tmp_path: Path) -> None:
    first = make_certificates(tmp_path, ["gw-1"])
    before = first.cafile.read_bytes()
    second = make_certificates(tmp_path, ["gw-2"])
    assert second.cafile.read_bytes() == before
    for key in (first.server.keyfile, first.gateways["gw-1"].keyfile, tmp_path / "ca.key"):
        assert key.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="not a name"):
        make_certificates(tmp_path, ["../x"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting"),
        ('[{"name": "a", "password": "b"}]', "kind"),
        ('[{"name": "a", "password": "b", "kind": "king"}]', "king"),
        ("[1]", "subscriptable"),
        ('[{"name": "a/b", "password": "b", "kind": "gateway"}]', "not a name"),
    ],
)
def test_a_wrong_identities_file_is_named_with_its_fault(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "identities.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read_identities(path)
    with pytest.raises(ConfigError, match=r"missing\.json"):
        read_identities(tmp_path / "missing.json")
