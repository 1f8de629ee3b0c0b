"""A machine-access-control box asks a gateway over real HTTP, as its ESPHome configuration does."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from floor.access import BadgeStanding
from floor.ids import badge_reference
from floor.policy import MachinePolicy
from floor.session import Free, LockedOut, Running
from floor.words import BadgeKind
from gateway import config
from gateway.app import Gateway, opened
from gateway.cli import main
from hardware.nodes.mac_node import MacNode
from tests.kit.gateway import BADGE_KEY, SigningServer

ADA, BEN, STRANGER = "14916441", "0000000002", "99"
PATIENCE_S = 20


def write(folder: Path, server: SigningServer, policy: MachinePolicy, node: str = "") -> Path:
    badges = {
        badge_reference(BADGE_KEY, int(fob).to_bytes(4, "big")): BadgeStanding(member, BadgeKind.WIEGAND)
        for fob, member in ((ADA, "ada"), (BEN, "ben"))
    }
    (folder / "roster.jsonl").write_bytes(server.roster(policy=policy, badges=badges) + b"\n")
    file = folder / "gateway.toml"
    file.write_text(
        f'name = "gw"\nbadge_key = "{BADGE_KEY.hex()}"\nserver_key = "{b64encode(server.public).decode()}"\n'
        '[broker]\nport = 1\n[http]\nport = 0\n[journal]\nstorage = "volatile"\n[[stations]]\n'
        f'machine = "laser"\nnode = {{kind = "mac", machine_name = "saw"{node}}}\n'
    )
    return file


class Box:
    """The box: it posts its state, and its relay follows each answer of status 2xx."""

    def __init__(self, gateway: Gateway, http: aiohttp.ClientSession) -> None:
        self.gateway, self.http = gateway, http
        self.uptime_s, self.fob, self.oops, self.relay = 30.0, "", False, False
        self.last: dict[str, Any] = {}

    @property
    def station(self) -> Any:
        return self.gateway.stations["laser"]

    async def post(self, **changed: object) -> int:
        self.uptime_s += 5
        body = {
            "machine_name": "saw",
            "oops": self.oops,
            "rfid_value": self.fob,
            "uptime": self.uptime_s,
            "wifi_signal_db": -54,
            "wifi_signal_percent": 92,
            "internal_temperature_c": 53.9,
        }
        url = f"http://127.0.0.1:{self.gateway.http.port}/api/machine/update"
        async with self.http.post(url, json=body | changed) as answer:
            self.last = await answer.json()
            if 200 <= answer.status < 300:
                self.relay = self.last["relay"]
            return answer.status

    async def put_in(self, fob: str) -> None:
        self.fob = fob
        assert await self.post() == 200

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await asyncio.sleep(0.02)

    async def facts(self) -> list[Any]:
        journal = self.gateway.journal
        await self.until(lambda: journal.durable >= journal.next_seq - 1)
        return [entry.fact for entry in await journal.to_send(0, 200)]

    async def ends(self) -> list[str]:
        return [fact.stop_type for fact in await self.facts() if fact.type == "session_ended"]


@contextlib.asynccontextmanager
async def boxed(folder: Path, policy: MachinePolicy, node: str = "") -> AsyncIterator[Box]:
    file = write(folder, SigningServer(), policy, node)
    async with opened(config.load(file)) as gateway:
        running = asyncio.create_task(gateway.run())
        try:
            async with aiohttp.ClientSession() as http:
                box = Box(gateway, http)
                await box.until(lambda: gateway.http.port)
                yield box
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with boxed(tmp_path, MachinePolicy(card_must_stay=True)) as made:
        await made.post()
        yield made


async def test_a_card_gives_power_while_it_stays(box: Box) -> None:
    await box.put_in(ADA)
    assert box.relay
    assert box.last["display"] == "Laser\nWelcome"
    assert box.last["status_led_rgb"] == [0, 1, 0]
    await box.post()
    assert box.relay
    await box.put_in("")
    await box.until(lambda: isinstance(box.station.state, Free))
    await box.post()
    assert not box.relay
    assert await box.ends() == ["card_removed"]


@pytest.mark.parametrize("fob", [BEN, STRANGER])
async def test_who_may_not_gets_no_power(box: Box, fob: str) -> None:
    await box.put_in(fob)
    assert not box.relay
    assert box.last["status_led_rgb"] == [1, 0, 0]
    assert await box.ends() == []


async def test_a_post_sent_again_is_no_second_session(box: Box) -> None:
    await box.put_in(ADA)
    for _ in range(3):
        box.uptime_s -= 5
        await box.post()
    assert [fact.type for fact in await box.facts()].count("session_started") == 1
    assert isinstance(box.station.state, Running)


async def test_a_late_answer_grants_nothing(box: Box) -> None:
    hangs, real = asyncio.Event(), box.station.tab.open

    async def slow(lease: object) -> bool:
        await hangs.wait()
        return bool(await real(lease))

    box.station.tab.open = slow
    await box.put_in(ADA)
    assert not box.relay
    hangs.set()
    await box.until(lambda: isinstance(box.station.state, Free) and box.station.beats)
    await box.until(lambda: box.station.devices.relay.is_on is False)
    box.station.tab.open = real
    await box.post()
    await box.post()
    assert not box.relay


async def test_a_box_that_began_anew_ends_the_session_and_gives_no_power_by_itself(box: Box) -> None:
    await box.put_in(ADA)
    box.uptime_s, box.relay = 1.0, False
    await box.post()
    await box.until(lambda: isinstance(box.station.state, Free))
    await box.post()
    assert not box.relay
    assert await box.ends() == ["power_lost"]


async def test_oops_locks_the_machine_out(box: Box) -> None:
    await box.put_in(ADA)
    box.oops = True
    await box.post()
    await box.until(lambda: isinstance(box.station.state, LockedOut))
    await box.post()
    assert not box.relay
    assert box.last["oops_led"] is True


async def test_a_lost_box_is_alarmed_and_locked_out(box: Box) -> None:
    await box.put_in(ADA)
    node = box.station.devices.node
    assert isinstance(node, MacNode)
    node._silent_s = 0.2
    await box.until(lambda: isinstance(box.station.state, LockedOut))
    codes = {fact.code for fact in await box.facts() if fact.type == "alarm_raised"}
    assert {"reader_lost", "relay_mismatch"} <= codes
    node._silent_s = 30
    await box.post()
    assert not box.relay


async def test_what_is_no_box_of_ours_changes_nothing(box: Box) -> None:
    assert await box.post(machine_name="other") == 404
    assert await box.post(rfid_value="x") == 400
    assert "error" in box.last
    url = f"http://127.0.0.1:{box.gateway.http.port}/api/machine/update"
    async with box.http.post(url, data='{"machine_name":"saw"}') as answer:
        assert answer.status == 415


async def test_a_box_is_heard_from_its_address_only(tmp_path: Path) -> None:
    async with boxed(tmp_path, MachinePolicy(), ', address = "192.0.2.7"') as box:
        assert await box.post() == 404


async def test_a_hazardous_machine_is_refused_and_alarmed(tmp_path: Path) -> None:
    async with boxed(tmp_path, MachinePolicy(hazardous=True)) as box:
        await box.post()
        await box.put_in(ADA)
        assert not box.relay
        refused = [fact.reason for fact in await box.facts() if fact.type == "tap_refused"]
        assert refused == ["machine_not_safe"]


@pytest.mark.parametrize("hazardous", [True, False])
def test_check_grades_the_box(tmp_path: Path, capsys: pytest.CaptureFixture[str], hazardous: bool) -> None:
    file = write(tmp_path, SigningServer(), MachinePolicy(hazardous=hazardous))
    assert main(["--config", str(file), "check"]) == int(hazardous)
    said = capsys.readouterr().out
    assert "laser: the box mac keeps power on without this gateway (it is not fail-safe)" in said
    assert ("refused: a machine above is hazardous" in said) is hazardous


def test_off_says_that_a_box_cannot_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, SigningServer(), MachinePolicy())
    assert main(["--config", str(file), "off"]) == 0
    assert "box mac was not told off" in capsys.readouterr().err
