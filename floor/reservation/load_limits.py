"""The [[limits]] of a policy file: how much, of what, over which time, of which machines."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from floor.reader import Table
from floor.reservation.model import Counted, Limit, Per, Span, Then
from floor.reservation.reader import In, nearest, spelled

LIMIT_KEYS = frozenset(
    {"most", "most_time", "what", "per", "window", "over", "counts", "tiers", "except_tiers"}
    | {"when", "not_when", "then", "name", "bars"}
)
NUMBER_WORDS = ("count", "number", "reservations", "uses", "times")
TIME_WORDS = ("time", "hours", "duration")
PAST = frozenset({Counted.NO_SHOWS, Counted.LATE_CANCELS})
OTHER_WORDS = {
    "semester": "term",
    "at_once": "open",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "yearly": "year",
}


class Known(NamedTuple):
    """What a limit may name."""

    scopes: Collection[str]
    windows: Collection[str]
    has_terms: bool
    over: str


def limits(
    at: In,
    key: str,
    value: object,
    scopes: Collection[str],
    windows: Collection[str],
    has_terms: bool,
    over: str,
) -> tuple[Limit, ...]:
    """Read a list of limits; `over` is what each counts over unless it says."""
    items = value if isinstance(value, list) else [value]
    known = Known(scopes, windows, has_terms, over)
    return tuple(_limit(at, f"{key}[{n}]", item, known) for n, item in enumerate(items, 1))


def _limit(at: In, key: str, value: object, known: Known) -> Limit:
    if not isinstance(value, Mapping):
        name = key.partition("[")[0]
        remedy = f"Write [[{at.place(name)}]] and its keys below."
        raise at.error(key, f"is {value!r} and not a table", remedy)
    table, here = at.table_of(value, key, LIMIT_KEYS), at.below(key)
    per, window = _per(here, table, has_terms=known.has_terms)
    number, ms = _most(here, table)
    counts = _counts(here, table)
    when, outside = _when(here, table, known.windows)
    then = Then(here.one_of(table.get("then", "refuse"), "then", list(Then)))
    if then is not Then.REFUSE and not counts & {Counted.USE, Counted.WALK_IN}:
        raise here.error("then", "ends a use, and the limit counts none", 'Write counts = ["use"].')
    if per is Per.OPEN and Counted.RESERVATIONS not in counts:
        raise here.error("per", '"open" counts reservations to come', 'Write counts = ["reservations"].')
    if per is Per.OPEN:
        counts -= PAST
    bars = here.span(table["bars"], "bars", '"2 weeks"') if "bars" in table else None
    if bars is not None and (number is None or counts - PAST):
        problem = "is for a limit of a number of no-shows or late cancellations alone"
        raise here.error("bars", problem, 'Write most = 2 and counts = ["no_shows"].')
    return Limit(
        key=at.place(key),
        per=per,
        number=number,
        ms=ms,
        window=window,
        over=here.name_of(table.get("over", known.over), "over", known.scopes),
        counts=counts,
        tiers=here.words(table, "tiers"),
        except_tiers=here.words(table, "except_tiers"),
        when=when,
        outside=outside,
        then=then,
        name=here.text(table, "name") if "name" in table else "",
        bars=bars,
    )


def _per(here: In, table: Table, *, has_terms: bool) -> tuple[Per, Span]:
    value = table.get("per")
    word = spelled(value) if isinstance(value, str) else ""
    for before in ("calendar_", "a_", "each_"):
        word = word.removeprefix(before)
    word = OTHER_WORDS.get(word, word)
    if value is None and "window" in table:
        word = "rolling"
    if word[:1].isdigit():
        return Per.ROLLING, _window(here, value, "per")
    if word not in set(Per):
        close = nearest(word, Per)
        meant = f'Did you mean "{close}"? ' if close else ""
        remedy = f'{meant}Write one of: {", ".join(Per)}; or a stretch such as per = "7 days".'
        raise here.error("per", "is missing" if value is None else f"is {value!r}", remedy)
    per = Per(word)
    if per is Per.TERM and not has_terms:
        remedy = "Add [[terms]] with name, from and to."
        raise here.error("per", "is a term, and the file names none", remedy)
    if (per is Per.ROLLING) != ("window" in table):
        remedy = 'Write per = "rolling" and window = "7 days".'
        raise here.error("window", 'goes with per = "rolling", and only with it', remedy)
    return per, _window(here, table["window"], "window") if per is Per.ROLLING else Span()


def _window(here: In, value: object, key: str) -> Span:
    span = here.span(value, key, '"7 days"')
    if not (span.months or span.days or span.ms):
        raise here.error(key, "is 0", f'Write {key} = "7 days".')
    return span


def _most(here: In, table: Table) -> tuple[int | None, int | None]:
    """Read `most`: a number, or a length of time; `most_time` beside a number."""
    what = table.get("what")
    kind = "" if what is None else here.one_of(what, "what", (*NUMBER_WORDS, *TIME_WORDS))
    number: int | None = None
    ms: int | None = None
    if "most" in table:
        value = table["most"]
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if is_number and kind in TIME_WORDS and value != 0:
            raise here.error("most", f"is {value}, and time is counted", f'Write most = "{value} h".')
        if is_number and kind not in TIME_WORDS:
            number = here.whole(table, "most", 0, 0, 1_000_000)
        else:
            ms = here.length(value, "most", '2 or most = "3 h"')
        if ms is not None and kind in NUMBER_WORDS:
            raise here.error("most", f"is {value!r}, and a number is counted", "Write most = 2.")
    if "most_time" in table:
        if ms is not None:
            raise here.error("most_time", "is there beside a most that is a time", "Keep one of the two.")
        ms = here.length(table["most_time"], "most_time", '"3 h"')
    if number is None and ms is None:
        raise here.error("most", "is missing", 'Write most = 2, or most = "3 h".')
    return number, ms


def _counts(here: In, table: Table) -> frozenset[Counted]:
    if "counts" not in table:
        return frozenset({Counted.RESERVATIONS, Counted.NO_SHOWS})
    words = here.listed(table["counts"], "counts")
    made: set[Counted] = set()
    for word in words:
        if spelled(word) == "all":
            made |= {Counted.RESERVATIONS, Counted.NO_SHOWS, Counted.WALK_IN}
        else:
            made.add(Counted(here.one_of(word, "counts", [*Counted, "all"])))
    if not made:
        raise here.error("counts", "is empty", f"Write one or more of: {', '.join(Counted)}.")
    return frozenset(made)


def _when(here: In, table: Table, windows: Collection[str]) -> tuple[str, bool]:
    if "when" in table and "not_when" in table:
        raise here.error("not_when", "stands beside when", "Keep one of the two.")
    for key in ("when", "not_when"):
        if key in table:
            name = here.text(table, key)
            if name not in windows:
                close = nearest(name, windows)
                remedy = (
                    f'Did you mean "{close}"?' if close else f"Add [windows.{name}] with days, from and to."
                )
                raise here.error(key, f"is {name!r}, and there is no such window", remedy)
            return name, key == "not_when"
    return "", False
