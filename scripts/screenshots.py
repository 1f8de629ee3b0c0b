"""Make the README's picture of the board: a demo of its own, seen in Chromium after a while of life."""

import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import Empty, Queue
from typing import IO

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "images" / "board.png"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
START_S = 60
LIFE_S = 20
ARGUMENTS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"


def read(output: IO[str], lines: "Queue[str]") -> None:
    """Keep on reading, so that the demo never waits for us; what does not fit any more is let go."""
    for line in output:
        if not lines.full():
            lines.put(line)


def address(demo: "subprocess.Popen[str]") -> str:
    """Wait until the demo says where it is; SystemExit with its words when it does not."""
    lines: Queue[str] = Queue(maxsize=1000)
    assert demo.stdout
    threading.Thread(target=read, args=[demo.stdout, lines], daemon=True).start()
    said, deadline = "", time.monotonic() + START_S
    while time.monotonic() < deadline and demo.poll() is None:
        try:
            said += lines.get(timeout=0.2)
        except Empty:
            continue
        if found := ADDRESS.search(said):
            return found[0]
    raise SystemExit(f"screenshots: the demo did not say where it is:\n{said[-2000:]}")


def main() -> None:
    """Run the demo on data of its own, so that nobody's is lost, and take the picture."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("screenshots: chromium is missing; apt-get install chromium")
    makerfloor = Path(sys.executable).with_name("makerfloor")
    with tempfile.TemporaryDirectory() as data:
        command = [str(makerfloor), "demo", "--data", data, "--port", "0", "--speed", "60"]
        demo = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )
        try:
            where = address(demo)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS.split())
                page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=2)
                page.goto(where, wait_until="domcontentloaded")
                page.wait_for_timeout(LIFE_S * 1000)
                TARGET.parent.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=TARGET)
                browser.close()
        finally:
            demo.terminate()
            try:
                demo.wait(30)
            except subprocess.TimeoutExpired:
                demo.kill()
    print(TARGET.relative_to(ROOT))


if __name__ == "__main__":
    main()
