"""The 40-pin header of every Raspberry Pi since the B+. Source: Raspberry Pi's documentation of GPIO."""

from __future__ import annotations

from enum import StrEnum


class Rail(StrEnum):
    """What a pin carries that is no GPIO."""

    V3 = "3.3 V"
    V5 = "5 V"
    GND = "ground"


HEADER: tuple[Rail | int, ...] = (
    *(Rail.V3, Rail.V5, 2, Rail.V5, 3, Rail.GND, 4, 14, Rail.GND, 15),
    *(17, 18, 27, Rail.GND, 22, 23, Rail.V3, 24, 10, Rail.GND),
    *(9, 25, 11, 8, Rail.GND, 7, 0, 1, 5, Rail.GND),
    *(6, 12, 13, Rail.GND, 19, 16, 26, 20, Rail.GND, 21),
)
"""What is at pin 1, 2, 3, …: a rail, or a BCM number."""

PHYSICAL = {what: n for n, what in enumerate(HEADER, 1) if isinstance(what, int)}
"""Where a BCM number is on the header."""

SPECIAL = {
    0: "reserved for a HAT's memory, which the Pi reads while it boots",
    1: "reserved for a HAT's memory, which the Pi reads while it boots",
    2: "I²C: 1.8 kΩ to 3.3 V is on the Pi",
    3: "I²C: 1.8 kΩ to 3.3 V is on the Pi; low, it wakes a Pi that is halted",
    7: "free only where SPI is off",
    8: "free only where SPI is off",
    9: "free only where SPI is off",
    10: "free only where SPI is off",
    11: "free only where SPI is off",
    14: "the serial port's output; the console writes here while the Pi boots",
    15: "the serial port's input",
}
"""What else a GPIO is used for."""

PULLED_UP = frozenset(range(9))
"""GPIOs that the Pi pulls to 3.3 V while it boots; it pulls the others to ground."""


def label(physical: int) -> str:
    """Return what stands beside a pin."""
    what = HEADER[physical - 1]
    return f"GPIO {what}" if isinstance(what, int) else what
