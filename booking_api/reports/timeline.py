"""The timeline of states and the bars of machines, as paths of SVG: what was not observed stays empty.

Every drawing is WIDE units wide and TALL high, and is stretched to its place by the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from booking_api.reports.utilisation import Stretch, Time, Use, Utilisation, together

WIDE, TALL = 1000, 24
MOST_ROWS = 24
"""More rows than a screen holds are told of, and stand in the CSV."""
NEARLY = 0.9
"""What was observed so far is drawn as whole: an hour that runs lacks what was not scraped yet."""

Paths = Mapping[Use, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A machine, or several as one: its time by stretch (one that was not observed is empty) and in all."""

    id: str
    name: str
    times: Sequence[Time]
    whole: Time
    machines: int = 1


def rows(report: Utilisation, named: Mapping[str, tuple[str, Sequence[str]]]) -> list[Row]:
    """Return a row for each name with its machines, the busiest first; who was never observed comes last."""
    made = []
    for id, (name, machines) in named.items():
        times = [_together(stretch, machines) for stretch in report.stretches]
        whole = together(report.machines[one] for one in machines if one in report.machines)
        made.append(Row(id, name, times, whole, len(machines)))
    return sorted(made, key=lambda row: (-_busy(row.whole), row.name))


def _busy(time: Time) -> float:
    share = time.share(Use.BUSY)
    return -1.0 if share is None else share


def _together(stretch: Stretch, machines: Sequence[str]) -> Time:
    if len(machines) == 1:
        return stretch.machines.get(machines[0]) or Time()
    return together(stretch.machines[one] for one in machines if one in stretch.machines)


def draw(stretches: Sequence[Stretch], row: Row) -> Paths:
    """Return a path for each use: in every stretch they stand on each other, as high as time was observed."""
    begin_ms, end_ms = stretches[0].from_ms, stretches[-1].to_ms
    paths: dict[Use, list[str]] = {}
    for stretch, time in zip(stretches, row.times, strict=True):
        observed = _observed(stretch, time, row.machines)
        left = _along(stretch.from_ms - begin_ms, end_ms - begin_ms)
        right = _along(stretch.to_ms - begin_ms, end_ms - begin_ms)
        bottom = float(TALL)
        for use, share in _shares(time):
            top = bottom - share * TALL * observed
            paths.setdefault(use, []).append(f"M{left} {top:.1f}H{right}V{bottom:.1f}H{left}z")
            bottom = top
    return {use: "".join(parts) for use, parts in paths.items()}


def bar(time: Time) -> Paths:
    """Return the uses of a time side by side."""
    paths, left = {}, 0.0
    for use, share in _shares(time):
        right = left + share * WIDE
        paths[use] = f"M{left:.1f} 0H{right:.1f}V{TALL}H{left:.1f}z"
        left = right
    return paths


def _observed(stretch: Stretch, time: Time, machines: int) -> float:
    whole_s = (stretch.to_ms - stretch.from_ms) / 1000 * machines
    part = time.observed_s / whole_s if whole_s else 1.0
    return part if part < NEARLY else 1.0


def _along(part_ms: int, whole_ms: int) -> str:
    return f"{part_ms * WIDE / whole_ms:.1f}"


def _shares(time: Time) -> Iterator[tuple[Use, float]]:
    for use in Use:
        share = time.share(use)
        if share:
            yield use, share


def instants(stretches: Sequence[Stretch]) -> list[int]:
    """Return the instants that the axis names: where the timeline begins, its middle, where it ends."""
    begin_ms, end_ms = stretches[0].from_ms, stretches[-1].to_ms
    return [begin_ms, (begin_ms + end_ms) // 2, end_ms]


def unobserved(report: Utilisation, machines: Iterable[str]) -> float:
    """Return the part (0 to 1) of the time of these machines that no gateway told of.

    A machine counts from the first stretch in which any of them was observed: none has a past before it.
    """
    known = tuple(machines)
    seen = [stretch for stretch in report.stretches if any(one in stretch.machines for one in known)]
    if not seen:
        return 1.0
    whole_s = (report.to_ms - seen[0].from_ms) / 1000 * len(known)
    observed_s = sum(report.machines[one].observed_s for one in known if one in report.machines)
    return min(1.0, max(0.0, 1 - observed_s / whole_s))


def trend(report: Utilisation, machines: Iterable[str]) -> float | None:
    """Return how much the busy part of these grew (-1 to 1) since the period before, None where unknown."""
    known = tuple(machines)
    now = together(report.machines[one] for one in known if one in report.machines).share(Use.BUSY)
    past = report.before or {}
    then = together(past[one] for one in known if one in past).share(Use.BUSY)
    return None if now is None or then is None else now - then


def timeline_rows(report: Utilisation, shown: Sequence[Row], zone: tzinfo) -> Iterator[list[str]]:
    """Return the timeline as a table, its head first; nothing stands where nothing was observed."""
    yield ["name", "from", "to", "observed_hours", *Use]
    for row in shown:
        for stretch, time in zip(report.stretches, row.times, strict=True):
            ends = [
                datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).isoformat(timespec="minutes")
                for at_ms in (stretch.from_ms, stretch.to_ms)
            ]
            yield [row.name, *ends, *figures(time)]


def figures(time: Time) -> list[str]:
    """Return hours observed, and the share of each use, as a CSV has them."""
    shares = [time.share(use) for use in Use]
    return [
        f"{time.observed_s / 3600:.2f}",
        *(f"{share:.4f}" if share is not None else "" for share in shares),
    ]
