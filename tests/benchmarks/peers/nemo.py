"""NEMO behind gunicorn (two processes, four threads each), used as a member's browser uses it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[3]
PEERS = ROOT / "tests" / "peers"
BIN = ROOT / ".peers" / "nemo" / "bin"
TOKEN = "b" * 32
READY_S = 120.0


class Nemo:
    """A browser that is signed in. A tap enables a tool, which records its use."""

    def __init__(self, browser: httpx.Client, tool: str, member: str, project: str) -> None:
        self._browser = browser
        self._on = f"/enable_tool/{tool}/user/{member}/project/{project}/staff_charge/false/"
        self._off = f"/disable_tool/{tool}/"

    def _post(self, path: str) -> float:
        began = time.perf_counter()
        answer = self._browser.post(path)
        took = time.perf_counter() - began
        assert answer.status_code == 200, f"NEMO: {path}: {answer.status_code} {answer.text[:200]}"
        return took

    def tap(self) -> tuple[float, float]:
        """Return the seconds until the tool is enabled and its use recorded; it is one answer."""
        took = self._post(self._on)
        return took, took

    def end(self) -> None:
        """Disable the tool."""
        self._post(self._off)


@contextlib.contextmanager
def nemo(folder: Path) -> Iterator[Nemo]:
    """Make NEMO's tables in `folder`, start it, and sign a member's browser in."""
    floor = folder / "nemo"
    floor.mkdir()
    clean = {"NEMO_FLOOR": str(floor), "PYTHONPATH": str(PEERS), "DJANGO_SETTINGS_MODULE": "nemo_settings"}
    clean["PATH"] = os.environ["PATH"]
    made = subprocess.run(
        [BIN / "python", PEERS / "nemo_floor.py"], env=clean, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr[-2000:]
    tool, member, project, key = made.stdout.split()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{free.getsockname()[1]}"
    workers = ("--workers", "2", "--threads", "4", "--log-level", "error")
    server = subprocess.Popen([BIN / "gunicorn", "--bind", at, *workers, "NEMO.wsgi"], cwd=floor, env=clean)
    cookies = {"sessionid": key, "csrftoken": TOKEN}
    try:
        with httpx.Client(
            base_url=f"http://{at}", cookies=cookies, headers={"X-CSRFToken": TOKEN}, timeout=30
        ) as browser:
            _answers(browser)
            yield Nemo(browser, tool, member, project)
    finally:
        server.terminate()
        server.wait()


def _answers(browser: httpx.Client) -> None:
    until = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            browser.get("/login/")
            return
        assert time.monotonic() < until, "NEMO did not start"
        time.sleep(0.1)
