"""A whole gateway hears its contacts by itself, and tells staff when a clear cannot hold."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from floor.session import Free, LockedOut
from floor.wire.messages import Clear, Command
from floor.words import BadgeKind
from gateway import config
from gateway.app import Gateway, opened
from hardware.events import BadgeTapped
from hardware.panels.stack_light import StackLight
from hardware.relays.gpio import Line
from hardware.simulated import SimulatedInput
from tests.kit.gateway import ADA, BADGE_KEY, NOW_MS, SigningServer
from tests.kit.pins import FakePins


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    server = SigningServer()
    (tmp_path / "roster.jsonl").write_bytes(server.roster() + b"\n")
    (tmp_path / "gateway.toml").write_text(
        f'name = "gw"\nbadge_key = "{BADGE_KEY.hex()}"\nserver_key = "{b64encode(server.public).decode()}"\n'
        '[http]\nport = 0\n[journal]\nstorage = "volatile"\n[[stations]]\nmachine = "laser"\n'
        'reader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
        'inputs = [{role = "emergency_stop", kind = "simulated"}]\n'
    )
    async with opened(config.load(tmp_path / "gateway.toml")) as made:
        yield made


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[None]:
    task = asyncio.create_task(gateway.run())
    await asyncio.sleep(0.1)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def clear(gateway: Gateway, id: str) -> tuple[bool, str]:
    order = Clear(machine="laser", reason="released")
    command = Command(
        id=id, gateway="gw", by="tech", issued_ms=NOW_MS, expires_ms=NOW_MS + 60_000, order=order
    )
    reply = gateway.link._carry(command)
    return reply.done, reply.words


async def test_an_emergency_stop_is_heard_and_held_while_it_is_pressed(gateway: Gateway) -> None:
    station = gateway.stations["laser"]
    relay, stop = station.devices.relay, cast(SimulatedInput, station.devices.inputs[0])
    async with running(gateway):
        await station.put(BadgeTapped(ADA, BadgeKind.UID_125KHZ))
        await until(lambda: relay.is_on)
        await stop.change(True)
        await until(lambda: not relay.is_on and isinstance(station.state, LockedOut))
        done, words = clear(gateway, "c1")
        assert not done
        assert words == "The emergency stop was pressed. Staff have to clear this machine."
        await stop.change(False)
        await until(lambda: station.inputs.holds() is None)
        assert isinstance(station.state, LockedOut)
        assert clear(gateway, "c2") == (True, "")
        await until(lambda: station.state == Free())
    assert not relay.is_on


async def test_a_stack_light_goes_dark_with_its_gateway(gateway: Gateway) -> None:
    pins, station = FakePins(), gateway.stations["laser"]
    light = StackLight("mast", pins, {}, Line(25))
    station.devices = replace(station.devices, panel=light)
    async with running(gateway):
        station.view.identify()
        assert pins.levels[25] == 1
    assert pins.levels[25] == 0
