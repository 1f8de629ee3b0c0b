"""A chip on a Pi's SPI bus, through spidev."""

from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from floor.errors import ConfigError

_HZ = 1_000_000  # both chips bear more (MFRC522 10 MHz, PN532 5 MHz); wires to a badge reader are long


class SpiBus(Protocol):
    """One chip's select line and the bus behind it. Each call waits until it is done."""

    def transfer(self, data: bytes, /) -> bytes:
        """Send the bytes and return as many that came meanwhile; OSError when the bus cannot be used."""
        ...

    def close(self) -> None:
        """Give the bus up."""
        ...


def load_spidev(where: str, key: str) -> ModuleType:
    """Import spidev, which is installed on a Pi only; ConfigError names the file `where` and the `key`."""
    try:
        return import_module("spidev")
    except ImportError as error:
        raise ConfigError(
            where,
            key,
            f"spidev cannot be used here: {error}",
            "Install the gateway extra on a Raspberry Pi (pip install 'makerfloor[gateway]').",
        ) from error


class Spidev:
    """/dev/spidevB.C: mode 0, most significant bit first, 1 MHz. Implements SpiBus."""

    def __init__(self, module: ModuleType, port: str) -> None:
        self._device: Any = module.SpiDev()
        try:
            self._device.open_path(port)
        except OSError as error:
            raise OSError(error.errno, error.strerror, port) from error
        self._device.mode = 0
        self._device.max_speed_hz = _HZ

    def transfer(self, data: bytes) -> bytes:
        """Send the bytes and return those that came."""
        return bytes(self._device.xfer2(list(data)))

    def close(self) -> None:
        """Give the device up."""
        self._device.close()
