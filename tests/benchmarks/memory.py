"""The memory of a gateway's process with sixteen stations and five thousand members."""

from __future__ import annotations

import asyncio
import sys
from base64 import b64encode
from pathlib import Path

from floor.access import BadgeStanding, MemberStanding, Tally
from floor.ids import badge_reference
from floor.policy import MachinePolicy
from floor.wire.roster import Roster, RosterMachine
from floor.words import BadgeKind
from tests.benchmarks.result import Figure
from tests.kit.gateway import ADA, BADGE_KEY, TARIFF, SigningServer, make_roster

STATIONS, MEMBERS = 16, 5_000
NOW_MS, HOUR_MS = 1_779_000_000_000, 3_600_000


def _tallies(machines: list[str], n: int) -> tuple[Tally, ...]:
    """What limits count of a member: a use of each machine, at times of their own."""
    begins = range(NOW_MS + n * 1_000, NOW_MS + n * 1_000 + len(machines) * HOUR_MS, HOUR_MS)
    return tuple(
        Tally(machine, "walk_in", at_ms, at_ms + 600_000)
        for machine, at_ms in zip(machines, begins, strict=True)
    )


def large_roster(machines: list[str], members: int = MEMBERS) -> Roster:
    """Make a roster of many members, each with a badge that proves itself and with uses that limits count.

    The first has a badge without a key too: the one of tests.kit.gateway.
    """
    standings = {
        id: MemberStanding(
            id,
            f"Member {n}",
            "standard",
            id,
            allowed=dict.fromkeys(machines, 0),
            counted=_tallies(machines, n),
        )
        for n, id in enumerate(f"member-{n}" for n in range(members))
    }
    badges = {
        badge_reference(BADGE_KEY, n.to_bytes(7, "big")): BadgeStanding(
            f"member-{n}", BadgeKind.NTAG424, key=f"{n:032x}"
        )
        for n in range(members)
    }
    badges[badge_reference(BADGE_KEY, ADA)] = BadgeStanding("member-0", BadgeKind.UID_125KHZ)
    known = [RosterMachine(id=m, name=m, policy=MachinePolicy(), tariffs=[TARIFF]) for m in machines]
    return make_roster(members=standings, badges=badges, machines=known)


async def gateway_memory(folder: Path) -> list[Figure]:
    """Start the real process, wait until it serves, let it run a few seconds, read what it holds."""
    server = SigningServer()
    machines = [f"m{n}" for n in range(STATIONS)]
    roster = large_roster(machines)
    (folder / "roster.jsonl").write_bytes(server.sign("roster", roster) + b"\n")
    stations = "".join(
        f'[[stations]]\nmachine = "{m}"\nreader = {{kind = "simulated"}}\nrelay = {{kind = "simulated"}}\n'
        for m in machines
    )
    (folder / "gateway.toml").write_text(
        f'name = "gw"\nbadge_key = "{BADGE_KEY.hex()}"\nserver_key = "{b64encode(server.public).decode()}"\n'
        f'[http]\nport = 0\n[journal]\nstorage = "volatile"\n[broker]\nport = 9\n{stations}'
    )
    run = "from gateway.cli import main; raise SystemExit(main())"
    command = ["-c", run, "--log", "error", "--config", str(folder / "gateway.toml"), "run"]
    process = await asyncio.create_subprocess_exec(sys.executable, *command)
    try:
        await asyncio.sleep(8)
        assert process.returncode is None, "the gateway did not start"
        status = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    now, most = (round(int(fields[key].split()[0]) / 1024, 1) for key in ("VmRSS", "VmHWM"))
    what = f"gateway memory, {STATIONS} stations, {MEMBERS:,} members"
    return [
        Figure(f"{what}: resident", now, "MB", None, "< 80 MB", now < 80),
        Figure(f"{what}: most since its start", most, "MB"),
    ]
