"""`network serve` as its operator runs it: a server a site, and a board that a phone can show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import expect

from tests.kit.axe import grave
from tests.kit.proxies import free_port
from tests.kit.served import chromium
from tests.kit.sites import two_sites

WITHIN_S = 60.0


def test_a_network_serves_its_sites_and_its_board_and_ends_as_one(tmp_path: Path) -> None:
    with two_sites(tmp_path) as two:
        file, names = two.file, {id: site.settings.file for id, site in two.courier.sites.items()}
    ports = {id: free_port() for id in names}
    for n, (id, settings) in enumerate(names.items()):
        settings.write_text(settings.read_text().replace(f"port = {18080 + n}", f"port = {ports[id]}"))
    file.write_text("port = 0\n" + file.read_text())
    command = [sys.executable, "-m", "booking_api.cli", "network", "serve", "--file", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("The network's board is at http://127.0.0.1:"), said
        board = said.split()[-1]
        until(lambda: len(servers(process.pid)) == 2)
        first = servers(process.pid)
        os.kill(min(first), signal.SIGKILL)
        shows(board)
        until(lambda: all(answers(port) for port in ports.values()))
        last = servers(process.pid)
    finally:
        process.terminate()
        _, err = process.communicate(timeout=WITHIN_S)
    assert "Traceback" not in err, err
    assert process.returncode == 0
    assert len(last) == 2
    assert not [pid for pid in first | last if Path(f"/proc/{pid}").exists()]


def shows(board: str) -> None:
    told = httpx.get(f"{board}/api/v1/network", trust_env=False).json()
    assert told["name"] == "Two rivers"
    assert [(one["id"], one["reached"], one["machines"], one["free"]) for one in told["sites"]] == [
        ("berlin", True, 1, 1),
        ("shanghai", True, 1, 1),
    ]
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 360, "height": 740}, locale="en")
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(board)
        for language, word, other in (("en", "Visitors", "中文"), ("zh-Hans", "访客", "English")):
            expect(page.locator("html")).to_have_attribute("lang", language)
            expect(page.get_by_role("heading", level=2)).to_have_text(["Berlin", "上海"])
            expect(page.locator(".site").first).to_contain_text(word)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            assert grave(page) == []
            page.get_by_role("link", name=other, exact=True).click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        assert complaints == [], "the browser blocked something"


def until(holds: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < ends_s, "it did not come"
        time.sleep(0.2)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False, timeout=10).text == "ok\n"
    except httpx.TransportError:
        return False


def servers(parent: int) -> set[int]:
    """Return the processes that a process started and that still run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, began_by = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if began_by == str(parent) and state != "Z":
            found.add(int(stat.parent.name))
    return found
