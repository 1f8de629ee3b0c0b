"""Readers that live in a thread, with hands that lay badges on them, for the suite of all readers."""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import ClassVar
from unittest.mock import patch

from floor.words import BadgeKind
from hardware.ports import Reader
from hardware.registry import build_reader
from tests.kit.frames import osdp_raw, wiegand_frame
from tests.kit.mfrc522_chip import Mfrc522Chip
from tests.kit.osdp_peer import OsdpPeer
from tests.kit.pi_buses import Pn532OnI2c, Pn532OnSpi, fake_smbus, fake_spidev
from tests.kit.pn532_peer import frame
from tests.kit.reader_benches import REMOVAL_MS, PtyBench

KEY = bytes.fromhex("000102030405060708090A0B0C0D0E0F")


class OsdpBench(PtyBench):
    """libosdp's own reader in a process; the RS-485 line between is a pty and this loop."""

    kind = BadgeKind.WIEGAND
    bits, one, two = 26, bytes.fromhex("760643"), bytes.fromhex("010001")
    peer_key: bytes | None = KEY

    def __init__(self, folder: Path) -> None:
        self.peer = OsdpPeer(self.peer_key)
        self.edit: Callable[[bytes], bytes] = lambda data: data
        """What becomes of each piece on its way to the gateway."""
        self.whole = True
        self.asked = 0
        asyncio.get_running_loop().add_reader(self.peer.line, self._answer)
        super().__init__(folder)

    def build(self) -> Reader:
        settings = {"port": str(self.port), "key": KEY.hex(), "removal_ms": REMOVAL_MS}
        return build_reader("osdp", settings, "bench")

    async def lay(self, uid: bytes, times: int = 1) -> None:
        await self.show(self.bits, osdp_raw(wiegand_frame(uid, self.bits), self.bits), times)

    async def disturb(self) -> None:
        await self.show(self.bits, osdp_raw(wiegand_frame(self.one, self.bits) ^ 1, self.bits))

    async def show(self, bits: int, data: bytes, times: int = 1) -> None:
        """Show a card to the reader; returns when the gateway has its bits."""
        self.peer.told()
        told = 0
        for _ in range(times):
            self.peer.card(bits, data)
        while (told := told + self.peer.told()) < times:
            await asyncio.sleep(0.01)
        asked = self.asked
        while self.asked == asked:  # it asks again once it has read the answer
            await asyncio.sleep(0.01)

    async def unplug(self) -> None:
        asyncio.get_running_loop().remove_reader(self.ends[0])
        await super().unplug()
        self.ends = (-1, -1)

    def greet(self) -> None:
        """It only answers."""
        asyncio.get_running_loop().add_reader(self.ends[0], self._ask)

    def stop(self) -> None:
        self.peer.stop()

    def _ask(self) -> None:
        with suppress(OSError):
            data = os.read(self.ends[0], 4096)
            self.asked += 1
            if self.whole:
                self.peer.line.send(data)

    def _answer(self) -> None:
        data = self.peer.line.recv(4096)
        if not data:
            asyncio.get_running_loop().remove_reader(self.peer.line)
        elif self.ends[0] >= 0 and self.whole:
            os.write(self.ends[0], self.edit(data))


class ChipBench:
    """A chip on a bus whose device is a file here; what the library opens is `fake`."""

    kind = BadgeKind.UID_13MHZ
    one, two = bytes.fromhex("FB0EE20B"), bytes.fromhex("04DE5F1EACC040")
    reader_kind = "pn532"
    module = "spidev"
    more: ClassVar[dict[str, object]] = {}
    fake: Callable[..., ModuleType]
    """The library that talks with this chip."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "bus"
        self.port.touch()
        settings = {"port": str(self.port), "removal_ms": REMOVAL_MS, "poll_ms": 20, **self.more}
        with patch.dict(sys.modules, {self.module: self.fake()}):
            self.reader = build_reader(self.reader_kind, settings, "bench")

    async def unplug(self) -> None:
        self.port.unlink()

    async def plug(self) -> None:
        self.port.touch()

    def stop(self) -> None:
        """There is no process."""


class Mfrc522Bench(ChipBench):
    reader_kind = "mfrc522"

    def fake(self) -> ModuleType:
        self.chip = Mfrc522Chip()
        self.chip.spoil = self._spoil
        self.spoiled = 0
        return fake_spidev(lambda data: self.chip.transfer(data))

    async def lay(self, uid: bytes, times: int = 1) -> None:
        self.chip.polls += [uid] * times

    async def take(self, _: bytes) -> None:
        self.chip.polls.append(None)

    async def disturb(self) -> None:
        self.spoiled = 1
        self.chip.polls += [self.one, None] if self.chip.polls[-1] is None else [self.chip.polls[-1]]

    async def unplug(self) -> None:
        self.chip.gone = True
        await super().unplug()

    async def plug(self) -> None:
        self.chip.power_up()
        self.chip.gone = False
        await super().plug()

    def _spoil(self, bits: list[int]) -> list[int]:
        if self.spoiled and len(bits) == 40:  # a whole number with its check byte
            self.spoiled = 0
            return [1 - bits[0], *bits[1:]]
        return bits


class Pn532SpiBench(ChipBench):
    more: ClassVar[dict[str, object]] = {"bus": "spi"}

    def fake(self) -> ModuleType:
        self.line = Pn532OnSpi()
        return fake_spidev(lambda data: self.line.transfer(data))

    async def lay(self, uid: bytes, times: int = 1) -> None:
        self.line.peer.badges += [uid] * times

    async def take(self, _: bytes) -> None:
        self.line.peer.badges.append(None)

    async def disturb(self) -> None:
        self.line.peer.spoil.append(b"\xff" + frame(b"\xd5\x4b\x00"))

    async def unplug(self) -> None:
        self.line.gone = True
        await super().unplug()

    async def plug(self) -> None:
        self.line.power_up()
        await super().plug()


class Pn532I2cBench(Pn532SpiBench):
    module = "smbus2"
    more: ClassVar[dict[str, object]] = {"bus": "i2c"}

    def fake(self) -> ModuleType:
        self.line = Pn532OnI2c()
        return fake_smbus(self.line.transact)


BUS_BENCHES: dict[str, type] = {
    "osdp": OsdpBench,
    "mfrc522": Mfrc522Bench,
    "pn532_spi": Pn532SpiBench,
    "pn532_i2c": Pn532I2cBench,
}
