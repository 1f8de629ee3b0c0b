"""From the settings of a station's devices to wires. Of a kind without a row here the pins are drawn too."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hardware.wires.header import PULLED_UP, SPECIAL, Rail

Table = Mapping[str, object]
ON_THE_PI = re.compile(r"/dev/(serial[01]|ttyAMA\d+|ttyS\d+)")
LAMPS = ("red", "amber", "green", "blue", "buzzer")
SPI_SELECTS = {"/dev/spidev0.0": 8, "/dev/spidev0.1": 7}
DIVIDER = "through a divider: 1 kΩ in series, 2 kΩ to ground"


@dataclass(frozen=True, slots=True)
class Wire:
    """From a rail, a BCM number, or nothing on the header, to what is written at the device."""

    end: str
    pin: int | Rail | None
    note: str = ""
    output: bool = False


@dataclass(slots=True)
class Part:
    """One device with its wires, what may go wrong, and the lines of config.txt that it needs."""

    title: str
    wires: list[Wire] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    config: list[str] = field(default_factory=list)

    @property
    def pins(self) -> list[int]:
        """The BCM numbers that it takes."""
        return [
            wire.pin for wire in self.wires if isinstance(wire.pin, int) and not isinstance(wire.pin, Rail)
        ]


def _number(device: Table, key: str) -> int | None:
    value = device.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _serial(part: Part, device: Table) -> bool:
    """Whether the reader is at the Pi's own serial port."""
    port = str(device.get("port", ""))
    if ON_THE_PI.fullmatch(port):
        part.config.append("enable_uart=1")
        return True
    part.wires.append(Wire("USB", None, f"{port}; its supply too"))
    return False


def _rdm6300(part: Part, device: Table) -> None:
    if _serial(part, device):
        part.wires += [Wire("5V", Rail.V5), Wire("GND", Rail.GND), Wire("TX", 15, DIVIDER)]
        part.warnings.append("TX of an RDM6300 may give 5 V: a Pi's input bears 3.3 V, hence the divider.")


def _spi(part: Part, device: Table, select: str) -> None:
    """A chip on the Pi's first SPI; `select` is what the board calls its chip select."""
    port = str(device.get("port", "/dev/spidev0.0"))
    if port not in SPI_SELECTS:
        part.wires.append(Wire("SPI", None, f"the pins of {port}, by its overlay"))
        return
    part.wires += [Wire("3.3V", Rail.V3), Wire("GND", Rail.GND), Wire("SCK", 11, output=True)]
    part.wires += [Wire("MOSI", 10, output=True), Wire("MISO", 9)]
    part.wires += [Wire(select, SPI_SELECTS[port], output=True)]
    part.config.append("dtparam=spi=on")


def _mfrc522(part: Part, device: Table) -> None:
    _spi(part, device, "SDA")
    if (reset := _number(device, "reset_pin")) is not None:
        part.wires.append(Wire("RST", reset, "low: held in reset", output=True))


def _osdp(part: Part, device: Table) -> None:
    if _serial(part, device):
        part.wires += [Wire("VCC", Rail.V3, "of the RS-485 transceiver"), Wire("GND", Rail.GND)]
        part.wires += [Wire("RO", 15), Wire("DI", 14, output=True)]
        part.warnings.append("The transceiver turns round by itself: nothing here drives DE and RE.")
    part.wires.append(Wire("A, B", None, "from the transceiver to the reader, 120 Ω at both ends"))


def _pn532(part: Part, device: Table) -> None:
    if device.get("bus") == "spi":
        _spi(part, device, "SS")
    elif device.get("bus") == "i2c":
        _i2c(part)
    elif _serial(part, device):
        part.wires += [Wire("VCC", Rail.V3, "or 5 V, as the board's maker says"), Wire("GND", Rail.GND)]
        part.wires += [Wire("TXD", 15), Wire("RXD", 14, output=True)]
        part.warnings.append("Fed with 5 V, a PN532 board may lift TXD to 5 V: measure; then use a divider.")
    if (reset := _number(device, "reset_pin")) is not None:
        part.wires.append(Wire("RSTPD_N", reset, "low: held in reset", output=True))


def _i2c(part: Part) -> None:
    part.wires += [Wire("VCC", Rail.V3), Wire("GND", Rail.GND)]
    part.wires += [Wire("SDA", 2), Wire("SCL", 3, output=True)]
    part.config.append("dtparam=i2c_arm=on")


def _gpio_relay(part: Part, device: Table) -> None:
    low = device.get("active") == "low"
    pull = "10 kΩ to the board's supply" if low else "10 kΩ from here to ground"
    pin, feedback = _number(device, "pin"), _number(device, "feedback_pin")
    part.wires += [Wire("IN", pin, f"active {'low' if low else 'high'}; {pull}", output=True)]
    part.wires += [Wire("GND", Rail.GND)]
    part.config.append("dtparam=strict_gpiod")
    if low:
        part.warnings.append(
            "An active-low board is on while its input is low: never at a hazardous machine."
        )
    if feedback is not None:
        level = str(device.get("feedback_active", "low"))
        other = Rail.GND if level == "low" else Rail.V3
        part.wires += [Wire("feedback", feedback, f"auxiliary contact; closed is {level}")]
        part.wires += [Wire("feedback", other, "the contact's other end")]


def _stack_light(part: Part, device: Table) -> None:
    for lamp in LAMPS:
        if (pin := _number(device, lamp)) is not None:
            part.wires.append(Wire(lamp, pin, "input of a driver (ULN2803A)", output=True))
    part.wires.append(Wire("GND", Rail.GND, "the driver's, and the lamps' supply's minus"))
    part.config.append("dtparam=strict_gpiod")


def _oled(part: Part, device: Table) -> None:
    bus = device.get("bus", 1)
    if bus != 1:
        part.wires.append(Wire("SDA, SCL", None, f"the pins of I²C bus {bus}, by its overlay"))
        return
    _i2c(part)
    part.warnings.append("A display that is fed with 5 V pulls SDA and SCL up to 5 V: feed it with 3.3 V.")


def _gpio_input(part: Part, device: Table) -> None:
    role, pull = str(device.get("role", "")), str(device.get("pull", "up"))
    kind = "closes when pressed" if role in {"end", "oops"} else "normally closed"
    outside = "a resistor outside" if pull == "off" else f"pulled {pull} by the Pi"
    other = Rail.V3 if pull == "down" else Rail.GND
    part.wires += [Wire("contact", _number(device, "pin"), f"{kind}; {outside}")]
    part.wires += [Wire("contact", other, "the other end")]


def _pulse(part: Part, device: Table) -> None:
    if found := re.fullmatch(r"pin:(\d+)", str(device.get("source", ""))):
        part.wires += [Wire("signal", int(found[1]), "3.3 V at most"), Wire("GND", Rail.GND)]


def _elsewhere(words: str) -> Callable[[Part, Table], None]:
    return lambda part, _: part.wires.append(Wire("-", None, words))


ROWS: Mapping[tuple[str, str], Callable[[Part, Table], None]] = {
    ("reader", "rdm6300"): _rdm6300,
    ("reader", "pn532"): _pn532,
    ("reader", "mfrc522"): _mfrc522,
    ("reader", "osdp"): _osdp,
    ("reader", "pcsc"): _elsewhere("USB"),
    ("reader", "wiegand"): lambda part, device: part.wires.append(
        Wire("USB", None, f"{device.get('port', '')}: the microcontroller that times the pulses")
    ),
    ("reader", "keyboard"): _elsewhere("USB"),
    ("relay", "gpio"): _gpio_relay,
    ("extraction", "gpio"): _gpio_relay,
    ("panel", "stack_light"): _stack_light,
    ("panel", "oled"): _oled,
    ("input", "gpio"): _gpio_input,
    ("driver", "pulse"): _pulse,
    **{
        (role, kind): _elsewhere("no wire to the Pi: by the network")
        for role in ("relay", "extraction")
        for kind in ("shelly", "tasmota")
    },
    ("node", "fabomatic"): _elsewhere("no wire to the Pi: by the network"),
    ("node", "mac"): _elsewhere("no wire to the Pi: by the network"),
}


def part(role: str, device: Table) -> Part:
    """Return a device as a part; `role` is reader, relay, extraction, panel, input, node or driver."""
    kind = str(device.get("kind", ""))
    what = [str(device.get("role", role)), *([str(name)] if (name := device.get("name")) else [])]
    made = Part(f"{' '.join(what)}: {kind}")
    if row := ROWS.get((role, kind)):
        row(made, device)
    for key, value in device.items():
        if key == "pin" or key.endswith("_pin"):
            pin = value if isinstance(value, int) and not isinstance(value, bool) else None
            if pin is not None and pin not in made.pins:
                made.wires.append(Wire(key, pin, "see its page"))
    if not made.wires:
        made.wires.append(Wire("-", None, "no wire to the Pi's header"))
    made.warnings += _hazards(made)
    return made


def _hazards(made: Part) -> list[str]:
    """What is to be known of a part's pins, unless it is the very thing that they are used for."""
    found = []
    special: dict[str, list[str]] = {}
    for pin in made.pins:
        if pin in SPECIAL and not {"enable_uart=1", "dtparam=i2c_arm=on", "dtparam=spi=on"} & set(
            made.config
        ):
            special.setdefault(SPECIAL[pin], []).append(str(pin))
    found += [f"GPIO {', '.join(pins)}: {words}." for words, pins in special.items()]
    for wire in made.wires:
        if wire.output and wire.pin in PULLED_UP and wire.end == "IN":
            found.append(
                f"GPIO {wire.pin} is pulled up while the Pi boots: a relay there may close; take 9 to 27."
            )
    return found
