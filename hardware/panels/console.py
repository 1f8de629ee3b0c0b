"""A panel that is a line in a terminal, for a floor without displays."""

import sys
from typing import TextIO

from hardware.ports import Screen, Sound


class ConsolePanel:
    """Prints a line for each screen that differs from the one before. Implements hardware.ports.Panel."""

    def __init__(self, name: str, out: TextIO | None = None) -> None:
        self.name = name
        self._out = out or sys.stdout
        self._shown: Screen | None = None

    def show(self, screen: Screen) -> None:
        """Print `name [lamp] first line | second line`, and the sound where there is one."""
        if screen == self._shown:
            return
        self._shown = screen
        lamp = f"{screen.lamp}, blinking" if screen.blink else screen.lamp
        sound = "" if screen.sound is Sound.NONE else f" ({screen.sound})"
        print(f"{self.name} [{lamp}] {' | '.join(screen.lines)}{sound}", file=self._out, flush=True)
