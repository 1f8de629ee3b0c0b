"""What happens first when a gateway is told to stop, and what it remembers when it starts again."""

import asyncio
import contextlib
from base64 import b64encode

import pytest

from floor.session import LockedOut
from floor.wire.messages import LockOut
from floor.words import BadgeKind
from gateway import config
from gateway.app import opened
from gateway.wiring import Ordered
from hardware.events import BadgeTapped
from tests.kit.gateway import ADA, BADGE_KEY, SigningServer


@pytest.fixture
def settings(tmp_path):
    server = SigningServer()
    (tmp_path / "roster.jsonl").write_bytes(server.roster() + b"\n")
    (tmp_path / "gateway.toml").write_text(
        f'name = "gw"\nbadge_key = "{BADGE_KEY.hex()}"\nserver_key = "{b64encode(server.public).decode()}"\n'
        '[http]\nport = 0\n[journal]\nstorage = "volatile"\n[[stations]]\nmachine = "laser"\n'
        'reader = {kind = "simulated"}\nrelay = {kind = "simulated"}\n'
    )
    return config.load(tmp_path / "gateway.toml")


async def test_a_machine_that_was_out_of_order_is_so_when_the_gateway_starts_again(settings):
    async with opened(settings) as gateway:
        await gateway.stations["laser"].handle(Ordered(LockOut(machine="laser", reason="smoke"), "m2"), 0.0)
    async with opened(settings) as gateway:
        assert gateway.stations["laser"].state == LockedOut("smoke")


async def test_relays_open_before_anything_is_waited_for(settings, monkeypatch):
    released = asyncio.Event()

    async def lingers() -> None:
        """A link whose broker hangs while it says goodbye."""
        try:
            await asyncio.Event().wait()
        finally:
            await released.wait()

    async with opened(settings) as gateway:
        monkeypatch.setattr(gateway.link, "run", lingers)
        running = asyncio.create_task(gateway.run())
        await asyncio.sleep(0.1)
        station = gateway.stations["laser"]
        await station.put(BadgeTapped(ADA, BadgeKind.UID_125KHZ))
        async with asyncio.timeout(10):
            while not station.devices.relay.is_on:
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.sleep(0.1)
        assert not running.done()
        assert not station.devices.relay.is_on
        released.set()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        kinds = [entry.fact.type for entry in await gateway.journal.to_send(0, 10)]
    assert "session_metered" in kinds
