"""What 16 printers, and 8 lasers beside them, cost the gateway's process: one core's share, and memory."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from floor.policy import MachinePolicy
from floor.wire.roster import RosterMachine
from tests.benchmarks.result import Figure
from tests.kit.gateway import BADGE_KEY, TARIFF, SigningServer, make_roster

PRINTERS, LASERS = 16, 8
SETTLE_S, MEASURE_S = 20.0, 20.0
RUN = "from gateway.cli import main; raise SystemExit(main())"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: percent of one core while it ran, MB at the end and at most."""

    core_percent: float
    resident_mb: float
    most_mb: float


async def machines(folder: Path) -> list[Figure]:
    """Run the real gateway with no machine, with the printers, with printers and lasers: all three at once.

    They need a few hundredths of a core, and what is counted is each process' own time.
    """
    command = ["-m", "tests.benchmarks.machine_peers", str(LASERS)]
    peers = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    try:
        assert peers.stdout
        web, *lines = (await peers.stdout.readline()).decode().split()
        printers = [
            f'{{kind = "octoprint", url = "http://127.0.0.1:{web}/{n}", api_key = "k"}}'
            for n in range(PRINTERS)
        ]
        lasers = [f'{{kind = "grbl", url = "tcp://127.0.0.1:{port}"}}' for port in lines]
        folders = [folder / name for name in ("none", "printers", "every")]
        for one in folders:
            one.mkdir()
        none, some, every = await asyncio.gather(
            gateway(folders[0], [""] * (PRINTERS + LASERS)),
            gateway(folders[1], [*printers, *[""] * LASERS]),
            gateway(folders[2], [*printers, *lasers]),
        )
    finally:
        peers.terminate()
        await peers.wait()
    figures: list[Figure] = []
    goals = {f"{PRINTERS} printers": some, f"{PRINTERS} printers and {LASERS} lasers": every}
    for what, cost in goals.items():
        only_printers = cost is some
        goal, held = ("< 10 %", cost.core_percent < 10) if only_printers else ("", None)
        memory = cost.resident_mb, "MB", none.resident_mb
        figures += [
            Figure(f"gateway, {what}: of one core", cost.core_percent, "%", none.core_percent, goal, held),
            Figure(f"gateway, {what}: resident", *memory, "< 100 MB", cost.resident_mb < 100),
            Figure(f"gateway, {what}: most since its start", cost.most_mb, "MB", none.most_mb),
        ]
    return figures


REACHED = re.compile(r'^makerfloor_machine_reachable\{machine="(\w+)"\} 1', re.MULTILINE)


async def gateway(folder: Path, drivers: list[str]) -> Cost:
    """Start the real process with a station for each driver, and look at it from outside."""
    names = [f"m{n}" for n in range(len(drivers))]
    server = SigningServer()
    roster = make_roster(
        machines=[RosterMachine(id=m, name=m, policy=MachinePolicy(), tariffs=[TARIFF]) for m in names]
    )
    (folder / "roster.jsonl").write_bytes(server.sign("roster", roster) + b"\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stations = "".join(
        f'[[stations]]\nmachine = "{name}"\nreader = {{kind = "simulated"}}\nrelay = {{kind = "simulated"}}\n'
        + (f"driver = {driver}\n" if driver else "")
        for name, driver in zip(names, drivers, strict=True)
    )
    (folder / "gateway.toml").write_text(
        f'name = "gw"\nbadge_key = "{BADGE_KEY.hex()}"\nserver_key = "{b64encode(server.public).decode()}"\n'
        f'[http]\nport = {port}\n[journal]\nstorage = "volatile"\n[broker]\nport = 9\n{stations}'
    )
    command = ["-c", RUN, "--log", "error", "--config", str(folder / "gateway.toml"), "run"]
    process = await asyncio.create_subprocess_exec(sys.executable, *command)
    try:
        await asyncio.sleep(SETTLE_S)
        before_s = await asyncio.to_thread(_cpu_s, process.pid)
        await asyncio.sleep(MEASURE_S)
        took_s = await asyncio.to_thread(_cpu_s, process.pid) - before_s
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as metrics:
            reached = REACHED.findall(await metrics.text())
        assert len(reached) == len(drivers), f"only these were there: {reached}"
        now, most = await asyncio.to_thread(_memory_mb, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    return Cost(round(took_s / MEASURE_S * 100, 2), now, most)


def _cpu_s(pid: int) -> float:
    """User and system time of a process (proc(5), stat: fields 14 and 15), in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def _memory_mb(pid: int) -> tuple[float, float]:
    """Memory of a process now and at most (proc(5), status)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    now, most = (round(int(fields[key].split()[0]) / 1024, 1) for key in ("VmRSS", "VmHWM"))
    return now, most
