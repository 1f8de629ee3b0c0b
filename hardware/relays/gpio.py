"""A relay on a Pi's pins, through the RPi.GPIO interface (rpi-lgpio gives it on Pi 1 to 5).

A Pi's kernel keeps a driven output after its process has died, unless `dtparam=strict_gpiod` is set: see
docs/wiring/relay.md for the pull-down and the service settings that this asks for.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from floor.errors import ConfigError, MachineFault


class GpioModule(Protocol):
    """What is used of the module RPi.GPIO; its constants differ between implementations."""

    BCM: Any
    IN: Any
    OUT: Any
    LOW: Any
    HIGH: Any
    PUD_UP: Any
    PUD_DOWN: Any
    PUD_OFF: Any

    def setwarnings(self, flag: bool, /) -> None:
        """Warn of pins that are in use already, or not."""

    def setmode(self, mode: Any, /) -> None:
        """Choose how pins are numbered."""

    def setup(self, channel: int, direction: Any, /, *, pull_up_down: Any = 0, initial: Any = None) -> None:
        """Make a pin an input or an output."""

    def output(self, channel: int, value: Any, /) -> None:
        """Drive an output."""

    def input(self, channel: int, /) -> int:
        """Read a level, 0 or 1."""
        ...


def load_gpio(where: str, key: str) -> GpioModule:
    """Import RPi.GPIO, which loads only on a Pi; ConfigError names the file `where` and the `key`."""
    try:
        return cast(GpioModule, import_module("RPi.GPIO"))
    except (ImportError, OSError, RuntimeError) as error:
        raise ConfigError(
            where,
            key,
            f"RPi.GPIO cannot be used here: {error}",
            "Install the gateway extra on a Raspberry Pi (pip install 'makerfloor[gateway]'), "
            'or choose the kind "simulated".',
        ) from error


@dataclass(frozen=True, slots=True)
class Line:
    """A pin by its BCM number (0 to 27), and whether its high level stands for a closed contact."""

    pin: int
    active_high: bool = True


class GpioRelay:
    """A relay on an output pin, with its contact read back where `feedback` is wired. Implements Relay.

    Once closed, the pin stays driven inactive: a driven output is surer than a floating one. Built to `keep`
    it reads its feedback before it drives the pin, and drives it active where the contact is closed.
    """

    def __init__(
        self, name: str, gpio: GpioModule, output: Line, feedback: Line | None = None, *, keep: bool = False
    ) -> None:
        self.name = name
        self._gpio = gpio
        self._output = output
        self._feedback = feedback
        self._on = False
        self._closed = False
        with self._faults():
            gpio.setwarnings(False)
            gpio.setmode(gpio.BCM)
            if keep:
                self._wire_back()
                self._on = self.feedback() is True
            # `initial` sets the level before the pin becomes an output: the relay does not click.
            gpio.setup(output.pin, gpio.OUT, initial=self._level(self._on))
            gpio.output(output.pin, self._level(self._on))
            if not keep:
                self._wire_back()

    def _wire_back(self) -> None:
        if (line := self._feedback) is not None:
            pull = self._gpio.PUD_DOWN if line.active_high else self._gpio.PUD_UP
            self._gpio.setup(line.pin, self._gpio.IN, pull_up_down=pull)

    @property
    def is_on(self) -> bool:
        """What was commanded last."""
        return self._on

    def on(self) -> None:
        """Drive the pin active."""
        assert not self._closed, f"relay {self.name} is closed"
        self._drive(True)

    def off(self) -> None:
        """Drive the pin inactive."""
        self._drive(False)

    def feedback(self) -> bool | None:
        """Return whether the contact is closed; None where no feedback pin is wired."""
        if self._feedback is None:
            return None
        with self._faults():
            return bool(self._gpio.input(self._feedback.pin)) == self._feedback.active_high

    def close(self) -> None:
        """Drive the pin inactive for good."""
        self._closed = True
        self.off()

    def leave(self) -> None:
        """Give the relay up as it is."""
        self._closed = True

    def _drive(self, on: bool) -> None:
        self._on = on
        with self._faults():
            self._gpio.output(self._output.pin, self._level(on))

    def _level(self, on: bool) -> Any:
        return self._gpio.HIGH if on == self._output.active_high else self._gpio.LOW

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except gpio_errors() as error:
            raise MachineFault(f"relay {self.name} on pin {self._output.pin}: {error}") from error


def gpio_errors() -> tuple[type[Exception], ...]:
    """Return what a GPIO module raises; rpi-lgpio lets lgpio's own error through, a plain Exception."""
    lgpio = sys.modules.get("lgpio")
    return (OSError, RuntimeError, ValueError, *([lgpio.error] if lgpio else []))
