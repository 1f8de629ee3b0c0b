"""A comparison of tariffs for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from booking_api.tariffs.compare import QUANTILES, Comparison, Sums, quantiles
from booking_api.tariffs.quote import money, written
from floor.money import MICRO, Commodity, round_fraction

BARS = 40
BUCKETS = 10
PERCENTS = (0, 10, 25, 50)
NAMES = {0: "least", 50: "half", 100: "most"}
WIDTH = 30


def lines_of(made: Comparison, labels: Mapping[str, str], span: str) -> Iterator[str]:
    """Write a comparison for people; `labels` name accounts, `span` says which use it is."""
    code, total = made.commodity.code, made.total
    counts = f"{total.visits} uses of {len(made.accounts)} accounts"
    yield f"{_named(made.old)} → {_named(made.new)}: {counts}, {span}"
    yield ""
    yield f"{'':{WIDTH}} {'uses':>7} {'old':>13} {'new':>13} {'change':>13} {code}"
    yield _row("together", total, made.commodity)
    if made.rounding.old_micro or made.rounding.new_micro:
        yield _row("  of which rounded statements", made.rounding, made.commodity)
    yield ""
    yield f"pay more: {made.more}    pay less: {made.less}    pay the same: {made.same}"
    yield from _spread(made)
    for title, found in (
        ("most affected", [(labels.get(id, id), sums) for id, sums in made.most_affected()]),
        ("by tier", sorted(made.tiers.items())),
        ("by machine", sorted(made.machines.items())),
        ("paid by funds beside it", sorted(made.funds.items())),
    ):
        if found:
            yield ""
            yield title
        for name, sums in found:
            yield _row(f"  {name or '–'}", sums, made.commodity)
    yield from _notes(made)


def as_json(made: Comparison, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return a comparison for programs: amounts as texts of decimals, parts as texts of per cents."""

    def sums_of(sums: Sums) -> dict[str, Any]:
        return {
            "uses": sums.visits,
            "old": _plain(sums.old_micro),
            "new": _plain(sums.new_micro),
            "change": _plain(sums.change_micro),
            "percent": None if sums.part is None else written(round_to_tenth(sums.part)),
        }

    def group(found: Mapping[str, Sums]) -> dict[str, Any]:
        return {name: sums_of(sums) for name, sums in sorted(found.items())}

    most = [{"account": id, "name": labels.get(id, id), **sums_of(sums)} for id, sums in made.most_affected()]
    return {
        "old": made.old,
        "new": made.new,
        "commodity": made.commodity.code,
        "total": sums_of(made.total),
        "rounding": sums_of(made.rounding),
        "accounts": {"more": made.more, "less": made.less, "same": made.same},
        "quantiles": {
            "at": list(QUANTILES),
            "change": [_plain(int(value)) for value in quantiles(made.changes())],
            "percent": [written(round_to_tenth(Fraction(part))) for part in quantiles(made.parts())],
        },
        "histogram": [
            {"from": low and _plain(low), "to": high and _plain(high), "accounts": count}
            for low, high, count in histogram(made.changes(), made.commodity)
        ],
        "most_affected": most,
        "tiers": group(made.tiers),
        "machines": group(made.machines),
        "funds": group(made.funds),
        "unpriced": made.unpriced,
        "unnamed_tiers": sorted(made.unnamed_tiers),
    }


def histogram(changes: Sequence[int], commodity: Commodity) -> list[tuple[int, int, int]]:
    """Return begin, end (micro-units) and how many changes lie there; those of 0 have a place of their own.

    What lies on an edge counts to the side that is further from 0. The steps are 1, 2 or 5 times a power of
    ten, at least the smallest coin, so that there are at most ten and the one for 0.
    """
    found = [change for change in changes if change]
    step, factors = commodity.minor_micro, (2, Fraction(5, 2), 2)
    n = 0
    while found and _place(max(found), step) - _place(min(found), step) >= BUCKETS:
        step = int(step * factors[n % 3])
        n += 1
    counts: dict[int, int] = {0: len(changes) - len(found)}
    for change in found:
        place = _place(change, step)
        counts[place] = counts.get(place, 0) + 1
    return [
        ((at - (at > 0)) * step, (at + (at < 0)) * step, counts.get(at, 0))
        for at in range(min(counts), max(counts) + 1)
    ]


def _place(change: int, step: int) -> int:
    """Return 1 for what is up to one step above 0, −1 for up to one below, and so on."""
    return -(-change // step) if change > 0 else change // step


def _spread(made: Comparison) -> Iterator[str]:
    if not made.accounts:
        return
    code = made.commodity.code
    yield ""
    yield f"{'change per account':{WIDTH}}" + "".join(f"{NAMES.get(q, f'{q} %'):>11}" for q in QUANTILES)
    changes = [_signed(int(value), made.commodity) for value in quantiles(made.changes())]
    yield f"{f'  in {code}':{WIDTH}}" + "".join(f"{text:>11}" for text in changes)
    if parts := quantiles(made.parts()):
        yield f"{'  in per cent':{WIDTH}}" + "".join(f"{_percent(Fraction(part)):>11}" for part in parts)
    buckets = histogram(made.changes(), made.commodity)
    most = max(count for _, _, count in buckets)
    yield ""
    for low, high, count in buckets:
        name = "0" if low == high else f"{_signed(low, made.commodity)} to {_signed(high, made.commodity)}"
        yield f"  {name:>{WIDTH - 4}}  {count:>5} {_bar(count, most)}"
    yield ""
    yield from _parts(made.parts())


def _parts(parts: Sequence[Fraction]) -> Iterator[str]:
    """Count the changes in per cent between fixed edges."""
    last = len(PERCENTS)
    counts = dict.fromkeys(range(-last, last + 1), 0)
    for part in parts:
        far = sum(abs(part) * 100 > edge for edge in PERCENTS)
        counts[far if part > 0 else -far] += 1
    for at, count in counts.items() if parts else ():
        sign, far = ("+" if at > 0 else "−"), abs(at)
        name = f"{sign}{PERCENTS[far - 1]} % to {sign}{PERCENTS[far]} %" if 0 < far < last else "0 %"
        name = f"beyond {sign}{PERCENTS[-1]} %" if far == last else name.replace(f"{sign}0 %", "0 %")
        yield f"  {name:>{WIDTH - 4}}  {count:>5} {_bar(count, max(counts.values()))}"


def _bar(count: int, most: int) -> str:
    return "█" * -(-count * BARS // most) if most else ""


def _notes(made: Comparison) -> Iterator[str]:
    for tier in sorted(made.unnamed_tiers):
        yield f"note: {_named(made.new)} does not name the tier {tier}: it pays the full price"
    for reason, count in sorted(made.unpriced.items()):
        yield f"note: {count} uses are left out on both sides: {reason}"


def _named(version: str) -> str:
    """Write a tariff's version with the day from which it is in force."""
    id, at, begun_ms = version.rpartition("@")
    return f"{id} from {datetime.fromtimestamp(int(begun_ms) // 1000, UTC):%Y-%m-%d}" if at else version


def _row(name: str, sums: Sums, commodity: Commodity) -> str:
    amounts = money(sums.old_micro, commodity), money(sums.new_micro, commodity)
    part = "" if sums.part is None else f" ({_percent(sums.part)})"
    change = _signed(sums.change_micro, commodity)
    return f"{name:{WIDTH}} {sums.visits:>7} {amounts[0]:>13} {amounts[1]:>13} {change:>13}{part}"


def _signed(micro: int, commodity: Commodity) -> str:
    text = money(abs(micro), commodity)
    return f"+{text}" if micro > 0 else f"−{text}" if micro < 0 else text


def round_to_tenth(part: Fraction) -> Fraction:
    """Return a part in per cents, to a tenth of one."""
    return Fraction(round_fraction(part * 1000), 10)


def _percent(part: Fraction) -> str:
    tenths = round_to_tenth(part)
    text = written(abs(tenths))
    return f"+{text} %" if tenths > 0 else f"−{text} %" if tenths < 0 else f"{text} %"


def _plain(micro: int) -> str:
    return written(Fraction(micro, MICRO))
