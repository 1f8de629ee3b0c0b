"""Gateway, server and Mosquitto as real processes, killed with SIGKILL; the relay's own knows the truth."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.processes import NEAR_S, PRICE_MICRO_MS, Space, until


def sessions(space: Space) -> list[tuple[str, int, str, int]]:
    """Return state, elapsed ms, stop type and price of each session, oldest first."""
    (path,) = (space.folder / "space").rglob("makerfloor.db")
    books = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        query = "SELECT state, elapsed_ms, stop_type, total_micro FROM machine_session ORDER BY started_ms"
        return books.execute(query).fetchall()
    finally:
        books.close()


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    made = Space(tmp_path)
    yield made
    made.end()


def kill_the_gateway(space: Space) -> None:
    """Its relay stays until the unit's own command; the next process gives no power by itself."""
    space.tap_until(closed=True)
    time.sleep(2.5)
    space.kill("gateway")
    assert space.rig.closed("saw"), "a Pi's kernel keeps the level of a process that died"
    space.stop_post()
    assert not space.rig.closed("saw")
    space.start("gateway")
    time.sleep(2)
    assert not space.rig.closed("saw")


def kill_behind_the_gateway(space: Space, name: str) -> None:
    """Somebody dies in a session, which ends without them, and another begins: the gateway keeps both."""
    space.tap_until(closed=True)
    space.kill(name)
    time.sleep(1)
    space.tap_until(closed=False)
    space.tap_until(closed=True)
    space.start(name)
    space.tap_until(closed=False)


@pytest.mark.timeout(300)
def test_whoever_is_killed_each_use_is_billed_once_and_as_long_as_it_was(space: Space) -> None:
    for name in ("broker", "server", "gateway"):
        space.start(name)
    kill_the_gateway(space)
    kill_behind_the_gateway(space, "server")
    kill_the_gateway(space)
    kill_behind_the_gateway(space, "broker")
    space.kill("gateway")  # with what was just ended perhaps unsent
    space.start("gateway")

    used_s = [use.lasted_s for use in space.rig.uses]
    assert len(used_s) == 6
    until(
        lambda: [state for state, *_ in sessions(space)] == ["priced"] * len(used_s),
        "every use is a priced session",
    )
    for lasted_s, (_, elapsed_ms, stop_type, total_micro) in zip(used_s, sessions(space), strict=True):
        cut = stop_type == "power_lost"
        least_s = 1.0 if cut else lasted_s - NEAR_S
        assert least_s <= elapsed_ms / 1000 <= lasted_s + NEAR_S, (lasted_s, elapsed_ms, stop_type)
        assert abs(total_micro - elapsed_ms * PRICE_MICRO_MS) <= 5_000, "6.00 a minute, rounded to the cent"
    stops = [stop_type for _, _, stop_type, _ in sessions(space)]
    assert stops == ["power_lost", "tap_out", "tap_out", "power_lost", "tap_out", "tap_out"]
