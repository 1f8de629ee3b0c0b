"""A gateway that was a week offline comes back beside one that is in use: real processes, and what it takes.

python -m tests.simulation.week --uses 8

Sixteen stations had so many uses of half an hour a day, with a checkpoint every 30 seconds. How long the
server takes for them, how much memory gateway and server need, and how long the other gateway's entries wait.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from sqlmodel import col, func, select

from booking_api.db import Database
from booking_api.members.models import Member
from booking_api.metering.models import JournalHead, JournalRecord
from booking_api.sessions.models import MachineSession, SessionState
from floor.wire.journal import SessionStarted
from gateway.journal_store import JournalStore
from tests.kit.server import Writer
from tests.simulation.processes import ADA, BIN, LAID_S, PATIENCE_S, PRICE_MICRO_MS, WIRED, Space, until

MEMORY = Path("/dev/shm")
STATIONS, DAYS, MINUTES, CHECKPOINTS = 16, 7, 30, 60
DAY_MS, MINUTE_MS = 86_400_000, 60_000
BACK = "pi-2"
CAUGHT_UP_S = 1_800.0
STARVED_S = 30.0
"""An entry of the gateway in use may not take longer to the server's database."""
ENROL = """
cd space
makerfloor gateway enrol {gateway} --out ../{gateway}/gateway.toml
for n in $(seq {stations}); do
    makerfloor machine add old-$n Old-$n --gateway {gateway} --tariff saw --open-to-all
done
makerfloor broker files ../broker
"""

SIMULATED = """
[[stations]]
machine = "old-{}"
reader = {{kind = "simulated"}}
relay = {{kind = "simulated"}}
"""


def written(member: str, uses: int) -> Writer:
    """Write the week's journal, which ended a minute ago."""
    journal = Writer(BACK, start_ms=round(time.time() * 1000) - DAYS * DAY_MS - MINUTE_MS)
    for day in range(DAYS):
        for use in range(uses):
            for n in range(1, STATIONS + 1):
                journal.monotonic_ms = day * DAY_MS + (2 * use + 1) * MINUTES * MINUTE_MS + n
                journal.session(member, MINUTES, f"old-{n}", checkpoints=CHECKPOINTS)
    return journal


class Week:
    """The space, the gateway that comes back, and what the server's database has of both."""

    def __init__(self, folder: Path, uses: int) -> None:
        self.space, self.pi = Space(folder), folder / BACK
        self.pi.mkdir()
        self.space.shell(ENROL.format(gateway=BACK, stations=STATIONS))
        with (self.pi / "gateway.toml").open("a") as file:
            file.write(WIRED.format(checkpoint_s=30))
            file.writelines(SIMULATED.format(n) for n in range(1, STATIONS + 1))
        self.space.commands["back"] = [
            str(BIN / "makerfloor-gateway"), "--config", f"{BACK}/gateway.toml", "run"
        ]  # fmt: skip
        (url,) = {f"sqlite:///{path}" for path in (folder / "space").rglob("makerfloor.db")}
        self.database = Database(url, folder)
        with self.database.read() as session:
            member = session.exec(select(Member.id).where(Member.number == "1001")).one()
        self.journal = written(member, uses)
        store = JournalStore(self.pi / "journal.db")
        store.write((1, entry, entry.model_dump_json()) for entry in self.journal.entries)
        store.close()

    def head(self, gateway: str) -> int:
        with self.database.read() as session:
            found = select(func.max(JournalHead.seq)).where(JournalHead.gateway == gateway)
            return session.exec(found).one() or 0

    def told_s(self) -> float:
        """Tap at the gateway in use, and return how long the server took to have it."""
        before, began_s = self.head("pi-1"), time.monotonic()
        self.space.tap("saw", ADA)
        until(lambda: self.head("pi-1") > before, "the server has the tap")
        took_s = time.monotonic() - began_s
        time.sleep(LAID_S)
        return took_s

    def memory_mib(self, name: str) -> float:
        """The most memory that a process ever had, in MiB."""
        status = Path(f"/proc/{self.space.processes[name].pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def wrong(self) -> Iterator[str]:
        """Yield what is missing, twice or wrongly charged."""
        with self.database.read() as session:
            seqs = session.exec(
                select(JournalRecord.seq)
                .where(JournalRecord.gateway == BACK)
                .where(JournalRecord.seq <= len(self.journal.entries))
                .order_by(col(JournalRecord.seq))
            ).all()
            rows = session.exec(select(MachineSession).where(col(MachineSession.machine).like("old-%"))).all()
        if list(seqs) != [entry.seq for entry in self.journal.entries]:
            yield f"{len(seqs)} entries of {len(self.journal.entries)} are there"
        facts = [entry.fact for entry in self.journal.entries]
        starts = {fact.session_id for fact in facts if isinstance(fact, SessionStarted)}
        if {row.id for row in rows} != starts:
            yield f"{len(rows)} sessions, not {len(starts)}"
        cost = MINUTES * MINUTE_MS * PRICE_MICRO_MS
        for row in rows:
            if row.state is not SessionState.PRICED or row.total_micro != cost:
                yield f"{row.id} is {row.state} at {row.total_micro}, not {cost}"

    def end(self) -> None:
        self.database.close()
        back = self.space.processes.get("back")
        if back and back.poll() is None:
            back.terminate()
            back.wait(PATIENCE_S)
        self.space.end()


@contextmanager
def week(uses: int) -> Iterator[Week]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        lived = Week(Path(folder), uses)
        try:
            yield lived
        finally:
            lived.end()


def main() -> int:
    """Let it come back once, and print what it took; 1 when something is lost, twice or starved."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.week", description=__doc__)
    parser.add_argument("--uses", type=int, default=8)
    with week(parser.parse_args().uses) as lived:
        for name in ("broker", "server", "gateway"):
            lived.space.start(name)
        lived.space.tap_until(closed=True)
        calm_s = [lived.told_s() for _ in range(5)]
        idle_mib = lived.memory_mib("server")
        lived.space.start("back")
        began_s, last = time.monotonic(), len(lived.journal.entries)
        busy_s: list[float] = []
        while lived.head(BACK) < last and time.monotonic() < began_s + CAUGHT_UP_S:
            busy_s.append(lived.told_s())
            assert lived.space.processes["back"].poll() is None, (lived.pi.parent / "back.log").read_text()
        took_s = time.monotonic() - began_s
        print(f"{last} entries in {took_s:.0f} s; at most {lived.memory_mib('back'):.0f} MiB at the gateway,")
        print(f"{lived.memory_mib('server'):.0f} MiB at the server (before: {idle_mib:.0f})")
        for when, times_s in (("before", calm_s), ("meanwhile", busy_s)):
            print(
                f"{when}, {len(times_s)} taps elsewhere took {median(times_s):.2f} s in the middle, ", end=""
            )
            print(f"{max(times_s):.2f} s at most, to the server's database")
        wrong = list(lived.wrong())
        wrong += [f"another gateway's tap waited {one:.1f} s" for one in busy_s if one > STARVED_S]
    print(*wrong, f"contradictions: {len(wrong)}", sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
