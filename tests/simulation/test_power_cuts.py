"""The gateway's journal on a disk whose power is cut at every write that it is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.disk.cuts import JOURNALIST, cut_everywhere
from tests.kit.disk.writes import Write, recorded, recorder


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], list[Write]]:
    """Return what a journal of some sessions writes."""
    folder = tmp_path_factory.mktemp("recorder")

    def run(name: str, sessions: int) -> list[Write]:
        (data := folder / name).mkdir()
        return recorded([*JOURNALIST, str(data), str(sessions)], data, recorder(folder))

    return run


def test_what_was_durable_survives_a_power_cut_at_any_write(
    record: Callable[[str, int], list[Write]], tmp_path: Path
) -> None:
    writes = record("sessions", 8)
    tried = cut_everywhere(writes, tmp_path, partly=2, seed=424)
    assert tried.cuts == 4 * (len(writes) + 1)
    assert tried.entries > 10 * tried.cuts


def test_a_disk_that_ignores_a_flush_is_told(
    record: Callable[[str, int], list[Write]], tmp_path: Path
) -> None:
    """A card that lies about flushes loses what was said to be durable: the rig itself can see a loss."""
    lying = [one for one in record("lying", 2) if one.kind != "S"]
    with pytest.raises(AssertionError, match="durable and is gone"):
        cut_everywhere(lying, tmp_path, partly=0, seed=1)
