"""The small values: ids, badge references, policies, floor time and the errors' sentences."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

import pytest

from floor.errors import (
    ConfigError,
    FloorError,
    MachineError,
    MachineFault,
    MachineUnreachable,
    PeerError,
    Refused,
)
from floor.ids import badge_reference, uuid7
from floor.policy import POLICY_KEYS, RANGES, MachinePolicy
from floor.timescale import TimeScale


def test_a_uuid7_is_one_by_the_rfc_and_sorts_by_time() -> None:
    """The example of RFC 9562, appendix A.6."""
    made = uuid7(0x017F22E279B0, bytes.fromhex("0cc318c4dc0c0c07398f"))
    assert made == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert (UUID(made).version, UUID(made).variant) == (7, "specified in RFC 4122")
    assert uuid7(1, b"\xff" * 10) < uuid7(2, b"\x00" * 10)


@pytest.mark.parametrize("size", [0, 9, 11])
def test_a_uuid7_takes_ten_bytes_of_entropy(size: int) -> None:
    with pytest.raises(ValueError, match=f"not {size}"):
        uuid7(0, bytes(size))


def test_a_badge_has_another_reference_at_each_gateway() -> None:
    uid = bytes.fromhex("04DE5F1EACC040")
    expected = hmac.new(b"k" * 32, uid, hashlib.sha256).hexdigest()
    assert badge_reference(b"k" * 32, uid) == expected[:32]
    assert badge_reference(b"l" * 32, uid) != badge_reference(b"k" * 32, uid)


@pytest.mark.parametrize("name", RANGES)
def test_a_policy_s_number_is_held_to_its_range_and_says_so(name: str) -> None:
    low, high = RANGES[name]
    for value in (low, high):
        assert getattr(MachinePolicy(**{name: value}), name) == value
    for value in (low - 1, high + 1):
        unit = "seconds" if name.endswith("_s") else "micro-units"
        with pytest.raises(ValueError, match=f"{name} is {value}, but must be from {low} to {high} {unit}"):
            MachinePolicy(**{name: value})


def test_every_number_of_a_policy_has_a_range() -> None:
    assert {name for name in POLICY_KEYS if name.endswith(("_s", "_micro"))} == set(RANGES)


def test_floor_time_runs_from_its_start_at_its_speed() -> None:
    scale = TimeScale(1_000, 500_000, 60)
    assert [scale.at(ms) for ms in (1_000, 1_001, 2_000)] == [500_000, 500_060, 560_000]
    assert TimeScale.parse(str(scale)) == scale
    assert TimeScale().at(123) == 123


@pytest.mark.parametrize("text", ["", "1:2", "1:2:3:4", "a:b:c", "1:2:0", "1:2:3601"])
def test_a_time_scale_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"time scale|invalid literal|speed is"):
        TimeScale.parse(text)


def test_errors_say_what_their_readers_need() -> None:
    refused = Refused("in_use", "Somebody else is using this machine.")
    assert (refused.code, str(refused)) == ("in_use", "Somebody else is using this machine.")
    error = ConfigError("gateway.toml", "broker.port", "is 99999", "Write a port.", line=7)
    assert str(error) == "gateway.toml:7: broker.port: is 99999. Write a port."
    assert str(ConfigError("a.toml", "", "is not TOML", "Mend it.")) == "a.toml: is not TOML. Mend it."
    for kind in (Refused, MachineError, MachineUnreachable, MachineFault, PeerError, ConfigError):
        assert issubclass(kind, FloorError)
    assert issubclass(MachineFault, MachineError)
    assert not issubclass(PeerError, MachineError)
