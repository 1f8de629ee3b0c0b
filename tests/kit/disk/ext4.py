"""Power cuts of a journal on a real ext4, at random writes of the disk below: a part of `make campaign`.

python -m tests.kit.disk.ext4 --sessions 40 --cuts 150 --seed 1
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from tests.kit.disk.cuts import JOURNALIST, Said, said_in, well
from tests.kit.disk.recorded_disk import DISK, SAID, mounted, recorded_disk
from tests.kit.disk.writes import Disk, Write

MEMORY = Path("/dev/shm")
IMAGE_MIB = 8
MAKE = ["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
INSIDE = "--inside"
"""Given to the process that has mounts of its own: they go when it goes, however it ends."""


def record(folder: Path, sessions: int) -> list[Write]:
    """Return what a journal's file system does to its disk, after the whole of the empty one."""
    (image := folder / "empty").write_bytes(bytes(IMAGE_MIB << 20))
    subprocess.run([*MAKE, str(image)], check=True, timeout=60)
    empty = image.read_bytes()
    (below := folder / "below").mkdir()
    (above := folder / "above").mkdir()
    with recorded_disk(below, empty) as disk, mounted(below / DISK, above):
        data = above / "data"
        data.mkdir()
        (data / SAID).symlink_to(below / SAID)
        subprocess.run([sys.executable, *JOURNALIST, str(data), str(sessions)], check=True, timeout=300)
        written = len(disk.writes)
    return [Write("W", DISK, 0, empty), Write("S", DISK, 0, b""), *disk.writes[:written]]


def cut(writes: Sequence[Write], places: Sequence[int], folder: Path, random: Random) -> Counter[str]:
    """Cut the power before the writes at these places; AssertionError names the first that lost something."""
    disk, said, tried, heard = Disk(), list[Said](), Counter[str](), b""
    (laid := folder / "laid").mkdir(exist_ok=True)
    (above := folder / "above").mkdir(exist_ok=True)
    for place, one in enumerate([*writes, Write("S", SAID, 0, b"")]):
        for name, rest in _remainders(disk, random) if place in places else ():
            disk.lay_out(laid, rest)
            with mounted(laid / DISK, above):
                (above / "data").mkdir(exist_ok=True)
                try:
                    tried["entries"] += well(above / "data", said)
                except Exception as error:
                    raise AssertionError(f"cut {place}, {name}: {error!r}") from error
            tried[name] += 1
        if one.name == SAID:
            whole, _, heard = (heard + one.data).rpartition(b"\n")
            said += said_in(replace(one, data=whole))
        else:
            disk.take(one)
    return tried


def _remainders(disk: Disk, random: Random) -> Iterator[tuple[str, Iterator[Write]]]:
    yield "with all that was written", disk.all()
    yield "with what was flushed", disk.none()
    yield "with some sectors of the rest", disk.some(random)


def _run(sessions: int, cuts: int, seed: int) -> None:
    random, began_s = Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        writes = record(folder, sessions)
        first = next(place for place, one in enumerate(writes) if one.name == SAID)
        places = random.sample(range(2, len(writes) + 1), min(cuts, len(writes) - 1))
        tried = cut(writes, places, folder, random)
        lying = [one for place, one in enumerate(writes) if one.kind != "S" or place == 1]
        try:
            cut(lying, [first + 1], folder, random)
        except AssertionError as told:
            print(f"a disk that ignores flushes is told: {told}")
        else:
            raise AssertionError("a disk that ignores flushes was not told")
    flushes = sum(one.kind == "S" for one in writes)
    print(f"ext4, seed {seed}: {len(writes)} writes and flushes ({flushes}) of {sessions} sessions")
    print(", ".join(f"{what}: {count}" for what, count in tried.items()), end=", ")
    print(f"in {time.monotonic() - began_s:.0f} s: nothing that was durable was lost")


def main() -> int:
    """Record a journal's file system, cut its power, and print what was tried; or say why it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m tests.kit.disk.ext4", description=__doc__)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--cuts", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(INSIDE, action="store_true")
    given = parser.parse_args()
    if os.geteuid() or not Path("/dev/fuse").exists() or not Path("/dev/loop-control").exists():
        print("power cuts of a real ext4: not run, for root, /dev/fuse and /dev/loop-control are needed")
        return 0
    if not given.inside:
        again = [sys.executable, "-m", "tests.kit.disk.ext4", *sys.argv[1:], INSIDE]
        os.execvp("unshare", ["unshare", "--mount", *again])
    _run(given.sessions, given.cuts, given.seed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
