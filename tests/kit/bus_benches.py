"""Readers that live in a thread, with hands that lay badges on them, for the suite of all readers."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from floor.words import BadgeKind
from hardware.ports import Reader
from hardware.registry import build_reader
from tests.kit.frames import osdp_raw, wiegand_frame
from tests.kit.osdp_peer import OsdpPeer
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


BUS_BENCHES: dict[str, type] = {"osdp": OsdpBench}
