"""A display's chip at the level of its registers, on an I²C bus as smbus2 has it."""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence

from PIL import Image

WITH_ONE = {0x20, 0x81, 0x8D, 0xA8, 0xAD, 0xD3, 0xD5, 0xD9, 0xDA, 0xDB}
WITH_TWO = {0x21, 0x22}


class Chip:
    """An SSD1306 (windows, horizontal addressing) or SH1106 (pages, 132 columns) of 128 × 64."""

    def __init__(self, kind: str) -> None:
        self._windows = kind == "ssd1306"
        self._first = 0 if self._windows else 2
        self.power_up()

    def power_up(self) -> None:
        """What was in the memory is gone, and the display is dark."""
        self.lit = False
        self.memory = [bytearray(132) for _ in range(8)]
        self._columns, self._pages = (0, 127), (0, 7)
        self._column = self._page = 0

    def command(self, given: Sequence[int]) -> None:
        waiting = list(given)
        while waiting:
            code = waiting.pop(0)
            count = 1 if code in WITH_ONE else 2 if code in WITH_TWO else 0
            self._obey(code, [waiting.pop(0) for _ in range(min(count, len(waiting)))])

    def _obey(self, code: int, given: list[int]) -> None:
        if code in (0xAE, 0xAF):
            self.lit = code == 0xAF
        elif code == 0x21 and self._windows:
            self._columns, self._column = (given[0], given[1]), given[0]
        elif code == 0x22 and self._windows:
            self._pages, self._page = (given[0], given[1]), given[0]
        elif 0xB0 <= code <= 0xB7:
            self._page = code - 0xB0
        elif code <= 0x0F:
            self._column = self._column & 0xF0 | code
        elif 0x10 <= code <= 0x1F:
            self._column = self._column & 0x0F | (code & 0x0F) << 4

    def data(self, given: Sequence[int]) -> None:
        for byte in given:
            self.memory[self._page][self._column] = byte
            self._column += 1
            if self._windows and self._column > self._columns[1]:
                self._column, self._page = self._columns[0], self._page + 1
                if self._page > self._pages[1]:
                    self._page = self._pages[0]

    def picture(self) -> Image.Image:
        """What a person sees."""
        image = Image.new("1", (128, 64))
        if self.lit:
            for y in range(64):
                for x in range(128):
                    image.putpixel((x, y), self.memory[y // 8][x + self._first] >> (y % 8) & 1)
        return image


class Bus:
    """An I²C bus with one chip on it, which may be taken off, or hang."""

    def __init__(self, chip: Chip, address: int = 0x3C) -> None:
        self._chip = chip
        self._address = address
        self.there = True
        self.free = threading.Event()
        self.free.set()
        self.tried = 0

    def write_i2c_block_data(self, address: int, register: int, data: Sequence[int]) -> None:
        self.tried += 1
        self.free.wait()
        if not self.there or address != self._address:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        assert register in (0x00, 0x40)
        (self._chip.command if register == 0x00 else self._chip.data)(data)
