"""What is wrong with a tariff file, and what is likely meant otherwise: `makerfloor tariff check`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path

from booking_api.tariffs.source import line_of, read
from floor.errors import ConfigError
from floor.money import MICRO
from floor.tariff import Component, Tariff
from floor.tariff.calendar import in_window
from floor.tariff.model import FreeMode, Period, Window

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEK_MIN = 7 * 1440


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found: errors that refuse the file, warnings, and a sentence about what it says."""

    errors: tuple[ConfigError, ...]
    warnings: tuple[str, ...]
    summary: str


def check(file: Path) -> Found:
    """Read a tariff file; the first error stands for the file, since what follows may come of it."""
    try:
        text = file.read_text(encoding="utf-8")
        tariff = read(text, str(file))
    except (OSError, UnicodeDecodeError) as problem:
        wrong = ConfigError(str(file), "", f"cannot be read ({problem})", "Name a file of UTF-8 text.")
        return Found((wrong,), (), "")
    except ConfigError as error:
        return Found((error,), (), "")
    warnings = tuple(_located(text, str(file), key, words) for key, words in warn(tariff))
    count = len(tariff.components)
    begun = datetime.fromtimestamp(tariff.valid_from_ms // 1000, UTC).date()
    summary = f"{tariff.name}: {count} prices in {tariff.commodity.code}, in force from {begun}"
    return Found((), warnings, summary)


def _located(text: str, file: str, key: str, words: str) -> str:
    line = line_of(text, key)
    return f"{file}:{line}: {key}: {words}" if line else f"{file}: {key}: {words}"


def warn(tariff: Tariff) -> Iterator[tuple[str, str]]:
    """Yield a key and what is likely meant otherwise there."""
    yield from _overlaps(tariff)
    for n, component in enumerate(tariff.components, 1):
        key = f"components[{n}]"
        yield from _gaps(tariff, component, key)
        yield from _unreachable(component, key)
    yield from _caps(tariff)
    yield from _unused(tariff)


def _week(windows: tuple[Window, ...]) -> list[str]:
    """Return the window in force at each minute of a week that has no special dates."""
    return [in_window(windows, MONDAY + timedelta(minutes=minute)) for minute in range(WEEK_MIN)]


def _overlaps(tariff: Tariff) -> Iterator[tuple[str, str]]:
    weeks = [_week((window,)) for window in tariff.windows]
    for n, window in enumerate(tariff.windows):
        for other in range(n):
            both = [bool(one and two) for one, two in zip(weeks[n], weeks[other], strict=True)]
            if any(both):
                first = tariff.windows[other].id
                words = f"overlaps {first} {_spans(both)}; there {first} holds, which stands first"
                yield f"windows[{n + 1}]", f"{window.id} {words}. Put first which is meant."


def _gaps(tariff: Tariff, component: Component, key: str) -> Iterator[tuple[str, str]]:
    """Warn of times without a price: where only windows have one, and they leave times out."""
    if component.price_micro or not component.window_prices:
        return
    free = [window not in component.window_prices for window in _week(tariff.windows)]
    if any(free):
        yield f"{key}.windows", f"leaves a gap {_spans(free)}: nothing is charged then. Give it a price."


def _spans(minutes: list[bool]) -> str:
    """Say which times of the week are meant, the first three."""
    at, found = 0, []
    for meant, run in groupby(minutes):
        length = len(list(run))
        if meant:
            found.append(f"{_moment(at)} to {_moment(at + length)}")
        at += length
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(found[:3]) + more


def _moment(minute: int) -> str:
    day, rest = divmod(minute, 1440)
    if day == 7:
        return "Sun 24:00"
    return f"{DAY_NAMES[day]} {rest // 60:02}:{rest % 60:02}"


def _unreachable(component: Component, key: str) -> Iterator[tuple[str, str]]:
    """Warn of a bracket that the maximum, or the price before it, makes meaningless."""
    per = component.block or Fraction(1)
    in_session = component.brackets_per is Period.SESSION
    reached, before, price = Fraction(0), Fraction(0), component.price_micro
    for n, bracket in enumerate(component.brackets, 1):
        reached += Fraction(bracket.above - before) / per * price
        at = f"{key}.brackets[{n}].above"
        if in_session and component.maximum_micro is not None and reached >= component.maximum_micro:
            limit = Fraction(component.maximum_micro) / MICRO
            yield at, f"is never reached: the maximum of {limit} comes first. Take one of them away."
        elif bracket.price_micro == price and not bracket.prices:
            yield at, "changes nothing: its price is that before it. Take it away."
        before, price = bracket.above, bracket.price_micro
    if component.free_mode is FreeMode.THRESHOLD and not component.free and not component.frees:
        yield f"{key}.free_mode", 'says "threshold", but nothing is free. Write free = "…".'
    if component.minimum_micro is not None and component.on == "session" and component.quantity is None:
        yield f"{key}.minimum", "bounds a price that does not depend on use. Change the price instead."


def _caps(tariff: Tariff) -> Iterator[tuple[str, str]]:
    ordered = sorted(
        enumerate(tariff.caps, 1), key=lambda pair: (pair[1].per, pair[1].shared, pair[1].above_micro)
    )
    for (_, one), (n, two) in pairwise(ordered):
        if (one.per, one.shared, one.counts_for) != (two.per, two.shared, two.counts_for):
            continue
        if one.above_micro == two.above_micro:
            yield f"caps[{n}].above", "is that of another cap: one of them is never reached. Take it away."
        elif one.rate == two.rate:
            yield f"caps[{n}].rate", "is that of the cap before it: it changes nothing. Take it away."
    for n, cap in enumerate(tariff.caps, 1):
        is_session = cap.per is Period.SESSION and tariff.maximum_micro is not None
        if is_session and cap.above_micro >= (tariff.maximum_micro or 0):
            yield f"caps[{n}].above", "is never reached: the maximum comes first. Take one of them away."


def _unused(tariff: Tariff) -> Iterator[tuple[str, str]]:
    priced = {name for component in tariff.components for name in component.window_prices}
    for n, window in enumerate(tariff.windows, 1):
        if window.id not in priced and window.multiplier == 1:
            yield (
                f"windows[{n}].id",
                f"no price depends on {window.id}. Give it a multiplier.",
            )
    counted = {component.count for component in tariff.components}
    for name in sorted(tariff.counts - counted):
        yield "counts", f"no component prices {name}. Add one, or take it away."
