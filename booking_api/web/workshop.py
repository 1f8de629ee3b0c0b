"""The technicians' page: what needs somebody now. Alarms, machines out of reach or out of order, gateways."""

from __future__ import annotations

from collections import Counter
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query
from markupsafe import Markup
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.health import alarms as alarm_lists
from booking_api.health import service, watch
from booking_api.health.alarms import Asked
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.maintenance import work
from booking_api.sessions.late import late_by_ms
from booking_api.sessions.lost import silent
from booking_api.sessions.models import Alarm
from booking_api.web.alarms import alarm_title
from booking_api.web.board import gateways_down, names_of
from booking_api.web.health_words import SEVERITIES, TROUBLES, clock_words
from booking_api.web.live import stream
from booking_api.web.pages import Paged
from booking_api.web.readings import rows_of
from booking_api.web.remedies import GRAVE, explained
from booking_api.web.render import Page
from booking_api.web.statement import machine_names
from floor.errors import Refused
from floor.words import Activity

router = Router(prefix="/workshop", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.GATEWAYS_READ))]
Operates = Annotated[Who, Depends(holds(Permission.MACHINES_OPERATE))]
Text = Annotated[str, Query(max_length=200)]
ALARMS = 50
ROWS = 50


@router.get("")
def workshop(
    who: Reads, session: Reading, page: Paged, machine: Text = "", gateway: Text = "", severity: Text = ""
) -> Response:
    """Show what needs a technician."""
    now_ms, may_end = page.context.clock.now_ms(), who.may(Permission.LEDGER_WRITE)
    narrowed = {"machine": machine, "gateway": gateway, "severity": severity}
    values = {
        "live": f"/workshop/live?{urlencode(narrowed)}",
        "parts": board_parts(page, session, narrowed),
        "lost": len(silent(session, page.context.live.snapshot(), now_ms)) if may_end else 0,
    }
    return page.answer("workshop.html", values)


@router.get("/live")
async def live_workshop(
    who: Reads, page: Paged, machine: Text = "", gateway: Text = "", severity: Text = ""
) -> Response:
    """Stream what changes on the page."""
    narrowed = {"machine": machine, "gateway": gateway, "severity": severity}
    asked(**narrowed)  # a strange one is refused before the answer begins

    def parts(reader: Page) -> dict[str, Markup]:
        with reader.context.database.read() as session:
            return board_parts(reader, session, narrowed, oob=True)

    return stream(page, parts)


def board_parts(
    page: Page, session: Session, narrowed: dict[str, str], *, oob: bool = False
) -> dict[str, Markup]:
    """Draw what is live on the page, by the name of its place; of alarms those that `narrowed` asks for."""
    groups = alarm_lists.unseen(session, asked(**narrowed), ALARMS)
    groups.sort(key=lambda one: one.last.code not in GRAVE)
    floor, rows = page.context.live.snapshot(), machines.listed(session)
    gateways = service.gateways(session, floor, Counter(row.gateway or "" for row in rows))
    names = {row.id: row.name for row in rows}
    lost = [row for row in watch.opened(session) if row.machine in names]
    locked = [row for row in rows if row.lockout_reason is not None]
    values: dict[str, object] = {
        **_alarm_words(session, page, [one.last for one in groups]),
        "groups": groups,
        "asked": narrowed,
        "severities": SEVERITIES,
        "oob": oob,
        "gateways": gateways,
        "lost_machines": [(row, explained("machine_unreachable", row.words, page.f.texts)) for row in lost],
        "locked": locked,
        "people": names_of(session, {row.lockout_by or "" for row in locked}, staff=True),
        "working": _working(page, rows),
        "alarms": alarm_lists.count_unseen(session),
        "now_ms": page.context.clock.now_ms(),
        "troubles": TROUBLES,
        "clock_words": clock_words,
    }
    kinds = ("summary", "alarms", "reach", "locked", "working", "gateways")
    return {kind: page.part(f"part_health_{kind}.html", **values) for kind in kinds}


def _working(page: Page, rows: list[Machine]) -> list[dict[str, object]]:
    """Return the machines that show something or are at a job, with what they show."""
    found: list[dict[str, object]] = []
    floor = page.context.live.snapshot()
    for row in rows:
        station = floor.stations.get(row.id)
        gateway = floor.gateways.get(page.context.live.gateway_of(row.id) or "")
        if station is None or gateway is None or not gateway.online:
            continue
        at_work = station.activity in {Activity.BUSY, Activity.HELD} and bool(station.job)
        if not (at_work or station.readings):
            continue
        found.append({"machine": row, "at_work": at_work, **rows_of(page, station)})
    return sorted(found, key=lambda one: not one["at_work"])


@router.get("/alarms")
def alarm_history(
    who: Reads,
    session: Reading,
    page: Paged,
    machine: Text = "",
    gateway: Text = "",
    severity: Text = "",
    cursor: Text = "",
) -> Response:
    """Show all alarms, those that were seen too, newest first."""
    rows, more = alarm_lists.history(session, asked(machine, gateway, severity), cursor, ROWS)
    values = {
        **_alarm_words(session, page, rows),
        "rows": rows,
        "more": more,
        "asked": {"machine": machine, "gateway": gateway, "severity": severity},
        "severities": SEVERITIES,
        "seers": names_of(session, {row.seen_by or "" for row in rows}, staff=True),
        "gateways_known": sorted(page.context.live.snapshot().gateways),
    }
    return page.answer("health_alarms.html", values)


def asked(machine: str, gateway: str, severity: str) -> Asked:
    """Return which alarms a reader asks for."""
    codes = GRAVE if severity in SEVERITIES else None
    return Asked(machine, gateway, codes, but=severity == "other")


def _alarm_words(session: Session, page: Page, alarms: list[Alarm]) -> dict[str, object]:
    """Return what pages need to draw alarms."""
    return {
        "orders": work.of_alarms(session, alarms),
        "alarm_key": work.alarm_key,
        "late_by_ms": late_by_ms,
        "names": machine_names(session),
        "told": {work.alarm_key(one): explained(one.code, one.words, page.f.texts) for one in alarms},
        "grave": GRAVE,
        "down": gateways_down(page),
    }


@router.post("/alarms/{gateway}/{epoch}/{seq}/seen")
def alarm_seen(who: Operates, session: Writing, page: Paged, gateway: str, epoch: int, seq: int) -> Response:
    """Mark an alarm as seen, with the earlier ones that say the same."""
    _see(session, _found(session, gateway, epoch, seq), who.id, page.context.clock.now_ms())
    return RedirectResponse("/workshop?notice=seen", 303)


@router.post("/alarms/{gateway}/{epoch}/{seq}/order")
def open_order(who: Operates, session: Writing, page: Paged, gateway: str, epoch: int, seq: int) -> Response:
    """Open a work order for an alarm, which is seen then, with the earlier ones that say the same."""
    alarm, now_ms = _found(session, gateway, epoch, seq), page.context.clock.now_ms()
    order = work.open_for_alarm(session, alarm, alarm_title(alarm.code, page.f.texts), who.id, now_ms)
    _see(session, alarm, who.id, now_ms)
    return RedirectResponse(f"/upkeep/orders/{order.id}?notice=work_opened", 303)


def _see(session: Session, alarm: Alarm, by: str, now_ms: int) -> None:
    for one in alarm_lists.same(session, alarm):
        one.seen_ms, one.seen_by = now_ms, by
        session.add(one)


def _found(session: Session, gateway: str, epoch: int, seq: int) -> Alarm:
    alarm = session.get(Alarm, (gateway, epoch, seq))
    if alarm is None:
        raise Refused("alarm_not_found", "There is no such alarm.")
    return alarm
