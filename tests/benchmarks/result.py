"""Figures of one run: a name, a number, its unit, the floor beside it, and the goal."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LONGEST = 200
"""So many characters of an error stand in the table."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure; `floor` is what the same machine did in the same run with the bare minimum."""

    what: str
    value: float | None
    unit: str
    floor: float | None = None
    goal: str = ""
    held: bool | None = None
    said: str = ""
    """Why there is no value: "failed: …" or "not run: …"."""

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor and self.value is not None else None


def failed(what: str, error: BaseException | str) -> Figure:
    """Return the row of what was not measured; an error says "not run: …" itself where that is the reason."""
    words = " ".join(str(error).split()) or type(error).__name__
    return Figure(what, None, "", said=words if words.startswith("not run") else f"failed: {words}"[:LONGEST])


def quantile(samples: Sequence[float], part: float) -> float:
    """Return the sample below which `part` of all lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def ms(samples: Sequence[float], part: float) -> float:
    """Return a quantile of seconds, in milliseconds."""
    middle = statistics.median(samples) if part == 0.5 else quantile(samples, part)
    return round(middle * 1000, 3)


def machine() -> str:
    """Describe what the figures were measured on."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return (
        f"{os.cpu_count()} cores of {cpu}, {memory_kib / 1048576:.0f} GiB, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, Linux {platform.release()}"
    )


def table(figures: Sequence[Figure]) -> str:
    """Write figures as a Markdown table."""
    lines = [
        "| what | measured | floor in the same run | ratio | goal | held |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for figure in figures:
        floor = f"{figure.floor:g} {figure.unit}" if figure.floor is not None else "–"
        ratio = f"{figure.ratio:.2f} ×" if figure.ratio else "–"
        held = {True: "yes", False: "**no**", None: "–"}[figure.held]
        value = figure.said if figure.value is None else f"{figure.value:g} {figure.unit}"
        value = value.replace("|", "¦")
        lines.append(f"| {figure.what} | {value} | {floor} | {ratio} | {figure.goal or '–'} | {held} |")
    return "\n".join(lines)


def as_json(figures: Sequence[Figure]) -> str:
    """Write figures for programs."""
    rows = [asdict(figure) | {"ratio": figure.ratio} for figure in figures]
    return json.dumps({"machine": machine(), "figures": rows}, indent=2)
