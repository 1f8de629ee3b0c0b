"""What Marlin says, read: bytes in, lines with their facts out. No port, no clock, never raises.

Sources, MarlinFirmware/Marlin: src/core/language.h (the words), src/gcode/queue.cpp (ok, Resend),
src/gcode/host/M115.cpp, src/gcode/sd/M27.cpp, src/sd/cardreader.cpp, src/libs/duration_t.h, and one Ender 3,
which writes TF for SD. A line keeps its bytes, because a proxy hands them on as they came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from firmware_bridge.events import Noise

MAX_LINE = 1024
MAX_WORDS = 200


@dataclass(frozen=True, slots=True)
class Greeting:
    """The machine started, or was reset."""


@dataclass(frozen=True, slots=True)
class Temperatures:
    """Heaters by their letter: °C now, and the target. None are named while it waits and says no target."""

    heaters: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Ok:
    """One line is done; an answer to M105 has its temperatures here."""

    temperatures: Temperatures | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """The machine works on a line and takes no other: `processing`, `paused for user`, `paused for input`."""

    words: str

    @property
    def waits(self) -> bool:
        """Whether it waits for a person."""
        return self.words.startswith("paused")


@dataclass(frozen=True, slots=True)
class Resend:
    """The machine wants this line number, and all that follow it, again."""

    number: int


@dataclass(frozen=True, slots=True)
class Failed:
    """`Error:…`; `fatal` when the machine stopped for it and has to be started anew."""

    words: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class Action:
    """`//action:…`, meant for the host: `pause`, `resume`, `cancel` and more."""

    words: str


@dataclass(frozen=True, slots=True)
class Printing:
    """A print from the card is at this byte of so many."""

    at: int
    size: int


@dataclass(frozen=True, slots=True)
class NotPrinting:
    """Nothing prints from the card: it ended, or most firmware says so too while it is paused."""


@dataclass(frozen=True, slots=True)
class DonePrinting:
    """The print from the card came to its end."""


@dataclass(frozen=True, slots=True)
class FileOpened:
    """A file of the card was selected."""

    name: str


@dataclass(frozen=True, slots=True)
class CurrentFile:
    """The file of the card that is open, "" for none: what tells a pause from an end."""

    name: str


@dataclass(frozen=True, slots=True)
class PrintTime:
    """The machine's own print timer, in seconds, without pauses."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Firmware:
    """The answer to M115."""

    name: str
    machine: str
    extruders: int


@dataclass(frozen=True, slots=True)
class Capability:
    """A `Cap:` line of the answer to M115."""

    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """The machine does not know a command; its `ok` follows."""

    command: str


@dataclass(frozen=True, slots=True)
class Said:
    """Any other line: echoes, banners, positions, settings."""

    text: str


Fact = (
    Greeting
    | Temperatures
    | Ok
    | Busy
    | Resend
    | Failed
    | Action
    | Printing
    | NotPrinting
    | DonePrinting
    | FileOpened
    | CurrentFile
    | PrintTime
    | Firmware
    | Capability
    | UnknownCommand
    | Said
    | Noise
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One line as it came, line end included, and what it says."""

    raw: bytes
    fact: Fact


class MarlinParser:
    """Cuts what comes into lines, however it is sliced. A line over MAX_LINE bytes is cut, and is noise."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._overlong = False

    def receive_data(self, data: bytes) -> list[Heard]:
        """Take the next bytes and return the lines that they end."""
        heard: list[Heard] = []
        for byte in data:
            self._rest.append(byte)
            if byte == 0x0A or len(self._rest) >= MAX_LINE:
                raw, self._rest = bytes(self._rest), bytearray()
                whole = byte == 0x0A and not self._overlong
                self._overlong = byte != 0x0A
                heard.append(Heard(raw, parse_line(raw) if whole else Noise("a line is too long")))
        return heard


_HEATER = re.compile(r"(?:^|\s)(T\d{0,2}|B|C):\s*(-?\d{1,4}(?:\.\d{1,4})?)\s*/\s*(-?\d{1,4}(?:\.\d{1,4})?)")
_TEMPERATURES = re.compile(r"(?:T\d{0,2}|B|C):\s*-?\d")
_BUSY = re.compile(r"(?:echo:\s*)?busy:?\s*(.*)")
_RESEND = re.compile(r"(?:Resend|rs)\s*:?\s*N?(\d{1,9})", re.IGNORECASE)
_ERROR = re.compile(r"(?:Error|fatal):\s*(.*)|(!!.*)", re.IGNORECASE)
_FATAL = re.compile(
    r"halted|kill\(\)|system stopped|stopped due to errors|STOP called|thermal runaway|heating failed"
    r"|M(?:AX|IN)TEMP|^!!|Printer stopped",
    re.IGNORECASE,
)
_ACTION = re.compile(r"//\s*action:\s*(.*)")
_PRINTING = re.compile(r"(?:SD|TF) printing byte (\d{1,12})/(\d{1,12})")
_OPENED = re.compile(r"File opened:\s*(.*?)\s*(?:Size:\s*\d*)?$")
_CURRENT = re.compile(r"Current file:\s*(\S*)\s*(.*)")
_TIME = re.compile(
    r"Print time:\s*(?:(\d{1,3})y )?(?:(\d{1,3})d )?(?:(\d{1,2})h )?(?:(\d{1,2})m )?(\d{1,2})s$"
)
_FIELD = re.compile(r"([A-Z][A-Z_]+):")
_CAPABILITY = re.compile(r"Cap:([A-Z0-9_]{1,40}):([01])")
_UNKNOWN = re.compile(r'Unknown command:\s*"?([^"]*)')
_SECONDS = (365 * 86400, 86400, 3600, 60, 1)


def parse_line(raw: bytes) -> Fact:
    """Read one line; what is no text becomes Noise."""
    text = raw.decode("utf-8", "replace").strip()
    if "\ufffd" in text or not text.isprintable():
        return Noise(f"no text: {raw[:40]!r}")
    if text == "start":
        return Greeting()
    if text == "ok" or text.startswith("ok "):
        return Ok(_temperatures(text[3:]) if _TEMPERATURES.match(text, 3) else None)
    if _TEMPERATURES.match(text):
        return _temperatures(text)
    if found := _BUSY.match(text):
        return Busy(found[1][:MAX_WORDS])
    if found := _RESEND.fullmatch(text):
        return Resend(int(found[1]))
    if found := _ERROR.match(text):
        words = (found[1] or found[2] or text).strip()[:MAX_WORDS]
        return Failed(words, bool(_FATAL.search(words)))
    if found := _ACTION.match(text):
        return Action(found[1].strip()[:MAX_WORDS])
    return _of_the_card(text) or _of_the_machine(text) or Said(text[:MAX_WORDS])


def _temperatures(text: str) -> Temperatures:
    return Temperatures({name: (float(now), float(goal)) for name, now, goal in _HEATER.findall(text)})


def _of_the_card(text: str) -> Fact | None:
    bare = text.removeprefix("echo:").strip()
    if found := _PRINTING.fullmatch(bare):
        return Printing(int(found[1]), int(found[2]))
    if bare in ("Not SD printing", "Not TF printing"):
        return NotPrinting()
    if bare.startswith("Done printing file"):
        return DonePrinting()
    if found := _OPENED.match(bare):
        return FileOpened(found[1][:MAX_WORDS])
    if found := _CURRENT.fullmatch(bare):
        none = found[1].startswith("(no")
        return CurrentFile("" if none else (found[2] or found[1])[:MAX_WORDS])
    return None


def _of_the_machine(text: str) -> Fact | None:
    bare = text.removeprefix("echo:").strip()
    if found := _TIME.fullmatch(bare):
        return PrintTime(
            sum(int(part or 0) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True))
        )
    if bare.startswith("FIRMWARE_NAME:"):
        parts = _FIELD.split(bare)
        fields = dict(zip(parts[1::2], (part.strip()[:MAX_WORDS] for part in parts[2::2]), strict=True))
        count = fields.get("EXTRUDER_COUNT", "")
        extruders = int(count) if re.fullmatch(r"[1-9]", count) else 1
        return Firmware(fields["FIRMWARE_NAME"], fields.get("MACHINE_TYPE", ""), extruders)
    if found := _CAPABILITY.fullmatch(bare):
        return Capability(found[1], found[2] == "1")
    if found := _UNKNOWN.match(bare):
        return UnknownCommand(found[1][:MAX_WORDS])
    return None
