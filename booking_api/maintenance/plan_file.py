"""maintenance.toml: the work that comes again, as an operator writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from booking_api.tariffs.source import at_line, parse
from floor.errors import ConfigError
from floor.maintenance import Measure, WhenOverdue
from floor.reader import At, Table

FILE_MAX, PLANS_MAX = 1_000_000, 200
FILE_KEYS = frozenset({"plans"})
PLAN_KEYS = frozenset(
    {"id", "name", "text", "machines", "kinds", "soon_percent", "grace_percent", "when_overdue", "alarms"}
    | {"stopped", *Measure}
)
NAME_MAX, TEXT_MAX = 100, 2_000


@dataclass(frozen=True, slots=True)
class PlanRead:
    """A plan of a file: the columns of its row."""

    id: str
    values: dict[str, Any]


def read_file(text: str, file: str) -> list[PlanRead]:
    """Read maintenance.toml; raises ConfigError with file, line, key and remedy."""
    table = parse(text, file, FILE_MAX)
    try:
        return _plans(table, file)
    except ConfigError as error:
        raise at_line(error, text) from error


def _plans(table: Table, file: str) -> list[PlanRead]:
    at = At(file, "")
    at.only(table, FILE_KEYS)
    rows = at.tables(table, "plans")
    if not 0 < len(rows) <= PLANS_MAX:
        remedy = f"Write 1 to {PLANS_MAX} [[plans]] tables, each with id, name and what it counts."
        raise at.error("plans", f"there are {len(rows)}", remedy)
    found: list[PlanRead] = []
    for n, own in enumerate(rows, 1):
        below = At(file, f"plans[{n}].")
        below.only(own, PLAN_KEYS)
        plan = _plan(own, below)
        if any(plan.id == other.id for other in found):
            raise below.error("id", f"is {plan.id!r}, as another's is", "Give each plan its own id.")
        found.append(plan)
    return found


def _plan(table: Table, at: At) -> PlanRead:
    id = at.text(table, "id")
    if len(id) > 64 or id != id.lower() or not id.replace("-", "").isalnum() or not id.isascii():
        raise at.error("id", f"is {id[:70]!r}", "Write at most 64 small letters, digits and hyphens.")
    machines, kinds = sorted(at.texts(table, "machines")), sorted(at.texts(table, "kinds"))
    if not machines and not kinds:
        remedy = 'Write machines = ["laser-1"] or kinds = ["laser"].'
        raise at.error("machines", "is missing, and so is kinds", remedy)
    texts = at.names(table, "text") if "text" in table else {}
    values = {
        "names": _short(at, "name", at.names(table), NAME_MAX),
        "texts": _short(at, "text", texts, TEXT_MAX),
        "machines": machines,
        "kinds": kinds,
        "every": _every(table, at),
        "soon_percent": at.whole(table, "soon_percent", 90, 1, 100),
        "grace_percent": at.whole(table, "grace_percent", 10, 0, 1_000),
        "when_overdue": at.choice(table, "when_overdue", WhenOverdue, WhenOverdue.WARN),
        "alarms": sorted(at.texts(table, "alarms")),
        "stopped": at.yes(table, "stopped", default=False),
    }
    return PlanRead(id, values)


def _every(table: Table, at: At) -> dict[str, int]:
    """Read after how much it is due, in base units."""
    found: dict[str, int] = {}
    for measure in Measure:
        number = at.number(table, measure)
        if number is None:
            continue
        base = number * measure.unit
        if base.denominator != 1 or not 0 < base < 1 << 50:
            raise at.error(measure, f"is {float(number):g}", f"Write more than 0, such as {measure} = 100.")
        found[measure] = base.numerator
    if not found:
        remedy = f"Write one or more of: {', '.join(Measure)}."
        raise at.error("busy_hours", "is missing, and so is all else that a plan counts", remedy)
    return found


def _short(at: At, key: str, texts: dict[str, str], most: int) -> dict[str, str]:
    if any(len(text) > most for text in texts.values()):
        raise at.error(key, f"is longer than {most} characters", "Shorten it.")
    return texts
