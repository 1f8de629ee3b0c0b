"""Asks serial ports who is there, so that nothing moves. Opening a port may reset the board behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from serial.tools import list_ports

from firmware_bridge.discovery.found import Found, Sure
from firmware_bridge.discovery.serial_talk import BAUDS, QUESTIONS, Talk, who
from firmware_bridge.transports import Stream
from firmware_bridge.transports.stream import SerialTransport
from floor.errors import MachineUnreachable
from gateway.config import GatewayConfig
from hardware.readers.frame import Frame
from hardware.readers.rdm6300 import Rdm6300Parser

READER_BAUD = 9600
PATIENCE_S = 2.5
MOST_BYTES = 8192
BY_ID = Path("/dev/serial/by-id")


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port: the name that stays its own, and what its adapter says it is."""

    path: str
    words: str = ""


def ports() -> list[Port]:
    """Return the USB serial ports, by their names in /dev/serial/by-id where they have one."""
    links = {link.resolve(): link for link in BY_ID.iterdir()} if BY_ID.is_dir() else {}
    return [
        Port(str(links.get(Path(one.device).resolve(), one.device)), one.description or "")
        for one in sorted(list_ports.comports())
        if one.vid is not None
    ]


def in_use(config: GatewayConfig) -> set[Path]:
    """Return the serial devices that the stations of a configuration use."""
    used: set[Path] = set()
    for station in config.stations:
        for device in (station.reader, station.relay, station.panel, station.extraction, station.driver):
            used |= {Path(path).resolve() for path in _paths(device or {})}
    return used


def _paths(device: Mapping[str, object]) -> Iterable[str]:
    for value in device.values():
        if isinstance(value, str):
            yield urlsplit(value).path if value.startswith("serial://") else value


async def probe(found: Sequence[Port], patience_s: float = PATIENCE_S) -> list[Found]:
    """Ask the ports, all at once; each board has `patience_s` to greet, and half of it for each answer."""
    return list(await asyncio.gather(*(_probe(port, patience_s) for port in found)))


async def _probe(port: Port, patience_s: float) -> Found:
    try:
        for baud in BAUDS:
            heard = await _talk(port.path, baud, QUESTIONS, patience_s)
            if talk := who(heard):
                return _machine(port, baud, talk)
            if _is_badge(heard):
                return _reader(port)
            if not heard:
                break  # at a wrong speed something would have come
        if _is_badge(await _talk(port.path, READER_BAUD, (), patience_s)):
            return _reader(port)
    except MachineUnreachable as error:
        note = f"it could not be asked: {error}"
        return Found(_called("a port", port), port.path, "USB", Sure.GUESS, "port", notes=(note,))
    note = "nobody that is known answered; a badge reader is found when a badge is held to it meanwhile"
    return Found(_called("something unknown", port), port.path, "USB", Sure.GUESS, "port", notes=(note,))


def _is_badge(heard: bytes) -> bool:
    return any(isinstance(one, Frame) for one in Rdm6300Parser().receive_data(heard))


async def _talk(path: str, baud: int, questions: Sequence[bytes], patience_s: float) -> bytes:
    """Listen for a greeting, then ask one question after another until one is answered."""
    async with SerialTransport(path, baud).open() as line:
        heard = await _listen(line, patience_s)
        for question in questions:
            if _known(heard):
                break
            await line.write(question)
            heard += await _listen(line, patience_s / 2)
    return heard


async def _listen(line: Stream, for_s: float) -> bytes:
    heard, loop = b"", asyncio.get_running_loop()
    until_s = loop.time() + for_s
    while (left_s := until_s - loop.time()) > 0 and len(heard) < MOST_BYTES and not _known(heard):
        try:
            heard += await line.read(left_s)
        except MachineUnreachable:
            if loop.time() < until_s:
                raise  # it is lost, not silent
    return heard


def _known(heard: bytes) -> bool:
    talk = who(heard)
    return bool(talk and talk.sure) or _is_badge(heard)


def _machine(port: Port, baud: int, talk: Talk) -> Found:
    settings = {"kind": talk.kind, "url": f"serial://{port.path}?baud={baud}"}
    sure = Sure.CERTAIN if talk.sure else Sure.LIKELY
    name = {"grbl": "GRBL", "marlin": "Marlin"}[talk.kind]
    return Found(_called(f"{name} ({talk.words})", port), port.path, "serial", sure, talk.kind, settings)


def _reader(port: Port) -> Found:
    reader = {"kind": "rdm6300", "port": port.path}
    return Found(
        _called("a badge reader (RDM6300)", port), port.path, "serial", Sure.CERTAIN, "machine", reader=reader
    )


def _called(what: str, port: Port) -> str:
    return f"{what} on {port.words}" if port.words and port.words != "n/a" else what
