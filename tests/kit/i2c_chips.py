"""An ADS1115 and an INA219, register by register, written from their data sheets alone.

ADS1115: TI SBAS444, 9.6: conversion 0x00, configuration 0x01 (after power-up 0x8583: single shot, so that the
conversion stands still), MUX 14:12, PGA 11:9, MODE 8, two's complement of full scale / 32768, clipped.
INA219: TI SBOS448, 8.6: configuration 0x00 (after power-up 0x399F), shunt voltage 0x01, 10 uV a step, clipped
by PG 12:11 at 40, 80, 160 or 320 mV. Words go high byte first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

FULL_SCALE_V = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)
PAIRS = ((0, 1), (0, 3), (1, 3), (2, 3), (0, None), (1, None), (2, None), (3, None))


@dataclass
class Time:
    """Seconds that pass when somebody sleeps, and a little with each word on the bus."""

    now_s: float = 100.0
    word_s: float = 0.0003

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class Wires:
    """A bus with one chip on it, which may be cut, hang, or lose its power."""

    time: Time
    address: int
    config: int
    volts: Callable[[int, float], float]
    """The voltage of a pin at an instant."""
    cut: bool = False
    registers: dict[int, int] = field(default_factory=dict)
    power_up: int = 0

    def __post_init__(self) -> None:
        self.power_up = self.config

    def reset(self) -> None:
        self.config = self.power_up

    def _word(self, address: int) -> None:
        self.time.sleep(self.time.word_s)
        if self.cut or address != self.address:
            raise OSError(121, "Remote I/O error")


class AdsWires(Wires):
    """An ADS1115 on the bus."""

    def write(self, address: int, register: int, word: int) -> None:
        self._word(address)
        assert register == 1, "nobody sets anything else"
        self.config = word

    def read(self, address: int, register: int) -> int:
        self._word(address)
        if register == 1:
            return self.config | 0x8000
        assert register == 0
        if not self.config & 1 << 8:
            assert self.config >> 5 & 7 == 7, "860 samples a second"
            self.registers[0] = self._convert()
        return self.registers.get(0, 0)

    def _convert(self) -> int:
        plus, minus = PAIRS[self.config >> 12 & 7]
        at_s = self.time.now_s
        volts = self.volts(plus, at_s) - (self.volts(minus, at_s) if minus is not None else 0.0)
        counts = round(volts / FULL_SCALE_V[self.config >> 9 & 7] * 32768)
        return max(-32768, min(32767, counts)) & 0xFFFF


class InaWires(Wires):
    """An INA219 on the bus; pin 0 is the voltage over its shunt."""

    def write(self, address: int, register: int, word: int) -> None:
        self._word(address)
        assert register == 0, "nobody sets anything else"
        self.config = word

    def read(self, address: int, register: int) -> int:
        self._word(address)
        if register == 0:
            return self.config
        assert register == 1
        most = 4000 << (self.config >> 11 & 3)
        counts = round(self.volts(0, self.time.now_s) / 10e-6)
        return max(-most, min(most, counts)) & 0xFFFF


def ads1115(time: Time, volts: Callable[[int, float], float]) -> AdsWires:
    return AdsWires(time, 0x48, 0x8583, volts)


def ina219(time: Time, volts: Callable[[int, float], float]) -> InaWires:
    return InaWires(time, 0x40, 0x399F, volts)
