"""Runs in namespaces of its own: pcscd, whose virtual reader is vpcd's, and cards in software laid upon it.

`python -m tests.kit.pcsc_inside FOLDER`: FOLDER is where pcscd's socket appears. A command is a line of JSON
on the standard input, each answered by one line; a card is laid once the one before was asked for its UID.

Source of vpcd's protocol: vsmartcard, virtualsmartcard's documentation, "Implementing another vicc": a length
of two bytes, most significant first, then data; of one byte: power off (0) or on (1), reset (2), "ATR?" (4).
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.kit.software_cards import Desfire, Ntag424, UidCard
from tests.kit.writable_cards import WritableDesfire, WritableNtag424

VPCD_PORT = 0x8C7B  # of the first of its two slots, in Debian's /etc/reader.conf.d/vpcd

QUIET_S = 0.3
"""After so long without a command a card is taken away: whoever talks to it is done."""

GAP_S = 0.6
"""Between two cards: pcscd looks every 0.4 s whether there is one, and must see that there is none."""


class Mute(UidCard):
    """A card whose UID its reader does not tell (PC/SC 3, table 3-9: function not supported)."""

    def apdu(self, command: bytes) -> bytes:
        super().apdu(command)
        return b"\x6a\x81"


def made(what: dict[str, Any]) -> UidCard:
    uid, keys = bytes.fromhex(what["uid"]), {1: bytes.fromhex(what.get("key", "00" * 16))}
    match what.get("kind"):
        case "ntag424":
            card = Ntag424(uid, keys)
            card.declines = what.get("declines", False)
            return card
        case "desfire":
            return Desfire(uid, keys)
        case "blank_ntag424":
            return WritableNtag424(uid)
        case "blank_desfire":
            return WritableDesfire(uid)
        case "mute":
            return Mute(uid)
    return UidCard(uid)


class Inside:
    """What lies on the reader, and pcscd."""

    def __init__(self) -> None:
        self.card: UidCard | None = None
        self.told: dict[str, Any] | None = None
        self.asked = asyncio.Event()
        self.talked_s = 0.0
        self.leaves_after = -1
        self.waiting: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.line: asyncio.StreamWriter | None = None
        self.pcscd: subprocess.Popen[bytes] | None = None
        self.acting = asyncio.create_task(self.actor())

    async def actor(self) -> None:
        """Lay and take what is waiting, each after the one before was seen."""
        while True:
            told = await self.waiting.get()
            if told is None or told != self.told:
                self.told, self.card = told, None
                self.asked.clear()
                if self.line is not None:
                    self.line.close()
                    await asyncio.sleep(GAP_S)
                self.card = made(told) if told else None
            if told is not None:
                await self.asked.wait()
                while time.monotonic() < self.talked_s + QUIET_S:
                    await asyncio.sleep(QUIET_S / 4)

    async def serve(self) -> None:
        """Be the card that lies there, in each turn of vpcd's; one that left comes back, once."""
        while True:
            if (card := self.card) is not None:
                with suppress(OSError, asyncio.IncompleteReadError):
                    await self.talk(card)
            await asyncio.sleep(0.02)

    async def talk(self, card: UidCard) -> None:
        reader, self.line = await asyncio.open_connection("127.0.0.1", VPCD_PORT)
        try:
            while card is self.card:
                size = int.from_bytes(await reader.readexactly(2), "big")
                data = await reader.readexactly(size)
                if size > 1:
                    if len(card.asked) == self.leaves_after:
                        self.leaves_after = -1
                        break
                    self.answer(self.line, card.apdu(data))
                    self.asked.set()
                    self.talked_s = time.monotonic()
                elif data == b"\x04":
                    self.answer(self.line, card.atr)
                else:
                    card.power_on()
        finally:
            self.line.close()
        await asyncio.sleep(GAP_S)

    def answer(self, line: asyncio.StreamWriter, reply: bytes) -> None:
        line.write(len(reply).to_bytes(2, "big") + reply)

    def obey(self, command: dict[str, Any]) -> object:
        match command.pop("do"):
            case "start":
                self.asked.clear()
                daemon = ["pcscd", "--foreground"]  # what it says is no answer of ours
                self.pcscd = subprocess.Popen(daemon, stdin=subprocess.DEVNULL, stdout=sys.stderr)
            case "stop":
                self.signal(signal.SIGKILL)
            case "clear":
                self.clear()
            case "hang":
                self.signal(signal.SIGSTOP)
            case "go_on":
                self.signal(signal.SIGCONT)
            case "lay":
                self.leaves_after = command.pop("leaves_after", -1)
                self.waiting.put_nowait(command)
            case "take":
                self.waiting.put_nowait(None)
            case "asked":
                return [one.hex() for one in self.card.asked] if self.card else []
        return "done"

    def clear(self) -> None:
        """Nothing lies there, and nothing waits to."""
        self.acting.cancel()
        self.told = self.card = None
        self.waiting = asyncio.Queue()
        self.acting = asyncio.create_task(self.actor())

    def signal(self, number: signal.Signals) -> None:
        assert self.pcscd is not None
        self.pcscd.send_signal(number)
        if number is signal.SIGKILL:
            self.pcscd.wait()


async def main() -> None:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    inside = Inside()
    serving = asyncio.create_task(inside.serve())
    try:
        while line := await lines.readline():
            print(json.dumps(inside.obey(json.loads(line))), flush=True)
    finally:
        serving.cancel()
        inside.acting.cancel()
        if inside.pcscd is not None:
            inside.signal(signal.SIGKILL)


def furnish(folder: str) -> None:
    """A /run of our own, with pcscd's socket in `folder`; a loopback of our own, which vpcd listens on."""
    for command in (
        ["mount", "-t", "tmpfs", "none", "/run"],
        ["mkdir", "/run/pcscd"],
        ["mount", "--bind", folder, "/run/pcscd"],
        ["ip", "link", "set", "lo", "up"],
    ):
        subprocess.run(command, check=True)


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    assert Path(sys.argv[1]).is_dir()
    furnish(sys.argv[1])
    asyncio.run(main())
