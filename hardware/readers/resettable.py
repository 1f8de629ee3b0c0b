"""A reader's chip that is held in reset while nobody talks with it."""

from collections.abc import Callable
from contextlib import suppress

from floor.errors import MachineFault
from hardware.ports import Relay
from hardware.readers.port_reader import Device


class Resettable:
    """A device whose `reset` line is active from each closing to the next opening, 0.2 s at least.

    So a chip that hangs is reset as it is lost. Implements hardware.readers.port_reader.Device.
    """

    def __init__(self, open_device: Callable[[], Device], reset: Relay) -> None:
        self._reset = reset
        try:
            reset.off()
        except MachineFault as error:
            raise OSError(str(error)) from error
        self._device = open_device()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._device.fileno()

    def read(self, size: int, /) -> bytes:
        """Return what has come; OSError when the device has gone."""
        return self._device.read(size)

    def close(self) -> None:
        """Give the device up and hold the chip in reset."""
        self._device.close()
        with suppress(MachineFault):  # the next opening fails of it, and is told
            self._reset.on()
