"""The technicians' page: alarms, machines out of order, gateways."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.gateways.endpoints import list_gateways
from booking_api.machines import service as machines
from booking_api.maintenance import work
from booking_api.sessions.late import late_by_ms
from booking_api.sessions.lost import silent
from booking_api.sessions.models import Alarm
from booking_api.web.alarms import alarm_title
from booking_api.web.board import names_of
from booking_api.web.pages import Paged
from booking_api.web.statement import machine_names
from floor.errors import Refused

router = Router(prefix="/workshop", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.GATEWAYS_READ))]
Operates = Annotated[Who, Depends(holds(Permission.MACHINES_OPERATE))]
ALARMS = 50


@router.get("")
def workshop(who: Reads, session: Reading, page: Paged) -> Response:
    """Show what needs a technician."""
    unseen = select(Alarm).where(col(Alarm.seen_ms).is_(None)).order_by(col(Alarm.at_ms).desc())
    out_of_order = [row for row in machines.listed(session) if row.lockout_reason is not None]
    now_ms, may_end = page.context.clock.now_ms(), who.may(Permission.LEDGER_WRITE)
    alarms = session.exec(unseen.limit(ALARMS)).all()
    values = {
        "alarms": alarms,
        "orders": work.of_alarms(session, alarms),
        "alarm_key": work.alarm_key,
        "locked": out_of_order,
        "people": names_of(session, {row.lockout_by or "" for row in out_of_order}),
        "late_by_ms": late_by_ms,
        "gateways": list_gateways(session, page.context, who),
        "names": machine_names(session),
        "now_ms": now_ms,
        "lost": len(silent(session, page.context.live.snapshot(), now_ms)) if may_end else 0,
    }
    return page.answer("workshop.html", values)


@router.post("/alarms/{gateway}/{epoch}/{seq}/seen")
def alarm_seen(who: Operates, session: Writing, page: Paged, gateway: str, epoch: int, seq: int) -> Response:
    """Mark an alarm as seen."""
    alarm = _found(session, gateway, epoch, seq)
    if alarm.seen_ms is None:
        alarm.seen_ms, alarm.seen_by = page.context.clock.now_ms(), who.id
        session.add(alarm)
    return RedirectResponse("/workshop?notice=seen", 303)


@router.post("/alarms/{gateway}/{epoch}/{seq}/order")
def open_order(who: Operates, session: Writing, page: Paged, gateway: str, epoch: int, seq: int) -> Response:
    """Open a work order for an alarm, which is seen then."""
    alarm, now_ms = _found(session, gateway, epoch, seq), page.context.clock.now_ms()
    order = work.open_for_alarm(session, alarm, alarm_title(alarm.code, page.f.texts), who.id, now_ms)
    return RedirectResponse(f"/upkeep/orders/{order.id}?notice=work_opened", 303)


def _found(session: Session, gateway: str, epoch: int, seq: int) -> Alarm:
    alarm = session.get(Alarm, (gateway, epoch, seq))
    if alarm is None:
        raise Refused("alarm_not_found", "There is no such alarm.")
    return alarm
