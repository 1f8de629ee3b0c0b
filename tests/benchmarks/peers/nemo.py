"""NEMO behind gunicorn (two processes, four threads each), used as browsers use it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.benchmarks.peers.processes import ended, wait_for
from tests.peers.postgres import free_port

ROOT = Path(__file__).resolve().parents[3]
PEERS = ROOT / "tests" / "peers"
HOME = ROOT / ".peers" / "nemo-billing"
WORKERS = ("--workers", "2", "--threads", "4", "--log-level", "error")
TOKEN = "b" * 32
PATIENCE_S = 600.0


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


class Bills:
    """A manager's browser at a NEMO with NEMO-billing."""

    def __init__(self, browser: httpx.Client) -> None:
        self._browser = browser

    def priced(self, month: str, last_day: int) -> tuple[float, list[dict[str, object]]]:
        """Return the seconds until the month's uses are listed with their prices, and the list."""
        asked = {"start": f"{month}-01", "end": f"{month}-{last_day}", "format": "json"}
        began = time.perf_counter()
        answer = self._browser.get("/api/billing/billing_data/", params=asked)
        took = time.perf_counter() - began
        assert answer.status_code == 200, f"NEMO: {answer.status_code} {answer.text[:200]}"
        rows: list[dict[str, object]] = answer.json()
        return took, rows

    def invoices(self, month: str) -> tuple[float, int]:
        """Return the seconds until the month's invoices and their PDFs are made, and how many they are."""
        began = time.perf_counter()
        wanted = {"account_id": "All", "month": f"{month}-01"}
        answer = self._browser.post("/invoices/generate_monthly_invoices/", data=wanted)
        took = time.perf_counter() - began
        assert answer.status_code == 302, f"NEMO: {answer.status_code} {answer.text[:200]}"
        year, number = month.split("-")
        shown = self._browser.get(
            f"/invoices/filter/{int(year)}/{int(number)}/", params={"csv": "1", "pp": "0"}
        )
        return took, len(shown.text.splitlines()) - 1


@contextlib.contextmanager
def nemo(folder: Path) -> Iterator[Nemo]:
    """Start NEMO in `folder`, its plugin switched off, and sign a member's browser in."""
    with (
        _served(folder / "nemo", "", "nemo_floor.py") as (at, (tool, member, project, key)),
        _browser(at, key) as browser,
    ):
        yield Nemo(browser, tool, member, project)


@contextlib.contextmanager
def nemo_billing(folder: Path, accounts: int, uses: int, months: list[str]) -> Iterator[tuple[Nemo, Bills]]:
    """Make months of uses, start NEMO with NEMO-billing, and sign in a capped member and a manager."""
    script = ("nemo_billing_floor.py", str(accounts), str(uses), *months)
    with (
        _served(folder / "nemo-billing", "1", *script) as (at, (tool, member, project, key, manager)),
        _browser(at, key) as one,
        _browser(at, manager) as other,
    ):
        yield Nemo(one, tool, member, project), Bills(other)


@contextlib.contextmanager
def _served(floor: Path, billing: str, *script: str) -> Iterator[tuple[str, list[str]]]:
    """Run a script that furnishes NEMO and start it; gives its address, and what the script printed."""
    assert (HOME / "bin" / "python").exists(), "not run: NEMO is not installed"
    floor.mkdir()
    shutil.copyfile(_tables(), floor / "nemo.db")
    made = _run(floor, billing, *script)
    at = f"127.0.0.1:{free_port()}"
    command = [HOME / "bin" / "gunicorn", "--bind", at, *WORKERS, "NEMO.wsgi"]
    server = subprocess.Popen(command, cwd=floor, env=_clean(floor, billing))
    with ended(server):
        with httpx.Client(base_url=f"http://{at}") as browser:
            wait_for(browser, "/login/", server)
        yield at, made.split()


def _tables() -> Path:
    """Return a database with the tables of NEMO and its plugin; to make it takes most of a minute, once."""
    made = HOME / "floor" / "nemo.db"
    if not made.exists():
        with tempfile.TemporaryDirectory(dir=HOME) as folder:
            _run(Path(folder), "1", "nemo_floor.py", "tables")
            made.parent.mkdir(exist_ok=True)
            (Path(folder) / "nemo.db").rename(made)
    return made


def _clean(floor: Path, billing: str) -> dict[str, str]:
    own = {"NEMO_FLOOR": str(floor), "NEMO_BILLING": billing, "DJANGO_SETTINGS_MODULE": "nemo_settings"}
    return own | {"PATH": os.environ["PATH"], "PYTHONPATH": str(PEERS)}


def _run(floor: Path, billing: str, script: str, *words: str) -> str:
    command = [HOME / "bin" / "python", PEERS / script, *words]
    made = subprocess.run(command, env=_clean(floor, billing), capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    return made.stdout


def _browser(at: str, key: str) -> httpx.Client:
    cookies = {"sessionid": key, "csrftoken": TOKEN}
    headers = {"X-CSRFToken": TOKEN}
    return httpx.Client(base_url=f"http://{at}", cookies=cookies, headers=headers, timeout=PATIENCE_S)
