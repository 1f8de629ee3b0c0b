"""`makerfloor` as it is typed, in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from booking_api import cli

Run = Callable[..., "Said"]


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], config: Path) -> Run:
    """Return what runs a command with these settings."""
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(config))

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["makerfloor", *arguments])
        code: object = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        written = capsys.readouterr()
        return Said(code if isinstance(code, int) else 1, written.out, written.err)

    return run
