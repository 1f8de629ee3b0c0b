"""Where samples come from: a file of the kernel, or a pin of a Pi. One module for all that is hardware."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from floor.errors import ConfigError, MachineUnreachable

MAX_TEXT = 64


class Sampler(Protocol):
    """One signal. Sampling does not block."""

    def sample(self) -> float:
        """Return the signal now. Raises MachineUnreachable, with the reason, when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class FileSampler:
    """A file that holds one number, as the kernel's IIO shows an analog input (`in_voltage0_raw`), or GPIO
    a digital one (`value`). Source: Linux, Documentation/ABI/testing/sysfs-bus-iio.
    """

    path: Path

    def sample(self) -> float:
        """Read the number; see Sampler."""
        try:
            with self.path.open("rb") as file:
                text = file.read(MAX_TEXT)
        except OSError as error:
            raise MachineUnreachable(f"{self.path} cannot be read: {error.strerror}") from error
        try:
            value = float(text.strip())
        except ValueError:
            raise MachineUnreachable(f"{self.path} holds no number: {text[:20]!r}") from None
        if not -1e12 < value < 1e12:
            raise MachineUnreachable(f"{self.path} holds no number that is measured: {text[:20]!r}")
        return value


class Gpio(Protocol):
    """What is used of the module RPi.GPIO (rpi-lgpio gives it on Pi 1 to 5)."""

    BCM: Any
    IN: Any
    PUD_UP: Any
    PUD_DOWN: Any
    PUD_OFF: Any

    def setwarnings(self, flag: bool, /) -> None:
        """Warn of pins that are in use already, or not."""

    def setmode(self, mode: Any, /) -> None:
        """Choose how pins are numbered."""

    def setup(self, channel: int, direction: Any, /, *, pull_up_down: Any) -> None:
        """Make a pin an input."""

    def input(self, channel: int, /) -> int:
        """Read a level, 0 or 1."""
        ...


def load_gpio() -> Gpio:
    """Import RPi.GPIO, which loads only on a Pi. Raises MachineUnreachable where it does not."""
    try:
        return cast(Gpio, import_module("RPi.GPIO"))
    except (ImportError, OSError, RuntimeError) as error:
        raise MachineUnreachable(f"RPi.GPIO cannot be used here: {error}") from error


class PinSampler:
    """A pin by its BCM number, 0 to 27; `pull` is up, down or off. It is set up at the first sample."""

    def __init__(self, pin: int, pull: str, load: Callable[[], Gpio] = load_gpio) -> None:
        self._pin = pin
        self._pull = pull
        self._load = load
        self._gpio: Gpio | None = None

    def sample(self) -> float:
        """Read the level, 0 or 1; see Sampler."""
        try:
            if self._gpio is None:
                self._gpio = self._set_up()
            return float(self._gpio.input(self._pin))
        except _errors() as error:
            self._gpio = None
            raise MachineUnreachable(f"pin {self._pin} cannot be read: {error}") from error

    def _set_up(self) -> Gpio:
        gpio = self._load()
        pulls = {"up": gpio.PUD_UP, "down": gpio.PUD_DOWN, "off": gpio.PUD_OFF}
        gpio.setwarnings(False)
        gpio.setmode(gpio.BCM)
        gpio.setup(self._pin, gpio.IN, pull_up_down=pulls[self._pull])
        return gpio


def _errors() -> tuple[type[Exception], ...]:
    """rpi-lgpio lets lgpio's own error through, which derives from Exception alone."""
    lgpio = sys.modules.get("lgpio")
    return (OSError, RuntimeError, ValueError, *([lgpio.error] if lgpio else []))


PIN = "pin:"


def sampler(source: str, pull: str, where: str) -> Sampler:
    """Make the sampler of `pin:17` or of a path. Raises ConfigError with `where` as file for neither."""
    if source.startswith("/"):
        return FileSampler(Path(source))
    number = source.removeprefix(PIN)
    if source.startswith(PIN) and number.isdecimal() and int(number) <= 27:
        return PinSampler(int(number), pull)
    example = '"pin:17" (BCM, 0 to 27) or "/sys/bus/iio/devices/iio:device0/in_voltage0_raw"'
    raise ConfigError(where, "source", f"{source!r} is neither a pin nor a path", f"Write {example}")
