"""How the gateway's computer is doing: what the kernel says, and nothing of what it does not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from floor.wire.messages import Vitals
from gateway import vitals
from gateway.vitals import Pulse, look


def test_what_the_kernel_says_is_told_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"THERMAL": "51600", "MEMINFO": "MemTotal: 9 kB\nMemAvailable:  812344 kB\n"}
    for name, text in said.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(vitals, name, tmp_path / name)
    monkeypatch.setattr(vitals, "STATUS", tmp_path / "not there")
    seen = look(tmp_path)
    assert (seen.celsius, seen.memory_kb, seen.rss_kb) == (52, 812_344, None)
    assert seen.free_permille is not None
    (tmp_path / "THERMAL").write_text("hot")
    assert look(tmp_path / "nowhere") == Vitals(memory_kb=812_344)


def test_nobody_waits_for_a_look(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path)
    assert pulse.vitals(40, 12).answer_ms == 12
    deadline = time.monotonic() + 30
    while pulse.vitals(40, None).free_permille is None:
        assert time.monotonic() < deadline, "it never looked"
        time.sleep(0.005)
    assert pulse.vitals(40, None).clock_error_ms == 40
