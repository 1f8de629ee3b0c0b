"""The crowd at a real gateway without a broker: what people do becomes sessions, and no power is left on."""

import asyncio
import json
from base64 import b64encode
from pathlib import Path

import pytest

from floor.access import AccountStanding, BadgeStanding, MemberStanding
from floor.ids import badge_reference
from floor.policy import MachinePolicy, OnLeave
from floor.wire.journal import AccountChosen, Fact, SessionEnded, SessionHeld, SessionStarted, TapRefused
from floor.wire.roster import RosterMachine
from floor.words import BadgeKind, StopType
from gateway import config as configuration
from gateway.app import Gateway, opened
from gateway.simulation import crowd
from hardware.simulated import SimulatedRelay
from tests.kit.gateway import BADGE_KEY, SigningServer

USES = {"printer-1": "printer", "laser-1": "laser", "cnc-1": "cnc", "saw-1": "saw", "door-1": "door"}
POLICIES = {
    "printer-1": MachinePolicy(on_leave=OnLeave.HOLD_FOR_JOB, idle_after_s=600),
    "laser-1": MachinePolicy(card_must_stay=True, run_on_s=60),
    "door-1": MachinePolicy(max_duration_s=5, takeover=True),
}
TEAM = AccountStanding("team", "The team")
SPEED = 200


def prepare(folder: Path) -> Path:
    server = SigningServer("demo")
    uids = [bytes([4, 0, 0, n]) for n in range(12)]
    members = {
        f"m{n}": MemberStanding(
            f"m{n}", f"M{n}", "member", f"m{n}", allowed=dict.fromkeys(USES, 0), others=(TEAM,)
        )
        for n in range(12)
    }
    badges = {
        badge_reference(BADGE_KEY, uid): BadgeStanding(f"m{n}", BadgeKind.UID_13MHZ)
        for n, uid in enumerate(uids)
    }
    machines = [
        RosterMachine(id=name, name=name, policy=POLICIES.get(name, MachinePolicy()), tariffs=[])
        for name in USES
    ]
    (folder / "roster.jsonl").write_bytes(
        server.roster(members=members, badges=badges, machines=machines) + b"\n"
    )
    persons: list[dict[str, object]] = [
        {"name": f"M{n}", "uid_hex": uid.hex(), "machines": list(USES), "forgets": 0.1}
        | ({"account": TEAM.id} if n % 2 else {})
        for n, uid in enumerate(uids)
    ]
    persons.append({"name": "Nobody", "uid_hex": "05050505", "turned_away": True})
    (folder / "people.json").write_text(json.dumps(persons))
    lines = [
        'name = "demo"',
        f'badge_key = "{BADGE_KEY.hex()}"',
        f'server_key = "{b64encode(server.public).decode()}"',
        "[broker]\nport = 1",
        "[http]\nport = 0",
        f'[simulation]\npeople = "people.json"\nspeed = {SPEED}',
        "[simulation.machines]",
        *(f'{name} = "{use}"' for name, use in USES.items()),
    ]
    for name, use in USES.items():
        lines += ["[[stations]]", f'machine = "{name}"', 'reader = {kind = "simulated"}']
        lines.append('relay = {kind = "simulated"}')
        if use not in {"saw", "door"}:
            lines.append(f'driver = {{kind = "simulated", speed = {SPEED}.0, tick_s = 0.05}}')
    file = folder / "gateway.toml"
    file.write_text("\n".join(lines))
    return file


async def facts(gateway: Gateway) -> list[Fact]:
    found: list[Fact] = []
    while more := await gateway.journal.to_send(len(found), 200):
        found += [entry.fact for entry in more]
    return found


@pytest.mark.timeout(90)
async def test_people_use_machines_and_leave_them_without_power(tmp_path: Path) -> None:
    config = configuration.load(prepare(tmp_path))
    seen: list[Fact] = []

    def enough() -> bool:
        ended = {fact.stop_type for fact in seen if isinstance(fact, SessionEnded)}
        return (
            {StopType.TAP_OUT, StopType.CARD_REMOVED, StopType.JOB_DONE} <= ended
            and any(isinstance(fact, TapRefused) for fact in seen)
            and any(isinstance(fact, SessionHeld) for fact in seen)
            and any(isinstance(fact, AccountChosen) and fact.account == TEAM.id for fact in seen)
            and sum(isinstance(fact, SessionEnded) for fact in seen) > 15
        )

    async with opened(config) as gateway:
        running = asyncio.create_task(gateway.run())
        coming = asyncio.create_task(crowd.run(gateway))
        async with asyncio.timeout(60):
            while not enough():
                assert not running.done()
                assert not coming.done()
                await asyncio.sleep(0.2)
                seen = await facts(gateway)
        for task in (coming, running):
            task.cancel()
        await asyncio.gather(coming, running, return_exceptions=True)
        relays = [station.devices.relay for station in gateway.stations.values()]
        assert all(isinstance(relay, SimulatedRelay) and not relay.contact for relay in relays)
    started = {fact.session_id for fact in seen if isinstance(fact, SessionStarted)}
    assert {fact.session_id for fact in seen if isinstance(fact, SessionEnded)} <= started
