"""Bounces are taken out; a safety contact whose cut wire looks well is refused."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.errors import ConfigError
from floor.words import InputRole
from hardware.inputs.debounce import Debounce
from hardware.registry import build_input
from tests.kit.pins import FakePins

STEADY_MS = 30


def settled(samples: str, every_ms: int = 10, level: bool = False) -> str:
    """Return the settled level after each sample; "1" is active."""
    debounce, said = Debounce(level, STEADY_MS / 1000), ""
    for n, sample in enumerate(samples):
        debounce.sample(sample == "1", 100 + n * every_ms / 1000)
        said += str(int(debounce.level))
    return said


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ("0000", "0000"),
        ("01111", "00001"),  # a change counts once it has lasted
        ("010000000", "000000000"),  # one disturbed sample does not
        ("0100001000000", "0000000000000"),  # nor do two, far apart
        ("0101010101", "0000011111"),  # what chatters counts as changed
    ],
)
def test_a_change_counts_once_it_was_seen_for_long_enough(samples: str, said: str) -> None:
    assert settled(samples) == said


@given(st.lists(st.booleans(), max_size=200))
def test_what_it_says_was_sampled_and_a_lasting_level_is_said(samples: list[bool]) -> None:
    debounce = Debounce(False, STEADY_MS / 1000)
    for n, level in enumerate(samples):
        if debounce.sample(level, n / 100):
            assert debounce.level is level
    for last in (True, False):
        for n in range(10):
            debounce.sample(last, 1000 + 1000 * last + n / 100)
        assert debounce.level is last


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> FakePins:
    pins = FakePins()
    monkeypatch.setitem(sys.modules, "RPi", SimpleNamespace(GPIO=pins))
    monkeypatch.setitem(sys.modules, "RPi.GPIO", pins)
    return pins


@pytest.mark.parametrize("role", ["emergency_stop", "interlock", "door", "fire_alarm"])
def test_by_itself_a_contact_opens_when_it_is_active(pins: FakePins, role: str) -> None:
    one = build_input("gpio", {"role": role, "pin": 5}, "here")
    assert (one.name, one.role, pins.pulls[5]) == (role, InputRole(role), pins.PUD_UP)
    assert one.read(), "nothing is connected"
    pins.drive(5, 0)
    assert not one.read()


@pytest.mark.parametrize("role", ["end", "oops", "extraction", "chiller", "closing"])
def test_by_itself_a_button_closes_when_it_is_pressed(pins: FakePins, role: str) -> None:
    one = build_input("gpio", {"role": role, "pin": 5, "name": "green"}, "here")
    assert one.name == "green"
    assert not one.read()
    pins.drive(5, 0)
    assert one.read()


@pytest.mark.parametrize("role", ["emergency_stop", "interlock", "fire_alarm"])
@pytest.mark.parametrize(("pull", "active"), [("up", "low"), ("down", "high"), ("down", None)])
def test_a_safety_contact_whose_cut_wire_looks_well_is_refused(
    pins: FakePins, role: str, pull: str, active: str | None
) -> None:
    settings = {"role": role, "pin": 5, "pull": pull} | ({"active": active} if active else {})
    with pytest.raises(ConfigError, match="a cut wire") as caught:
        build_input("gpio", settings, "here")
    assert caught.value.key == "active"
    build_input("gpio", settings | {"pull": "off"}, "here")  # a resistor outside: nobody here can know
    build_input("gpio", settings | {"role": "door"}, "here")


@pytest.mark.parametrize("role", ["extraction", "chiller"])
@pytest.mark.parametrize(("pull", "active"), [("up", "high"), ("down", "low")])
def test_a_cut_wire_never_proves_that_something_runs(
    pins: FakePins, role: str, pull: str, active: str
) -> None:
    settings = {"role": role, "pin": 5, "pull": pull, "active": active}
    with pytest.raises(ConfigError, match="a cut wire would prove") as caught:
        build_input("gpio", settings, "here")
    assert caught.value.key == "active"
    build_input("gpio", settings | {"pull": "off"}, "here")
    for right in ({"pull": "up"}, {"pull": "up", "active": "low"}, {"pull": "down", "active": "high"}):
        assert not build_input("gpio", {"role": role, "pin": 5} | right, "here").read(), (
            "nothing is connected"
        )


@pytest.mark.parametrize("role", InputRole)
def test_in_a_simulation_all_that_must_run_runs_and_nothing_is_wrong(role: InputRole) -> None:
    assert build_input("simulated", {"role": role.value}, "here").read() is role.proof


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"role": "stop"}, "role"),
        ({"pin": 28}, "pin"),
        ({"active": "open"}, "active"),
        ({"pull": "none"}, "pull"),
        ({"debounce_ms": 501}, "debounce_ms"),
        ({"level": "low"}, "level"),
    ],
)
def test_wrong_settings_name_key_and_remedy(pins: FakePins, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_input("gpio", {"role": "door", "pin": 5} | changes, "here")
    assert caught.value.key == key
    assert caught.value.remedy


def test_a_role_is_required_and_a_pin_must_be_had(pins: FakePins) -> None:
    with pytest.raises(ConfigError, match="missing") as caught:
        build_input("simulated", {}, "here")
    assert caught.value.key == "role"
    pins.broken = "GPIO busy"
    with pytest.raises(ConfigError, match="GPIO busy"):
        build_input("gpio", {"role": "door", "pin": 5}, "here")
