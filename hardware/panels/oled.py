"""A small display of 128 × 64 dots on I²C (SSD1306, SH1106), by luma.oled.

A thread draws; `show` only leaves word of what to draw. A display that hangs, or is not there, delays nobody,
and is set up again when it answers. It is set up anew each minute too: its power may have been gone.

Import this module only where such a panel is configured: Pillow and luma come with the extra `oled`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import Any, Protocol

from PIL import Image

from floor.errors import MachineFault
from hardware.panels.oled_picture import Letters, picture
from hardware.ports import Screen

log = logging.getLogger(__name__)
serial: Any = import_module("luma.core.interface.serial")
chips: Any = import_module("luma.oled.device")
luma_errors: Any = import_module("luma.core.error")

ANEW_S = 60.0
AGAIN_S = (1.0, 5.0)
NOTHING = 0xE3
"""The chips' command that does nothing."""


class Wire(Protocol):
    """What luma writes to: commands and the picture's bytes. Raises OSError or luma's errors."""

    def command(self, *command: int) -> None:
        """Send a command."""

    def data(self, data: list[int]) -> None:
        """Send a part of the picture."""

    def cleanup(self) -> None:
        """Let the bus go."""


class Rewired:
    """A wire that may be cut and laid again. What luma sends while there is none is how a chip is set up."""

    def __init__(self) -> None:
        self._inner: Wire | None = None
        self._set_up: list[Callable[[Wire], None]] = []

    def command(self, *command: int) -> None:
        """Send a command, or remember it."""
        self._send(lambda wire: wire.command(*command))

    def data(self, data: list[int]) -> None:
        """Send data, or remember them."""
        kept = list(data)
        self._send(lambda wire: wire.data(kept))

    def _send(self, act: Callable[[Wire], None]) -> None:
        if self._inner:
            act(self._inner)
        else:
            self._set_up.append(act)

    def lay(self, inner: Wire) -> None:
        """Set a chip up on a new wire, and write to it from now on."""
        with ExitStack() as stack:
            stack.callback(inner.cleanup)
            for act in self._set_up:
                act(inner)
            stack.pop_all()
        self._inner = inner

    def cut(self) -> None:
        """Let the bus go; nothing may be sent until another wire is laid."""
        inner, self._inner = self._inner, None
        if inner:
            inner.cleanup()

    def cleanup(self) -> None:
        """Do nothing: luma calls this as Python ends, when nobody may be waited for."""


class OledPanel:
    """A display of a `chip` ("ssd1306" or "sh1106"). Implements Panel, Follows, Closes and Proves."""

    def __init__(self, name: str, chip: str, open_wire: Callable[[], Wire], letters: Letters) -> None:
        self.name = name
        self._open_wire = open_wire
        self._letters = letters
        self._wire = Rewired()
        self._device = getattr(chips, chip)(self._wire)
        self._device.persist = True  # luma is to touch nothing as Python ends
        self._laid_s: float | None = None
        self._turn = threading.Condition()
        self._wanted: tuple[Screen, str, str] | None = None
        self._closed = False
        self._drawn: Image.Image | None = None
        self._failures = 0
        self._thread: threading.Thread | None = None

    def show(self, screen: Screen) -> None:
        """Have this drawn soon, whatever was to be drawn before."""
        _, left, right = self._wanted or (screen, "", "")
        self._want((screen, left, right))

    def follow(self, left: str, right: str) -> None:
        """Have these words drawn at the foot."""
        screen, *foot = self._wanted or (Screen(()), "", "")
        if foot != [left, right]:
            self._want((screen, left, right))

    def close(self) -> None:
        """Go dark soon, for good."""
        with self._turn:
            self._closed = True
            self._turn.notify()

    def prove(self) -> None:
        """Ask the chip whether it is there; may block. Raises MachineFault."""
        try:
            wire = self._open_wire()
            try:
                wire.command(NOTHING)
            finally:
                wire.cleanup()
        except (OSError, luma_errors.Error) as error:
            raise MachineFault(f"display {self.name}: {error}") from error

    def _want(self, wanted: tuple[Screen, str, str]) -> None:
        with self._turn:
            self._wanted = wanted
            if self._thread is None and not self._closed:
                # a daemon: a display that hangs does not keep the gateway from ending
                self._thread = threading.Thread(target=self._run, name=f"oled {self.name}", daemon=True)
                self._thread.start()
            self._turn.notify()

    def _run(self) -> None:
        wanted = None
        while True:
            with self._turn:
                if self._wanted is wanted and not self._closed:
                    self._turn.wait(self._pause_s)
                wanted, closed = self._wanted, self._closed
            try:
                if closed:
                    self._dark()
                    return
                self._draw(*(wanted or (Screen(()), "", "")))
                self._failures = 0
            except (OSError, luma_errors.Error) as error:
                self._lost(error)
                if closed:
                    return
                time.sleep(min(AGAIN_S[1], AGAIN_S[0] * self._failures))

    @property
    def _pause_s(self) -> float:
        """How long nothing may change until something is done all the same."""
        return 0 if self._laid_s is None else max(0.0, self._laid_s + ANEW_S - time.monotonic())

    def _draw(self, screen: Screen, left: str, right: str) -> None:
        if self._laid_s is None or time.monotonic() - self._laid_s >= ANEW_S:
            self._wire.cut()
            self._wire.lay(self._open_wire())
            self._laid_s, self._drawn = time.monotonic(), None
        drawn = picture(screen, left, right, self._letters)
        if drawn != self._drawn:
            self._device.display(drawn)
            self._drawn = drawn

    def _dark(self) -> None:
        if self._laid_s is not None:
            self._device.hide()
            self._wire.cut()

    def _lost(self, error: Exception) -> None:
        if not self._failures:
            log.warning("display %s: %s", self.name, error)
        self._failures += 1
        self._laid_s = None
        try:
            self._wire.cut()
        except OSError as again:
            log.debug("display %s: %s", self.name, again)


def on_bus(bus: int, address: int) -> Callable[[], Wire]:
    """Return what opens the wire to a chip with this address (such as 0x3C) on an I²C bus of this number."""
    return lambda: serial.i2c(port=bus, address=address)
