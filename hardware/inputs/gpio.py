"""A contact on a Pi's pin, through the RPi.GPIO interface (rpi-lgpio gives it on Pi 1 to 5).

The pin is sampled rather than left to edges: a missed edge would be a missed emergency stop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Literal

from floor.errors import MachineFault
from floor.words import InputRole
from hardware.events import InputChanged, InputEvent, InputLost
from hardware.inputs.debounce import Debounce
from hardware.relays.gpio import GpioModule, Line, gpio_errors

SAMPLE_S = 0.02
RETRY_S = 1.0

Pull = Literal["up", "down", "off"]


class GpioInput:
    """A contact on an input pin. Implements Input.

    `line.active_high` says whether the high level stands for "active". A change is told `steady_s` after it
    was first sampled, that is at most SAMPLE_S later than it was there. Raises MachineFault when the pin
    cannot be set up.
    """

    def __init__(
        self, name: str, role: InputRole, gpio: GpioModule, line: Line, pull: Pull, steady_s: float
    ) -> None:
        self.name = name
        self.role = role
        self._gpio = gpio
        self._line = line
        self._pull = pull
        self._steady_s = steady_s
        self._closed = False
        self._set_up()

    def _set_up(self) -> None:
        gpio = self._gpio
        pulls = {"up": gpio.PUD_UP, "down": gpio.PUD_DOWN, "off": gpio.PUD_OFF}
        try:
            gpio.setwarnings(False)
            gpio.setmode(gpio.BCM)
            gpio.setup(self._line.pin, gpio.IN, pull_up_down=pulls[self._pull])
        except gpio_errors() as error:
            raise self._fault(error) from error

    def read(self) -> bool:
        """Return whether it is active at this moment."""
        try:
            return bool(self._gpio.input(self._line.pin)) == self._line.active_high
        except gpio_errors() as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> MachineFault:
        return MachineFault(f"input {self.name} on pin {self._line.pin}: {error}")

    async def events(self) -> AsyncIterator[InputEvent]:
        """Yield the present state first, then each change, until `aclose`."""
        settled: Debounce | None = None
        lost = False
        while not self._closed:
            try:
                if lost:
                    self._set_up()
                level = self.read()
            except MachineFault as error:
                if not lost:
                    yield InputLost(self.name, str(error))
                lost, settled = True, None
            else:
                lost = False
                if settled is None:
                    settled = Debounce(level, self._steady_s)
                    yield InputChanged(self.name, level)
                elif settled.sample(level, time.monotonic()):
                    yield InputChanged(self.name, level)
            await asyncio.sleep(RETRY_S if lost else SAMPLE_S)

    async def aclose(self) -> None:
        """End `events` at the next sample."""
        self._closed = True
