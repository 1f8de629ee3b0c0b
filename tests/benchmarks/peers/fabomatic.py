"""Fab-O-Matic's backend, asked as one of its boards asks: over a real Mosquitto."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.kit.fabomatic import FabomaticBoard
from tests.kit.mosquitto import Mosquitto, mosquitto

ROOT = Path(__file__).resolve().parents[3]
HOME = ROOT / ".peers" / "fabomatic"
MEMBERS = 50
SETTINGS = """
[database]
url = "sqlite:///{folder}/fabomatic.db"
name = "bench"
[MQTT]
broker = "127.0.0.1"
port = {port}
client_id = "backend"
topic = "machine"
reply_subtopic = "/reply"
stats_topic = "stats"
user = ""
[web]
secret_key = "only for benchmarks"
default_admin_email = "admin@localhost"
base_url = "127.0.0.1"
"""


class Fabomatic:
    """A board with one card. A tap asks whether the member may; the use is recorded by a second message."""

    def __init__(self, board: FabomaticBoard) -> None:
        self._board = board

    def _ask(self, action: str, more: str = "") -> float:
        began = time.perf_counter()
        said = self._board.ask(f'{{"action":"{action}","uid":"a0000001"{more}}}')
        took = time.perf_counter() - began
        assert said, f"Fab-O-Matic did not answer {action}"
        assert said["request_ok"], said
        return took

    def tap(self) -> tuple[float, float]:
        """Return the seconds until the board may close its relay, and until the use is recorded."""
        allowed = self._ask("checkuser")
        return allowed, allowed + self._ask("startuse")

    def end(self) -> None:
        """End the use."""
        self._ask("stopuse", ',"duration":1')


@contextlib.contextmanager
def fabomatic(folder: Path) -> Iterator[Fabomatic]:
    """Start a broker and the backend with its SQLite in `folder`, and connect a board."""
    settings = folder / ".config" / "FabOMatic" / "settings.toml"
    settings.parent.mkdir(parents=True)
    with mosquitto(folder) as broker:
        settings.write_text(SETTINGS.format(folder=folder, port=broker.port))
        with _backend(folder), _board(broker) as board:
            yield Fabomatic(board)


@contextlib.contextmanager
def _backend(folder: Path) -> Iterator[None]:
    script = ROOT / "tests" / "peers" / "fabomatic_backend.py"
    command = [HOME / "bin" / "python", script, str(MEMBERS)]
    clean = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    backend = subprocess.Popen(command, cwd=folder, env=clean, stdout=subprocess.PIPE, text=True)
    try:
        assert backend.stdout
        while (line := backend.stdout.readline()).strip() != "ready":
            assert line, "Fab-O-Matic's backend did not start"
        yield
    finally:
        backend.kill()
        backend.wait()


@contextlib.contextmanager
def _board(broker: Mosquitto) -> Iterator[FabomaticBoard]:
    board = FabomaticBoard(broker.port, 50)
    try:
        yield board
    finally:
        board.stop()
