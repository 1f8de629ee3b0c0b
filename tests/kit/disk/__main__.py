"""Many power cuts of one long journal: a part of `make campaign`.

python -m tests.kit.disk --sessions 60 --partly 20 --seed 1
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.kit.disk.cuts import JOURNALIST, cut_everywhere
from tests.kit.disk.writes import recorded, recorder

MEMORY = Path("/dev/shm")


def main() -> int:
    """Record a journal, cut the power at each of its writes, and print what was tried."""
    parser = argparse.ArgumentParser(prog="python -m tests.kit.disk", description=__doc__)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--partly", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        (data := folder / "data").mkdir()
        writes = recorded([*JOURNALIST, str(data), str(given.sessions)], data, recorder(folder))
        tried = cut_everywhere(writes, folder, partly=given.partly, seed=given.seed)
    print(f"{tried.cuts} power cuts at {len(writes)} writes of a journal, seed {given.seed}", end=", ")
    print(f"in {time.monotonic() - began_s:.0f} s: nothing that was durable was lost")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
