"""Readers of every kind with hands that lay badges on them, for the suite that all of them must pass."""

import asyncio
import os
import pty
import struct
import tty
from functools import partial
from pathlib import Path
from typing import Protocol

from floor.words import BadgeKind
from hardware.ports import Reader
from hardware.readers.keyboard import EventDevice, KeyboardParser, hexadecimal
from hardware.readers.listening import Listening
from hardware.readers.port_reader import PortReader
from hardware.readers.presence import Presence
from hardware.registry import build_reader
from hardware.simulated import SimulatedReader
from tests.kit.frames import id12, rdm6300, wiegand
from tests.kit.pcsc_stand import stand
from tests.kit.pn532_peer import Pn532Peer

REMOVAL_MS = 1000


class Bench(Protocol):
    """A reader, and hands that lay badges on it and pull its plug."""

    reader: Reader
    kind: BadgeKind
    one: bytes
    two: bytes

    async def lay(self, uid: bytes, times: int = 1) -> None: ...
    async def take(self, uid: bytes) -> None: ...
    async def disturb(self) -> None: ...
    async def unplug(self) -> None: ...
    async def plug(self) -> None: ...
    def stop(self) -> None: ...


class SimulatedBench:
    kind = BadgeKind.UID_125KHZ
    one, two = bytes.fromhex("62E3086CED"), bytes.fromhex("0100AB12CD")

    def __init__(self, _: Path) -> None:
        self.reader = SimulatedReader("bench")

    async def lay(self, uid: bytes, times: int = 1) -> None:
        for _ in range(times):
            await self.reader.tap(uid)

    async def take(self, uid: bytes) -> None:
        await self.reader.remove(uid)

    async def disturb(self) -> None:
        await self.reader.noise("a bad contact")

    async def unplug(self) -> None:
        await self.reader.lose("unplugged")

    async def plug(self) -> None:
        await self.reader.find()

    def stop(self) -> None:
        """There is no process."""


class PtyBench:
    """A pseudo-terminal in the place of the device; its link moves when it is plugged in again."""

    kind = BadgeKind.UID_125KHZ
    one, two = bytes.fromhex("62E3086CED"), bytes.fromhex("0100AB12CD")
    junk = b"\xff\x00"

    def __init__(self, folder: Path) -> None:
        self.port = folder / "reader"
        self.ends: tuple[int, int] = (-1, -1)
        self._connect()
        self.reader = self.build()

    def build(self) -> Reader:
        return build_reader("rdm6300", {"port": str(self.port), "removal_ms": REMOVAL_MS}, "bench")

    def frame(self, uid: bytes) -> bytes:
        return rdm6300(uid)

    async def lay(self, uid: bytes, times: int = 1) -> None:
        os.write(self.ends[0], self.frame(uid) * times)

    async def take(self, _: bytes) -> None:
        """The reader falls silent by itself."""

    async def disturb(self) -> None:
        os.write(self.ends[0], self.junk)

    async def unplug(self) -> None:
        self.port.unlink()
        for end in self.ends:
            os.close(end)

    async def plug(self) -> None:
        self._connect()

    def _connect(self) -> None:
        self.ends = pty.openpty()
        tty.setraw(self.ends[1])
        self.port.symlink_to(os.ttyname(self.ends[1]))
        self.greet()

    def greet(self) -> None:
        """What such a reader sends as it gets power."""

    def stop(self) -> None:
        """There is no process."""


class Id12Bench(PtyBench):
    def frame(self, uid: bytes) -> bytes:
        return id12(uid)


class WiegandBench(PtyBench):
    kind = BadgeKind.WIEGAND
    bits = 26
    one, two = bytes.fromhex("760643"), bytes.fromhex("010001")
    junk = b"noise\n"

    def build(self) -> Reader:
        return build_reader("wiegand", {"port": str(self.port), "removal_ms": REMOVAL_MS}, "bench")

    def frame(self, uid: bytes) -> bytes:
        return wiegand(uid, self.bits)

    def greet(self) -> None:
        """It says that it lives, again and again: what came before the port was opened is flushed."""
        os.write(self.ends[0], b"ALIVE\r\n")
        self.next = asyncio.get_running_loop().call_later(0.2, self.greet)

    async def unplug(self) -> None:
        self.next.cancel()
        await super().unplug()


class Wiegand34Bench(WiegandBench):
    bits, one, two = 34, bytes.fromhex("DEADBEEF"), bytes.fromhex("00000001")


class Wiegand37Bench(WiegandBench):
    bits, one, two = 37, bytes.fromhex("0123456789"), bytes.fromhex("07FFFFFFFF")


class KeyboardBench(PtyBench):
    """Keys as the kernel hands them out (Linux uapi input.h); a pty cannot be grabbed, so nobody grabs."""

    kind = BadgeKind.UID_13MHZ
    one, two = bytes.fromhex("04A2B3C4"), bytes.fromhex("04DE5F1EACC040")

    def build(self) -> Reader:
        talk = Listening(partial(KeyboardParser, hexadecimal), Presence(self.kind, REMOVAL_MS))
        port = str(self.port)
        return PortReader("bench", port, talk, partial(EventDevice, port, lambda _: None))

    def frame(self, uid: bytes) -> bytes:
        return typed(uid.hex() + "\n")

    async def disturb(self) -> None:
        os.write(self.ends[0], typed("1234\n"))


class Pn532Bench(PtyBench):
    """A scripted PN532 that answers within this event loop."""

    kind = BadgeKind.UID_13MHZ
    one, two = bytes.fromhex("FB0EE20B"), bytes.fromhex("04DE5F1EACC040")

    def __init__(self, folder: Path) -> None:
        self.peer = Pn532Peer(lambda data: (os.write(self.ends[0], data), None)[1])
        super().__init__(folder)

    def build(self) -> Reader:
        settings = {"port": str(self.port), "removal_ms": REMOVAL_MS, "poll_ms": 20}
        return build_reader("pn532", settings, "bench")

    async def lay(self, uid: bytes, times: int = 1) -> None:
        self.peer.badges += [uid] * times

    async def take(self, _: bytes) -> None:
        self.peer.badges.append(None)

    async def unplug(self) -> None:
        asyncio.get_running_loop().remove_reader(self.ends[0])
        await super().unplug()

    def greet(self) -> None:
        """It says nothing, and is asleep."""
        self.peer.sleep()
        line = self.ends[0]
        asyncio.get_running_loop().add_reader(line, lambda: self.peer.receive(os.read(line, 4096)))


class PcscBench:
    """pcscd and vpcd, with cards in software; `take` and what is laid wait until the one before was read."""

    kind = BadgeKind.UID_13MHZ
    one, two = bytes.fromhex("FB0EE20B"), bytes.fromhex("04DE5F1EACC040")

    def __init__(self, _: Path) -> None:
        self.stand = stand()
        self.stand.renew()
        # pcscd looks every 0.4 s, and one badge must be seen to be gone before another lies there
        settings = {"reader": "00 00", "removal_ms": 2 * REMOVAL_MS}
        self.reader = build_reader("pcsc", settings, "bench")

    async def lay(self, uid: bytes, times: int = 1) -> None:
        for _ in range(times):
            self.stand.say("lay", uid=uid.hex())

    async def take(self, _: bytes) -> None:
        self.stand.say("take")

    async def disturb(self) -> None:
        self.stand.say("lay", uid="00", kind="mute")

    async def unplug(self) -> None:
        self.stand.say("stop")

    async def plug(self) -> None:
        self.stand.start()

    def stop(self) -> None:
        """The stand goes on for the next bench; it ends with the tests' process."""


KEYS = {"\n": 28} | dict(zip("1234567890", range(2, 12), strict=True))
KEYS |= {"a": 30, "b": 48, "c": 46, "d": 32, "e": 18, "f": 33, "g": 34}


def typed(text: str) -> bytes:
    """What a keyboard's event device gives: for each key pressed, released; each with its report."""
    events = b""
    for key in text:
        for value in (1, 0):
            events += struct.pack("@LLHHi", 1, 2, 4, 4, 458756)  # EV_MSC, MSC_SCAN: the scan code comes first
            events += struct.pack("@LLHHi", 1, 2, 1, KEYS[key], value)  # EV_KEY
            events += struct.pack("@LLHHi", 1, 2, 0, 0, 0)  # EV_SYN, SYN_REPORT
    return events


BENCHES: dict[str, type] = {
    "rdm6300": PtyBench,
    "id12": Id12Bench,
    "pcsc": PcscBench,
    "pn532": Pn532Bench,
    "wiegand26": WiegandBench,
    "wiegand34": Wiegand34Bench,
    "wiegand37": Wiegand37Bench,
    "keyboard": KeyboardBench,
    "simulated": SimulatedBench,
}
