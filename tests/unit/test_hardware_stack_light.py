"""A stack light shows the lamp of the screen, blinks, beeps once, and is dark before and after."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from floor.errors import ConfigError, MachineFault
from hardware.panels import stack_light
from hardware.panels.stack_light import StackLight
from hardware.ports import Closes, Lamp, Screen, Sound
from hardware.registry import build_panel
from hardware.relays.gpio import Line
from tests.kit.pins import FakePins

COLOURS = {Lamp.RED: 9, Lamp.AMBER: 10, Lamp.GREEN: 11}
BUZZER = 25


@pytest.fixture
def pins() -> FakePins:
    return FakePins()


def make(pins: FakePins, active_high: bool = True) -> StackLight:
    lamps = {lamp: Line(pin, active_high) for lamp, pin in COLOURS.items()}
    return StackLight("mast", pins, lamps, Line(BUZZER, active_high))


def lit(pins: FakePins, active_high: bool = True) -> list[Lamp]:
    return [lamp for lamp, pin in COLOURS.items() if bool(pins.levels[pin]) == active_high]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("active_high", [True, False])
async def test_it_lights_the_colour_of_the_screen_and_no_other(pins: FakePins, active_high: bool) -> None:
    light = make(pins, active_high)
    assert lit(pins, active_high) == []
    for lamp in Lamp:
        light.show(Screen(("Laser",), lamp))
        assert lit(pins, active_high) == ([lamp] if lamp in COLOURS else [])
    assert pins.levels[BUZZER] == int(not active_high)


async def test_it_blinks_until_a_steady_screen(pins: FakePins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_light, "BLINK_S", 0.005)
    light = make(pins)
    light.show(Screen((), Lamp.RED, blink=True))
    await until(lambda: len(pins.history) >= 5)
    assert pins.history[:5] == [(9, 1), (9, 0), (9, 1), (9, 0), (9, 1)]
    light.show(Screen((), Lamp.GREEN))
    told = len(pins.history)
    await asyncio.sleep(0.05)
    assert len(pins.history) == told
    assert lit(pins) == [Lamp.GREEN]


@pytest.mark.parametrize(("sound", "beeps"), [(Sound.OK, 1), (Sound.REFUSED, 1), (Sound.WARN, 3)])
async def test_a_sound_is_played_once_and_to_its_end(
    pins: FakePins, monkeypatch: pytest.MonkeyPatch, sound: Sound, beeps: int
) -> None:
    quick = {name: tuple(0.005 for _ in pattern) for name, pattern in stack_light.SOUNDS.items()}
    monkeypatch.setattr(stack_light, "SOUNDS", quick)
    light = make(pins)
    light.show(Screen((), Lamp.OFF, sound))
    light.show(Screen((), Lamp.OFF))  # what follows at once does not cut it short
    await until(lambda: len(pins.history) >= 2 * beeps)
    await asyncio.sleep(0.05)
    assert pins.history == [(BUZZER, 1), (BUZZER, 0)] * beeps


def test_every_sound_has_a_pattern_that_ends_silent() -> None:
    assert set(stack_light.SOUNDS) == set(Sound) - {Sound.NONE}
    assert all(len(pattern) % 2 == 1 for pattern in stack_light.SOUNDS.values())


async def test_closed_it_is_dark_and_silent_for_good(pins: FakePins) -> None:
    light = make(pins)
    assert isinstance(light, Closes)
    light.show(Screen((), Lamp.RED, Sound.REFUSED, blink=True))
    light.close()
    light.close()
    light.show(Screen((), Lamp.RED, Sound.REFUSED))
    assert set(pins.levels.values()) == {0}


async def test_a_lamp_that_fails_stops_nobody_and_is_logged_once(
    pins: FakePins, caplog: pytest.LogCaptureFixture
) -> None:
    light = make(pins)
    pins.broken = "bad handle"
    light.show(Screen((), Lamp.RED))
    light.close()
    assert caplog.text.count("bad handle") == 1
    with pytest.raises(MachineFault, match="stack light mast: bad handle"):
        make(pins)


def test_its_settings_name_what_is_wrong(pins: FakePins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "RPi", SimpleNamespace(GPIO=pins))
    monkeypatch.setitem(sys.modules, "RPi.GPIO", pins)
    build_panel("stack_light", {"red": 9, "buzzer": 25, "active": "low"}, "here")
    assert pins.levels == {9: 1, 25: 1}
    for settings, words in (
        ({}, "no lamp and no buzzer is wired"),
        ({"red": 9, "buzzer": 9}, "pin 9 stands twice"),
        ({"red": 28}, "28 does not fit"),
    ):
        with pytest.raises(ConfigError, match=words):
            build_panel("stack_light", settings, "here")
