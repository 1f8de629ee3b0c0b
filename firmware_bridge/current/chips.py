"""The two chips, register by register, over a bus that carries words of 16 bits, high byte first.

Sources: Texas Instruments, data sheets SBAS444 (ADS111x, 9.6, register map) and SBOS448 (INA219, 8.6).
Both forget their configuration with their power, and then show values that look like rest: so it is read back
before each sample.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar, Protocol

from firmware_bridge.current.rms import LEAST_PER_PERIOD, PERIODS, rms
from floor.errors import MachineUnreachable

Clock = Callable[[], float]
Sleep = Callable[[float], None]


class Bus(Protocol):
    """Registers of 16 bits of the chips on one bus. Both methods block, and raise OSError for no answer."""

    def read(self, address: int, register: int) -> int:
        """Return a register, 0 to 0xFFFF."""
        ...

    def write(self, address: int, register: int, word: int) -> None:
        """Set a register."""
        ...


class SmBus:
    """`/dev/i2c-N` through smbus2, which is imported, and opened, at the first use."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._open: Any = None

    def _bus(self) -> Any:
        if self._open is None:
            try:
                self._open = import_module("smbus2").SMBus(self._number)
            except ImportError as error:
                raise OSError(f"smbus2 is missing: {error}") from error
        return self._open

    def read(self, address: int, register: int) -> int:
        """See Bus."""
        return int.from_bytes(bytes(self._bus().read_i2c_block_data(address, register, 2)), "big")

    def write(self, address: int, register: int, word: int) -> None:
        """See Bus."""
        self._bus().write_i2c_block_data(address, register, list(word.to_bytes(2, "big")))


class Chip(ABC):
    """What both have in common: set up, read back, measure. `sample` is that of a Sampler, in amperes."""

    CONFIG: int
    COMPARED = 0xFFFF
    SETTLES_S: float

    def __init__(
        self, bus: Bus, address: int, config: int, per_volt: float, clock: Clock, sleep: Sleep
    ) -> None:
        self._bus = bus
        self._address = address
        self._config = config
        self._per_volt = per_volt
        self._clock = clock
        self._sleep = sleep
        self._ready = False

    def sample(self) -> float:
        """Return the current now, ≥ 0. Raises MachineUnreachable, with the reason."""
        try:
            if not self._ready:
                self._bus.write(self._address, self.CONFIG, self._config)
                self._sleep(self.SETTLES_S)
            shown = self._bus.read(self._address, self.CONFIG)
            self._ready = not (shown ^ self._config) & self.COMPARED
            if not self._ready:
                words = f"shows configuration 0x{shown:04x}: it lost its power, or is another chip"
                raise MachineUnreachable(f"the chip at 0x{self._address:02x} {words}")
            return self._volts() * self._per_volt
        except OSError as error:
            self._ready = False
            raise MachineUnreachable(f"no answer from 0x{self._address:02x} on I²C: {error}") from error

    @abstractmethod
    def _volts(self) -> float:
        """Measure; blocks. Raises OSError, or MachineUnreachable."""

    def _signed(self, register: int) -> int:
        word = self._bus.read(self._address, register)
        return word - 0x10000 if word & 0x8000 else word


class Ads1115(Chip):
    """A converter behind a current transformer: the effective value over ten periods of the mains."""

    CONFIG, CONVERSION = 1, 0
    COMPARED = 0x7FFF  # the highest bit says whether a conversion runs
    SETTLES_S = 0.01
    ADDRESS, RANGE_V = 0x48, 2.048
    CHANNELS: ClassVar[Mapping[str, int]] = {
        "0-1": 0,
        "0-3": 1,
        "1-3": 2,
        "2-3": 3,
        "0": 4,
        "1": 5,
        "2": 6,
        "3": 7,
    }
    RANGES: ClassVar[Mapping[float, int]] = {6.144: 0, 4.096: 1, 2.048: 2, 1.024: 3, 0.512: 4, 0.256: 5}
    PER_S = 860

    def __init__(
        self,
        bus: Bus,
        address: int,
        channel: str,
        range_v: float,
        per_volt: float,
        mains_hz: float,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        # continuous, 860 samples a second, no comparator
        config = self.CHANNELS[channel] << 12 | self.RANGES[range_v] << 9 | 0b111 << 5 | 0b11
        super().__init__(bus, address, config, per_volt, clock, sleep)
        self._step_v = range_v / 32768
        self._window_s = PERIODS / mains_hz

    def _volts(self) -> float:
        samples: list[tuple[float, float]] = []
        first_s = self._clock()
        while not samples or samples[-1][0] < first_s + self._window_s:
            value = self._signed(self.CONVERSION) * self._step_v
            samples.append((self._clock(), value))
            self._sleep(max(0.0, first_s + len(samples) / self.PER_S - self._clock()))
            first_s = samples[0][0]
        if len(samples) < LEAST_PER_PERIOD * PERIODS:
            raise MachineUnreachable(f"the bus is too slow: {len(samples)} samples in {self._window_s:.2f} s")
        return rms(samples, self._window_s)


class Ina219(Chip):
    """A meter of direct current: the voltage over its shunt, averaged by the chip over 68 ms."""

    CONFIG, SHUNT = 0, 1
    SETTLES_S = 0.15
    ADDRESS, RANGE_V = 0x40, 0.32
    RANGES: ClassVar[Mapping[float, int]] = {0.04: 0, 0.08: 1, 0.16: 2, 0.32: 3}
    STEP_V = 10e-6

    def __init__(
        self,
        bus: Bus,
        address: int,
        range_v: float,
        per_volt: float,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        # 32 V bus range, 128 samples averaged of both, the shunt alone, continuous
        config = 1 << 13 | self.RANGES[range_v] << 11 | 0b1111 << 7 | 0b1111 << 3 | 0b101
        super().__init__(bus, address, config, per_volt, clock, sleep)

    def _volts(self) -> float:
        return abs(self._signed(self.SHUNT)) * self.STEP_V
