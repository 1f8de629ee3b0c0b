"""A host as Pronterface is one: it numbers lines, goes on with each `ok`, and repeats what is asked for.

Source: kliment/Printrun printcore.py (_checksum, _sendnext, _listen: `ok` clears, `Resend:` says from where).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from firmware_bridge.backoff import Backoff
from firmware_bridge.marlin.driver import MarlinDriver, MarlinSettings
from tests.kit.watch import Watch, watching

DEADLINE_S = 30.0


class Host:
    """Counts: `sent` lines, `oks` for them, `resends` asked for; `others` are the lines that are neither."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.number = 0
        self.sent = self.oks = self.resends = 0
        self.others: list[str] = []
        self.history: dict[int, str] = {}

    @classmethod
    async def connect(cls, port: int) -> Host:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def close(self) -> None:
        self.writer.close()

    async def line(self) -> str:
        async with asyncio.timeout(DEADLINE_S):
            return (await self.reader.readline()).decode().strip()

    async def take(self) -> int | None:
        """Take one line; returns the number that is wanted again, if one is."""
        text = await self.line()
        if text.startswith("ok"):
            self.oks += 1
        elif found := re.match(r"(?:Resend|rs):?\s*(\d+)", text):
            self.resends += 1
            return int(found[1])
        else:
            self.others.append(text)
        return None

    def write(self, text: str) -> None:
        self.sent += 1
        self.writer.write(f"{text}\n".encode())

    async def say(self, text: str) -> str:
        """Send one line without a number, and wait for its ok."""
        if text.startswith("M110"):
            self.number = 0
        self.write(text)
        while self.oks < self.sent:
            await self.take()
        return text

    def with_number(self, number: int) -> str:
        body = f"N{number} {self.history[number]}"
        checksum = 0
        for byte in body.encode():
            checksum ^= byte
        return f"{body}*{checksum}"

    async def send(self, lines: list[str], *, numbered: bool, window: int = 1) -> None:
        """Send lines, at most `window` of them without their ok, and wait until each has one."""
        if not numbered:
            for line in lines:
                self.write(line)
                while self.sent - self.oks >= window:
                    await self.take()
        else:
            for offset, line in enumerate(lines):
                self.history[self.number + 1 + offset] = line
            last, following = self.number + len(lines), self.number + 1
            while following <= last or self.oks < self.sent:
                while following <= last and self.sent - self.oks < window:
                    self.write(self.with_number(following))
                    following += 1
                if (again := await self.take()) is not None:
                    lost = following - again
                    following = again
                    self.sent -= lost - 1  # thrown away, but the ok of the Resend counts for one
            self.number = last
        while self.oks < self.sent:
            await self.take()


@asynccontextmanager
async def driven(url: str, **more: object) -> AsyncIterator[Watch]:
    values: dict[str, object] = {"poll_s": 0.1, "quiet_s": 0.3, "settle_s": 0.05, "listen": "127.0.0.1:0"}
    settings = MarlinSettings(url, **(values | more))  # type: ignore[arg-type]
    async with watching(MarlinDriver(settings, backoff=Backoff(0.05, 0.1))) as watch:
        yield watch


async def port_of(watch: Watch) -> int:
    assert isinstance(watch.driver, MarlinDriver)
    async with asyncio.timeout(DEADLINE_S):
        while not watch.driver.port:
            await asyncio.sleep(0.02)
    return watch.driver.port


async def host_of(watch: Watch) -> Host:
    return await Host.connect(await port_of(watch))


def print_of(moves: int, e: float = 0.5) -> list[str]:
    """A print with retractions, absolute E that begins anew, and moves of 20 ms."""
    lines = ["G28", "M82", "G92 E0"]
    for number in range(1, moves + 1):
        lines.append(f"G1 X{number % 2} E{number * e:.3f} F3000")
        if number % 10 == 0:
            lines += [f"G1 E{number * e - 2:.3f}", f"G1 E{number * e:.3f}"]
    return [*lines, "M84"]
