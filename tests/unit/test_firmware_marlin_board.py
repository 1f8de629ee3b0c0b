"""The Marlin driver with settings that are wrong, and with a board that opening resets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import pytest

from firmware_bridge.backoff import Backoff
from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    MachineEvent,
    Noise,
)
from firmware_bridge.marlin.driver import MarlinDriver, MarlinSettings
from firmware_bridge.transports import Stream
from firmware_bridge.transports.scripted import ScriptedTransports
from floor.errors import ConfigError, MachineUnreachable
from floor.words import Activity


def test_wrong_settings_say_what_would_be_right() -> None:
    with pytest.raises(ConfigError, match="names no line"):
        MarlinDriver(MarlinSettings("serial://nothing"))
    with pytest.raises(ConfigError, match="no address"):
        MarlinDriver(MarlinSettings("tcp://h:1", mode="proxy", listen="2500"))


class LateBoard:
    """A board that opening resets: it hears nothing until its greeting, and merges what it answers."""

    resets = True

    def __init__(self) -> None:
        self.says: asyncio.Queue[bytes] = asyncio.Queue()
        self.greeted = False

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Stream, None]:
        self.says.put_nowait(b"\x00\x00sta")
        asyncio.get_running_loop().call_later(0.05, self._greet)
        yield self

    def _greet(self) -> None:
        self.greeted = True
        self.says.put_nowait(b"\nstart\necho: External Reset\nMarlin 1.1.9\nec")

    async def read(self, deadline_s: float) -> bytes:
        try:
            async with asyncio.timeout(deadline_s):
                return await self.says.get()
        except TimeoutError as error:
            raise MachineUnreachable("silent") from error

    async def write(self, data: bytes) -> None:
        assert self.greeted
        for line in data.splitlines():
            answer = (
                b"FIRMWARE_NAME:Marlin 1.1.9 MACHINE_TYPE:Anet" if line == b"M115" else b"Not SD printing"
            )
            self.says.put_nowait(b"ho:TF init fail\n" + answer + b"\nok\n")


async def test_a_board_that_opening_resets_is_asked_once_it_greeted() -> None:
    board = LateBoard()
    driver = MarlinDriver(
        MarlinSettings("tcp://board:1"),
        transports=ScriptedTransports(line=board),
        backoff=Backoff(0.01, 0.01),
    )
    seen: list[MachineEvent] = []
    async with asyncio.timeout(20), aclosing(driver.events()) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, Identified):
                break
    assert Identified("Anet", "Marlin 1.1.9") in seen
    assert ActivityChanged(Activity.IDLE, "") in seen
    assert [type(event) for event in seen].count(Noise) == 1
