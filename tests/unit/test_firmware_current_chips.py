"""What two chips measure, against chips that are scripted from their data sheets, and time by the rise."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sin, sqrt

import pytest

from firmware_bridge.counting import BusyTime
from firmware_bridge.current.chips import Ads1115, Ina219, SmBus
from firmware_bridge.current.driver import CurrentSettings, current
from firmware_bridge.registry import build
from floor.errors import ConfigError, MachineUnreachable
from tests.kit.accuracy import within
from tests.kit.i2c_chips import Time, ads1115, ina219


def sine(volts: float, hz: float = 50.0, bias: float = 0.0) -> Callable[[int, float], float]:
    """A voltage of this effective value on pin 0, with a third harmonic of 30 % on top."""
    peak = volts * sqrt(2) / sqrt(1 + 0.3**2)

    def at(pin: int, at_s: float) -> float:
        angle = 2 * pi * hz * at_s
        return bias + peak * (sin(angle) + 0.3 * sin(3 * angle + 0.7)) if pin == 0 else 0.0

    return at


@pytest.mark.parametrize("hz", [50.0, 60.0])
@pytest.mark.parametrize(
    ("amperes", "channel", "bias"), [(0.5, "0-1", 0.0), (4.321, "0-1", 0.0), (16.0, "0", 1.65)]
)
@pytest.mark.parametrize("word_s", [0.0001, 0.0009])
def test_an_ads1115_measures_the_effective_value(
    amperes: float, channel: str, bias: float, hz: float, word_s: float
) -> None:
    time = Time(word_s=word_s)
    wires = ads1115(time, sine(amperes * 33 / 2000, hz, bias))
    chip = Ads1115(wires, 0x48, channel, 4.096, 2000 / 33, hz, time.clock, time.sleep)
    for _ in range(5):
        time.sleep(0.0137)
        assert chip.sample() == pytest.approx(amperes, rel=within("current of an ADS1115"))


@pytest.mark.parametrize("volts", [0.0005, 0.0404, -0.0404, 0.3])
def test_an_ina219_measures_the_voltage_over_its_shunt(volts: float) -> None:
    time = Time()
    chip = Ina219(ina219(time, lambda *_: volts), 0x40, 0.32, 1 / 0.1, time.clock, time.sleep)
    assert chip.sample() == pytest.approx(abs(volts) / 0.1)


@pytest.mark.parametrize("kind", ["ads1115", "ina219"])
def test_a_chip_that_lost_its_power_is_not_at_rest(kind: str) -> None:
    """Its configuration is that of power-up: the ADS1115 then repeats its last value for ever."""
    time = Time()
    if kind == "ads1115":
        wires = ads1115(time, sine(0.1))
        chip = Ads1115(wires, 0x48, "0-1", 2.048, 1, 50, time.clock, time.sleep)
    else:
        wires = ina219(time, lambda *_: 0.1)
        chip = Ina219(wires, 0x40, 0.32, 1, time.clock, time.sleep)
    assert chip.sample() > 0.09
    wires.reset()
    with pytest.raises(MachineUnreachable, match="it lost its power"):
        chip.sample()
    assert chip.sample() > 0.09, "it is set up again"
    wires.cut = True
    with pytest.raises(MachineUnreachable, match="no answer from 0x4"):
        chip.sample()
    wires.reset()
    wires.cut = False
    assert chip.sample() > 0.09


def test_a_bus_that_is_too_slow_for_the_mains_measures_nothing() -> None:
    time = Time(word_s=0.004)
    chip = Ads1115(ads1115(time, sine(1)), 0x48, "0-1", 2.048, 1, 50, time.clock, time.sleep)
    with pytest.raises(MachineUnreachable, match="too slow"):
        chip.sample()


def test_a_bus_that_is_not_there_is_said_in_words() -> None:
    with pytest.raises(MachineUnreachable, match="no answer from 0x48 on I²C"):
        Ads1115(SmBus(63), 0x48, "0-1", 2.048, 1, 50).sample()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"chip": "ads1115x"}, "chip"),
        ({"channel": "1-0"}, "channel"),
        ({"range_v": 0.3}, "range_v"),
        ({"chip": "ina219", "range_v": 2.048}, "range_v"),
        ({"idle_below_a": 0.6}, "idle_below_a"),
        ({"burden_ohm": 0}, "burden_ohm"),
        ({"idle_after_s": "soon"}, "idle_after_s"),
    ],
)
def test_wrong_settings_name_key_and_remedy(changes: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build("current", {"chip": "ads1115", "burden_ohm": 33} | changes, "gateway.toml")
    assert caught.value.key == key
    assert caught.value.remedy


def test_a_sensor_is_named_by_where_it_is() -> None:
    settings = CurrentSettings(chip="ina219", burden_ohm=0.1, address=0x41)
    assert current(settings).name == "signal at ina219 0x41 on I²C bus 1"


def test_busy_time_counts_from_the_rise_and_each_direction_has_its_own_hold() -> None:
    work = BusyTime(busy_above=5, idle_below=3, after_s=2, gap_s=2, idle_after_s=4)
    shown: list[tuple[bool, float]] = []
    for at_s, amperes in enumerate([0, 6, 6, 6, 6, 4, 1, 1, 6, 1, 1, 1, 1, 1]):
        shown.append((work.take(amperes, at_s), work.total_s))
    assert [busy for busy, _ in shown].index(True) == 3, "on after two seconds"
    assert shown[3][1] == 2, "counted from the rise"
    assert shown[8] == (True, 7), "what is shorter than its own hold is part of the work"
    assert [busy for busy, _ in shown[9:]] == [True] * 4 + [False], "off after four"
    assert work.total_s == 8, "until the fall, and not longer"
