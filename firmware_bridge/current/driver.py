"""What a machine draws, by a sensor on I²C, says whether it works: one signal in amperes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from firmware_bridge.backoff import Backoff
from firmware_bridge.current.chips import Ads1115, Bus, Ina219, SmBus
from firmware_bridge.pulse.driver import PulseDriver, PulseSettings
from firmware_bridge.pulse.sampler import Sampler
from firmware_bridge.settings import setting
from firmware_bridge.transports import Transports
from floor.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentSettings:
    """The settings of one sensor in a gateway's configuration."""

    chip: str = setting(starts=("ads1115", "ina219"), example="ads1115")
    bus: float = setting(1.0, least=0, most=64)
    address: float | None = setting(None, least=8, most=119)
    channel: str = setting("0-1", example="0-1")
    range_v: float | None = setting(None, least=0.04, most=6.144)
    burden_ohm: float = setting(example="33.0", least=1e-5, most=1e5)
    ratio: float = setting(1.0, least=1e-3, most=1e6)
    mains_hz: float = setting(50.0, least=50.0, most=60.0)
    busy_above_a: float = setting(0.5, least=0.0, most=10_000.0)
    idle_below_a: float = setting(0.3, least=0.0, most=10_000.0)
    after_s: float = setting(2.0, least=0.0, most=3600.0)
    idle_after_s: float | None = setting(None, least=0.0, most=3600.0)
    sample_s: float = setting(1.0, least=0.01, most=60.0)


def current(
    settings: CurrentSettings,
    *,
    transports: Transports | None = None,
    backoff: Backoff | None = None,
    clock: Callable[[], float] = time.monotonic,
    chip: Sampler | None = None,
) -> PulseDriver:
    """Make the driver; see Driver. `chip`, `backoff`: for tests. Raises ConfigError for what no chip can."""
    where = f"driver current, {settings.chip}"
    if settings.idle_below_a > settings.busy_above_a:
        problem = f"{settings.idle_below_a:g} A lies above busy_above_a"
        raise ConfigError(where, "idle_below_a", problem, f"Write at most {settings.busy_above_a:g}")
    kind = Ads1115 if settings.chip == "ads1115" else Ina219
    address = int(settings.address or kind.ADDRESS)
    made = _chip(settings, SmBus(int(settings.bus)), address, where)
    signal = PulseSettings(
        source=f"{settings.chip} 0x{address:02x} on I²C bus {settings.bus:g}",
        on_above=settings.busy_above_a,
        off_below=settings.idle_below_a,
        sample_s=settings.sample_s,
        steady_s=settings.after_s,
        idle_steady_s=settings.idle_after_s,
    )
    return PulseDriver(signal, backoff=backoff, clock=clock, take=chip or made, unit="A")


def _chip(settings: CurrentSettings, bus: Bus, address: int, where: str) -> Sampler:
    per_volt = settings.ratio / settings.burden_ohm
    if settings.chip == "ina219":
        range_v = _one_of(Ina219.RANGES, settings.range_v or Ina219.RANGE_V, where, "range_v")
        return Ina219(bus, address, range_v, per_volt)
    if settings.chip != "ads1115":
        raise ConfigError(where, "chip", f"{settings.chip!r} is unknown", "Write ads1115 or ina219.")
    channel = _one_of(Ads1115.CHANNELS, settings.channel, where, "channel")
    range_v = _one_of(Ads1115.RANGES, settings.range_v or Ads1115.RANGE_V, where, "range_v")
    return Ads1115(bus, address, channel, range_v, per_volt, settings.mains_hz)


def _one_of(known: Mapping[T, int], value: T, where: str, key: str) -> T:
    if value not in known:
        choices = ", ".join(f"{one!r}" for one in known)
        raise ConfigError(where, key, f"is {value!r}", f"The chip has {choices}")
    return value
