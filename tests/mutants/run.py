"""The mutants of mutants.toml, and whether tests notice them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DEADLINE_S = 110
NOTICED, SURVIVED = 1, 0


@dataclass(frozen=True)
class Mutant:
    """A rule, the change of `old` to `new` in `file` that takes it away, and the tests that must notice."""

    rule: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def mutants() -> list[Mutant]:
    """Read all mutants."""
    table = tomllib.loads((HERE / "mutants.toml").read_text())
    rows = [(rule, row) for rule, rows in table.items() for row in rows]
    return [Mutant(rule, **{**row, "tests": tuple(row["tests"])}) for rule, row in rows]


def lives(mutant: Mutant) -> str:
    """Run a mutant's tests; returns "" when they noticed it, else what happened instead."""
    change = {"file": mutant.file, "old": mutant.old, "new": mutant.new}
    # The hook before everything else, so that every Python that a test starts has the change too.
    path = os.pathsep.join([str(HERE / "hook"), str(ROOT)])
    known = {**os.environ, "MUTANT": json.dumps(change), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=known, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return ""  # whoever waits for what the rule promises waits for ever
    if done.returncode == NOTICED:
        return ""
    if done.returncode == SURVIVED:
        return f"{', '.join(mutant.tests)} pass without it"
    return f"the tests did not run: {done.stdout[-800:]}{done.stderr[-800:]}"
