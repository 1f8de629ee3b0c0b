"""A day of the machines as a timeline: who has what, what is free, and what of it the reader may reserve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Any

from fastapi import Depends, Query
from sqlmodel import Session
from starlette.responses import JSONResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.live import FloorSnapshot
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.memberships.days import begin_ms
from booking_api.reservations import booking, choices, facts
from booking_api.reservations.booking import SlotDetails
from booking_api.reservations.diary import Diary
from booking_api.reservations.endpoints import diary_of, manageable, settled
from booking_api.reservations.models import Reserved
from booking_api.reservations.seen import ReservationSeen, seen
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.reserve import KINDS, day_asked, field_of, title_of
from booking_api.web.reserve_words import bare_words, price_words, rule_words
from booking_api.web.statement import machine_names
from floor.reservation import calendar, opening, slots
from floor.reservation.calendar import Times_ms
from floor.reservation.terms import Kind, Turned
from floor.words import StationState

router = Router(prefix="/reservations", include_in_schema=False)
Asked = Annotated[str, Query(max_length=64)]
AtMs = Annotated[int, Query(ge=0, lt=1 << 42)]
HOUR_MS = 3_600_000
ROWS = 100
"""So many machines stand on a page."""
LEAST_MS = 8 * HOUR_MS
Bars = Mapping[str, Turned]
KIND_WORDS = {
    "printer": "3D printers",
    "laser": "Laser cutters",
    "cnc": "CNC machines",
    "saw": "Saws",
    "door": "Doors",
    "other": "Others",
}
"""Kinds that have a name here; others have the one that the space gave them."""
RUNS = (StationState.IN_USE, StationState.HOLDING, StationState.RUN_ON, StationState.STARTING)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a row: where it begins and how wide it is, in percent, what it says and where it leads."""

    x: str
    width: str
    looks: str = ""
    words: str = ""
    title: str = ""
    href: str = ""
    begins_ms: int = 0
    ends_ms: int = 0
    id: str = ""


@dataclass(slots=True)
class Row:
    """A machine's day. `why` says why the reader may reserve nothing there; `next` is what is free next."""

    machine: Machine
    why: str = ""
    shut: list[Span] = field(default_factory=list)
    cells: list[Span] = field(default_factory=list)
    marks: list[Span] = field(default_factory=list)
    next: Span | None = None


@dataclass(frozen=True, slots=True)
class View:
    """The hours that are drawn, from an instant to another."""

    from_ms: int
    to_ms: int
    known: dict[int, tuple[str, str]] = field(default_factory=dict)

    def said(self, at_ms: int, page: Page) -> tuple[str, str]:
        """Return an instant as pages show it and as fields have it; rows share most instants."""
        if at_ms not in self.known:
            self.known[at_ms] = page.f.clock(at_ms), field_of(page, at_ms)
        return self.known[at_ms]

    def at(self, at_ms: int) -> str:
        """Return where an instant lies, in percent of the width."""
        return f"{(at_ms - self.from_ms) * 100 / (self.to_ms - self.from_ms):.3f}"

    def span(self, begins_ms: int, ends_ms: int, **more: Any) -> Span:
        """Return a time as a part of a row, cut off where the view ends."""
        low, high = max(begins_ms, self.from_ms), min(ends_ms, self.to_ms)
        width = f"{max(0, high - low) * 100 / (self.to_ms - self.from_ms):.3f}"
        return Span(self.at(low), width, begins_ms=begins_ms, ends_ms=ends_ms, **more)


@router.get("/day", dependencies=[Depends(settled)])
def timeline(
    who: SignedIn,
    session: Reading,
    page: Paged,
    day: Asked = "",
    kind: Asked = "",
    area: Asked = "",
    q: Asked = "",
    mine: Asked = "",
    n: Annotated[int, Query(ge=1, le=1_000)] = 1,
    moved: Asked = "",
    begin: Asked = "",
    end: Asked = "",
) -> Response:
    """Show a day of the machines, a page of them at a time; `moved` was, from `begin` to `end`, elsewhere."""
    require(who, Permission.MACHINES_READ)
    diary = diary_of(page.context, session, who)
    today = page.f.moment(diary.now_ms).date()
    shown = day_asked(day, today)
    every = machines.listed(session)
    found = [one for one in every if kind in {"", one.kind} and area in {"", one.location} and _named(one, q)]
    bars = choices.barred(diary, found, max(diary.now_ms, begin_ms(shown, page.context.zone)))
    if mine:
        found = [one for one in found if one.id not in bars]
    found.sort(key=lambda one: (one.location == "", one.location, one.id in bars, one.kind, one.name))
    there = found[(n - 1) * ROWS : n * ROWS]
    view, rows = _day(session, page, who, diary, there, bars, shown)
    values = {
        "day": shown.isoformat(),
        "title": title_of(page, shown),
        "before": (shown - timedelta(days=1)).isoformat(),
        "after": (shown + timedelta(days=1)).isoformat(),
        "today": today.isoformat(),
        "asked": {"kind": kind, "area": area, "q": q, "mine": mine},
        "kinds": {one: KIND_WORDS.get(one, one) for one in sorted({one.kind for one in every})},
        "areas": sorted({one.location for one in every if one.location}),
        "groups": _grouped(rows),
        "hours": _hours(view, page),
        "view": view,
        "now": view.at(diary.now_ms) if view.from_ms <= diary.now_ms < view.to_ms else "",
        "count": len(found),
        "n": n,
        "pages": -(-len(found) // ROWS),
        "undo": {"id": moved, "begin": begin, "end": end} if moved and begin and end else None,
        "zone_name": str(page.context.zone),
    }
    return page.answer("timeline.html", values)


@router.get("/options")
def options(
    who: SignedIn, session: Reading, page: Paged, machine: Asked, day: Asked = "", changes: Asked = ""
) -> Response:
    """Say what may begin when at a machine on a day, until when, and why not.

    `starts` are instants, each with its ends: until which instant, and the number of the reason (-1: none).
    """
    require(who, Permission.MACHINES_READ)
    if changes:
        manageable(session, who, changes)
    diary = diary_of(page.context, session, who)
    shown = day_asked(day, page.f.moment(diary.now_ms).date())
    from_ms, to_ms = calendar.midnights(shown, shown + timedelta(days=1), page.context.zone)
    made = choices.of_day(diary, SlotDetails(machine=machine, begins_ms=from_ms, ends_ms=to_ms), changes)
    names, reasons = machine_names(session), dict[tuple[str, str], int]()

    def number(why: Turned | None) -> int:
        if why is None:
            return -1
        return reasons.setdefault((why.rule, bare_words(why)), len(reasons))

    starts = [[one.at_ms, [[run.until_ms, number(run.why)] for run in one.runs]] for one in made.starts]
    words = [rule_words(rule, sentence, page, names) for rule, sentence in reasons]
    return JSONResponse(
        {"grid_ms": made.grid_ms, "starts": starts, "reasons": words},
        headers={"Cache-Control": "no-store"},
    )


@router.get("/price")
def price(
    who: SignedIn,
    session: Reading,
    page: Paged,
    machine: Asked,
    begins_ms: AtMs,
    ends_ms: AtMs,
    changes: Asked = "",
) -> Response:
    """Say whether a slot can be had, why not, and about what its time costs."""
    require(who, Permission.MACHINES_READ)
    diary = diary_of(page.context, session, who)
    slot = SlotDetails(machine=machine, begins_ms=begins_ms, ends_ms=ends_ms)
    member = who.id if not changes else manageable(session, who, changes).member or who.id
    decision = diary.decide(booking.wanted(diary, slot, member, changes))
    words = ""
    if isinstance(decision, Turned):
        words = rule_words(decision.rule, decision.sentence, page, machine_names(session))
    return JSONResponse(
        {"allowed": not words, "words": words, "price": price_words(diary, slot, who, page)},
        headers={"Cache-Control": "no-store"},
    )


def _named(one: Machine, text: str) -> bool:
    return text.casefold().strip() in f"{one.name} {one.id}".casefold()


def _grouped(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.machine.location, []).append(row)
    return list(groups.items())


def _hours(view: View, page: Page) -> list[tuple[str, str]]:
    """Return every hour (every other where there are many) with where it stands."""
    step = HOUR_MS * (1 if view.to_ms - view.from_ms <= 14 * HOUR_MS else 2)
    return [(view.at(at_ms), page.f.clock(at_ms)) for at_ms in range(view.from_ms, view.to_ms, step)]


def _day(
    session: Session, page: Page, who: Who, diary: Diary, there: Sequence[Machine], bars: Bars, day: date
) -> tuple[View, list[Row]]:
    zone = page.context.zone
    from_ms, to_ms = calendar.midnights(day, day + timedelta(days=1), zone)
    found = facts.rows(session, [one.id for one in there], from_ms, to_ms)
    kept = {row.id: row for row in found}
    taken: dict[str, list[ReservationSeen]] = {}
    for one in seen(session, found, who, diary.now_ms):
        if one.standing in facts.HOLDS:
            taken.setdefault(one.machine, []).append(one)
    opens = {one.id: _open(diary, one.id, from_ms, to_ms) for one in there}
    view = _view([*opens.values()], [row for ones in taken.values() for row in ones], (from_ms, to_ms))
    live = page.context.live.snapshot() if from_ms <= diary.now_ms < to_ms else None
    rows = []
    for machine in there:
        why = bars.get(machine.id)
        names = {machine.id: machine.name}
        row = Row(machine, rule_words(why.rule, why.sentence, page, names) if why else "")
        _fill(row, view, page, diary, (opens[machine.id], taken.get(machine.id, []), kept))
        _run(row, view, page, diary, live)
        rows.append(row)
    return view, rows


def _open(diary: Diary, machine: str, from_ms: int, to_ms: int) -> list[Times_ms]:
    rules = diary.policies.of(machine).rules
    return opening.open_times(diary.policies, rules, machine, from_ms, to_ms, diary.zone)


def _view(opens: Sequence[Sequence[Times_ms]], taken: Iterable[ReservationSeen], whole: Times_ms) -> View:
    """Return the hours of a day in which something is open or taken, 8 at least."""
    times = [time for one in opens for time in one] + [(one.begins_ms, one.ends_ms) for one in taken]
    inside = calendar.clipped(times, *whole) or [(whole[0] + 9 * HOUR_MS, whole[0] + 17 * HOUR_MS)]
    low = whole[0] + (min(begins for begins, _ in inside) - whole[0]) // HOUR_MS * HOUR_MS
    high = whole[0] - (whole[0] - max(ends for _, ends in inside)) // HOUR_MS * HOUR_MS
    if high - low < LEAST_MS:
        high = min(whole[1], low + LEAST_MS)
        low = max(whole[0], high - LEAST_MS)
    return View(max(low, whole[0]), min(high, whole[1]))


Times = tuple[list[Times_ms], list[ReservationSeen], dict[str, Reserved]]


def _fill(row: Row, view: View, page: Page, diary: Diary, times: Times) -> None:
    """Draw a machine's day: shut, kept free between two, taken, and what is left, by the hour."""
    opens, taken, kept = times
    machine, zone = row.machine, diary.zone
    whole = (view.from_ms, view.to_ms)
    row.shut = [view.span(*one, looks="shut") for one in calendar.without([whole], opens)]
    blocked = [(kept[one.id].blocks_from_ms, kept[one.id].blocks_to_ms) for one in taken]
    busy = [(one.begins_ms, one.ends_ms) for one in taken]
    between = calendar.clipped(calendar.without(blocked, busy), *whole)
    row.shut += [view.span(*one, looks="buffer") for one in between]
    row.marks = [_mark(one, view, page) for one in taken]
    for block, (begins, ends) in slots.block_times(diary.policies, machine.id, *whole, zone):
        row.marks.append(_block(view, page, begins, ends, KINDS[block.kind], block.name))
    if row.why:
        return
    told = [replace(facts.reservation(kept[one.id]), standing=one.standing) for one in taken]
    free = slots.free(diary.policies, machine.id, told, *whole, zone, diary.now_ms)
    for one in free:
        row.cells += _cells(machine, view, page, one.begins_ms, one.ends_ms)
    ahead = [one for one in free if one.ends_ms - one.begins_ms >= HOUR_MS // 2]
    if ahead:
        row.next = _cell(machine, view, page, ahead[0].begins_ms, ahead[0].ends_ms)


def _cells(machine: Machine, view: View, page: Page, begins_ms: int, ends_ms: int) -> list[Span]:
    first = begins_ms + HOUR_MS - (begins_ms - view.from_ms) % HOUR_MS
    cuts = [begins_ms, *range(first, ends_ms, HOUR_MS), ends_ms]
    pairs = pairwise(cuts)
    return [_cell(machine, view, page, low, high) for low, high in pairs if high - low >= 60_000]


def _cell(machine: Machine, view: View, page: Page, begins_ms: int, ends_ms: int) -> Span:
    (first, begin), (last, _) = view.said(begins_ms, page), view.said(ends_ms, page)
    end = view.said(min(ends_ms, begins_ms + HOUR_MS), page)[1]
    href = f"/machines/{machine.id}/reserve?begin={begin}&end={end}"
    words = f"{first}–{last}"
    return view.span(begins_ms, ends_ms, words=words, href=href)


def _mark(one: ReservationSeen, view: View, page: Page) -> Span:
    if one.kind is not Kind.USE:
        return _block(view, page, one.begins_ms, one.ends_ms, KINDS[one.kind], one.shown)
    gettext = page.f.texts.gettext
    words = gettext("You") if one.mine else one.shown or gettext("Reserved")
    title = f"{page.f.clock(one.begins_ms)}–{page.f.clock(one.ends_ms)} {words}"
    looks, id = ("mine", one.id) if one.mine else ("taken", "")
    return view.span(one.begins_ms, one.ends_ms, looks=looks, words=words, title=title, id=id)


def _block(view: View, page: Page, begins: int, ends: int, kind: str, name: str) -> Span:
    words = f"{page.f.texts.gettext(kind)}{': ' if name else ''}{name}"
    title = f"{page.f.clock(begins)}–{page.f.clock(ends)} {words}"
    return view.span(begins, ends, looks="block", words=words, title=title)


def _run(row: Row, view: View, page: Page, diary: Diary, live: FloorSnapshot | None) -> None:
    """Draw that the machine is in use now, since when it has been."""
    station = live.stations.get(row.machine.id) if live else None
    if station is None or station.state not in RUNS:
        return
    words = page.f.texts.gettext("In use now")
    began = diary.now_ms - (station.elapsed_ms or 0)
    row.marks.append(view.span(began, diary.now_ms, looks="runs", words="", title=words))
