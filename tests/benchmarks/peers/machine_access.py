"""Decatur Makers' machine-access-control, asked over HTTP as its boxes ask it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.benchmarks.peers.processes import ended, wait_for
from tests.peers.postgres import free_port

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".peers" / "machine-access-control" / "bin" / "python"
MEMBERS = 50
MISSING = "not run: it needs Python 3.13, which is not on this machine"


class MachineAccess:
    """A box with one machine; every message of it says which fob lies on it."""

    def __init__(self, box: httpx.Client) -> None:
        self._box = box
        self._began = time.monotonic()

    def tap(self) -> tuple[float, float]:
        """Return the seconds until the box may close its relay; the state is written before, not flushed."""
        began = time.perf_counter()
        told = self._say("1000000001")
        took = time.perf_counter() - began
        assert told["relay"], told
        return took, took

    def end(self) -> None:
        """Take the fob away."""
        told = self._say("")
        assert not told["relay"], told

    def _say(self, fob: str) -> dict[str, object]:
        said = {
            "machine_name": "laser",
            "oops": False,
            "rfid_value": fob,
            "uptime": time.monotonic() - self._began,
            "wifi_signal_db": -58,
            "wifi_signal_percent": 84,
            "internal_temperature_c": 53.9,
        }
        answer = self._box.post("/api/machine/update", json=said)
        assert answer.status_code == 200, f"machine-access-control: {answer.status_code} {answer.text[:200]}"
        told: dict[str, object] = answer.json()
        return told


@contextlib.contextmanager
def machine_access(folder: Path) -> Iterator[MachineAccess]:
    """Start the server in a folder of its own, and connect a box that stays connected."""
    assert PYTHON.exists(), MISSING
    home = folder / "machine-access"
    home.mkdir()
    (home / "machines.json").write_text(json.dumps({"laser": {"authorizations_or": ["laser"]}}))
    (home / "users.json").write_text(json.dumps([_member(n) for n in range(MEMBERS)]))
    port = free_port()
    script = ROOT / "tests" / "peers" / "machine_access_server.py"
    clean = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen([PYTHON, script, str(port)], cwd=home, env=clean, stdout=log, stderr=log)
    with ended(server), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as box:
        wait_for(box, "/metrics", server)
        yield MachineAccess(box)


def _member(n: int) -> dict[str, object]:
    names = dict.fromkeys(("full_name", "first_name", "last_name", "preferred_name"), f"Member {n}")
    more = {"email": f"{n}@localhost", "expiration_ymd": "2099-12-31", "authorizations": ["laser"]}
    return {"fob_codes": [f"{1_000_000_001 + n}"], "account_id": str(n), **names, **more}
