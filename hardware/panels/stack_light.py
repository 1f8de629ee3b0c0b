"""A stack light and a buzzer on a Pi's pins, through the RPi.GPIO interface. It has no text."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping

from floor.errors import MachineFault
from hardware.ports import Lamp, Screen, Sound
from hardware.relays.gpio import GpioModule, Line, gpio_errors

log = logging.getLogger(__name__)
BLINK_S = 0.5
SOUNDS: Mapping[Sound, tuple[float, ...]] = {
    Sound.OK: (0.1,),
    Sound.REFUSED: (0.8,),
    Sound.WARN: (0.1, 0.1, 0.1, 0.1, 0.1),
}
"""Seconds on, off, on, … of the buzzer."""


class StackLight:
    """Lights the lamp of a screen's colour, or none where that colour is not wired. Implements Panel.

    Raises MachineFault when a pin cannot be set up. Later a lamp that fails is logged and nothing more: no
    lamp stops a station.
    """

    def __init__(
        self, name: str, gpio: GpioModule, lamps: Mapping[Lamp, Line], buzzer: Line | None = None
    ) -> None:
        self.name = name
        self._gpio = gpio
        self._lamps = dict(lamps)
        self._buzzer = buzzer
        self._lit = Lamp.OFF
        self._broken = False
        self._blinking: asyncio.TimerHandle | None = None
        self._playing: asyncio.TimerHandle | None = None
        self._closed = False
        try:
            gpio.setwarnings(False)
            gpio.setmode(gpio.BCM)
            for line in self._lines():
                # `initial` sets the level before the pin becomes an output: nothing flashes or beeps.
                gpio.setup(line.pin, gpio.OUT, initial=self._level(line, False))
        except gpio_errors() as error:
            raise MachineFault(f"stack light {name}: {error}") from error

    def show(self, screen: Screen) -> None:
        """Light its lamp, steadily or blinking, and play its sound; without one, the last goes on."""
        if self._closed:
            return
        self._stop(self._blinking)
        self._blinking, self._lit = None, screen.lamp
        self._blink(True) if screen.blink else self._light(True)
        if self._buzzer and screen.sound in SOUNDS:
            self._stop(self._playing)
            self._play(iter(SOUNDS[screen.sound]), on=True)

    def close(self) -> None:
        """Switch all off for good; safe to call repeatedly."""
        self._closed = True
        self._stop(self._blinking)
        self._stop(self._playing)
        for line in self._lines():
            self._drive(line, False)

    def _lines(self) -> Iterator[Line]:
        yield from self._lamps.values()
        if self._buzzer:
            yield self._buzzer

    def _blink(self, on: bool) -> None:
        self._light(on)
        self._blinking = asyncio.get_running_loop().call_later(BLINK_S, self._blink, not on)

    def _light(self, on: bool) -> None:
        for lamp, line in self._lamps.items():
            self._drive(line, on and lamp is self._lit)

    def _play(self, pattern: Iterator[float], *, on: bool) -> None:
        seconds = next(pattern, None)
        assert self._buzzer
        self._drive(self._buzzer, on and seconds is not None)
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._playing = loop.call_later(seconds, lambda: self._play(pattern, on=not on))

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer:
            timer.cancel()

    def _drive(self, line: Line, on: bool) -> None:
        try:
            self._gpio.output(line.pin, self._level(line, on))
            self._broken = False
        except gpio_errors() as error:
            if not self._broken:
                log.warning("stack light %s on pin %d: %s", self.name, line.pin, error)
            self._broken = True

    def _level(self, line: Line, on: bool) -> object:
        return self._gpio.HIGH if on == line.active_high else self._gpio.LOW
