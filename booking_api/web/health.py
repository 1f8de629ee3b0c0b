"""Timelines: what each gateway and each machine did over a day or a week, as strips, tables and CSV."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query
from sqlmodel import Session, col, select
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.exports import sheet
from booking_api.gateways.models import Gateway
from booking_api.health import service
from booking_api.health.timeline import Span, Use, paths, sign, totals
from booking_api.health.working import working
from booking_api.machines import service as machines
from booking_api.web.board import counted
from booking_api.web.health_words import USES
from booking_api.web.moments import day_begins
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from floor.maintenance import DAY_MS
from floor.timescale import TimeScale

router = Router(prefix="/workshop/timeline", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.GATEWAYS_READ))]
Text = Annotated[str, Query(max_length=64)]
Day = Annotated[str, Query(max_length=10)]
Period = Literal["24h", "7d"]
DAYS: dict[str, int] = {"24h": 1, "7d": 7}
PERIODS = {"24h": "24 hours", "7d": "7 days"}
SPANS_MAX = 300
ILL = {Use.OFFLINE, Use.UNREACHABLE, Use.LOCKED_OUT}


@dataclass(frozen=True, slots=True)
class Line:
    """One strip: whose, its drawing, and its milliseconds by state."""

    id: str
    name: str
    drawn: list[tuple[Use, str]]
    sums: dict[Use, int]

    @property
    def ill(self) -> bool:
        """Whether something was wrong with it."""
        return bool(self.sums.keys() & ILL)

    @property
    def quiet(self) -> bool:
        """Whether nothing happened."""
        return self.sums.keys() <= {Use.FREE, Use.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Read:
    """What a page of timelines shows. `by_prometheus`: busy and idle are told apart."""

    from_ms: int
    until_ms: int
    machines: dict[str, list[Span]]
    gateways: dict[str, list[Span]]
    names: dict[str, str]
    by_prometheus: bool


@router.get("")
async def timeline(
    who: Reads, page: Paged, period: Period = "24h", machine: Text = "", gateway: Text = "", day: Day = ""
) -> Response:
    """Show what gateways and machines did."""
    read = await _read(page, period, machine, gateway, day)

    def lines(of: dict[str, list[Span]]) -> list[Line]:
        found = [
            Line(id, read.names.get(id, id), paths(spans, read.from_ms, read.until_ms), totals(spans))
            for id, spans in of.items()
        ]
        return sorted(found, key=lambda one: (not one.ill, counted(one.name)))

    spans = next(iter(read.machines.values()), []) if machine else []
    narrowed = {key: value for key, value in (("machine", machine), ("gateway", gateway)) if value}
    values = {
        "read": read,
        "machines": await asyncio.to_thread(lines, read.machines),
        "gateways": lines(read.gateways),
        "spans": spans[-SPANS_MAX:][::-1],
        "left_out": max(0, len(spans) - SPANS_MAX),
        "asked": {"period": period, "machine": machine, "gateway": gateway, "day": day},
        "periods": PERIODS,
        "queries": {one: urlencode({"period": one, **narrowed}) for one in PERIODS},
        "uses": USES,
        "sign": sign,
        "ticks": _ticks(page, read, period),
    }
    return page.answer("health_timeline.html", values)


@router.get(".csv")
async def timeline_csv(
    who: Reads, page: Paged, period: Period = "24h", machine: Text = "", gateway: Text = "", day: Day = ""
) -> Response:
    """Give each state with its beginning and end, as CSV."""
    read = await _read(page, period, machine, gateway, day)
    rows: list[list[str | int]] = [["what", "id", "name", "state", "from", "until", "seconds"]]
    for what, of in (("gateway", read.gateways), ("machine", read.machines)):
        for id, spans in of.items():
            for one in spans:
                state = "online" if what == "gateway" and one.use is Use.FREE else one.use.value
                times = (page.f.stamp(one.from_ms), page.f.stamp(one.until_ms))
                lasts_s = (one.until_ms - one.from_ms) // 1000
                rows.append([what, id, read.names.get(id, id), state, *times, lasts_s])
    return sheet.answer(rows, f"timeline-{period}")


async def _read(page: Page, period: str, machine: str, gateway: str, day: str) -> Read:
    context = page.context
    now_ms = context.clock.now_ms()
    begins = day_begins(day, page.f)
    from_ms = now_ms - DAYS[period] * DAY_MS if begins is None else begins
    until_ms = max(from_ms + 1, min(now_ms, from_ms + DAYS[period] * DAY_MS))
    window, url = (from_ms, until_ms), context.settings.prometheus_url
    scale: TimeScale = context.clock.scale
    told = await working(url, machine, window, scale) if machine else None
    return await asyncio.to_thread(_rows, page, machine, gateway, window, told)


def _rows(page: Page, machine: str, gateway: str, window: tuple[int, int], told: list[Span] | None) -> Read:
    with page.context.database.read() as session:
        rows = [
            row
            for row in machines.listed(session)
            if machine in ("", row.id) and gateway in ("", row.gateway)
        ]
        if machine:
            rows = [machines.get(session, machine)]
        of = {row.id: row.gateway for row in rows}
        floor, now_ms = page.context.live.snapshot(), page.context.clock.now_ms()
        spans = service.timelines(session, floor, of, window, now_ms, told or ())
        names = _gateways(session, gateway) if not machine else [g for g in of.values() if g]
        contact = service.contact(session, names, window, now_ms)
    return Read(*window, spans, contact, {row.id: row.name for row in rows}, told is not None)


def _gateways(session: Session, only: str) -> list[str]:
    query = select(Gateway.name).order_by(col(Gateway.name))
    return list(session.exec(query.where(Gateway.name == only) if only else query))


def _ticks(page: Page, read: Read, period: str) -> list[tuple[int, str]]:
    """Return six places of a strip that is 1000 long, with their time of day or day."""
    say = page.f.clock if period == "24h" else page.f.day
    length = read.until_ms - read.from_ms
    return [(at * 1000 // 6, say(read.from_ms + length * at // 6)) for at in range(6)]
