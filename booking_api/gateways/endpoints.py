"""Gateways over HTTP: how each is doing. They are enrolled at the command line, which shows their secrets."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel
from sqlmodel import col, select

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.gateways.models import Gateway
from booking_api.gateways.software import lags
from floor.wire.messages import Vitals

router = Router(prefix="/api/v1/gateways", tags=["gateways"])


class GatewaySeen(BaseModel):
    """A gateway: the figures of its last message, null where it said nothing of them.

    `journal_lag` counts entries that it has yet to deliver. `lags`: its software is older than the server's.
    `clock_offset_ms`: its clock is so far ahead of the server's; `clock_error_ms` is what it knows its own
    error to be at most. `free_permille` is what is free of its disk, `memory_kb` of its computer's memory.
    """

    name: str
    online: bool
    software: str
    lags: bool
    enrolled_ms: int
    last_seen_ms: int | None
    roster_age_s: int | None
    journal_lag: int | None
    degraded: bool
    clock_offset_ms: int | None
    clock_error_ms: int | None
    free_permille: int | None
    memory_kb: int | None
    celsius: int | None
    quarantined_ms: int | None


@router.get("")
def list_gateways(
    session: Reading, context: Ctx, who: Annotated[Who, Depends(holds(Permission.GATEWAYS_READ))]
) -> list[GatewaySeen]:
    """List the gateways."""
    present = context.live.snapshot().gateways
    seen: list[GatewaySeen] = []
    for row in session.exec(select(Gateway).order_by(col(Gateway.name))):
        live = present.get(row.name)
        vitals = (live.vitals if live else None) or Vitals()
        seen.append(
            GatewaySeen(
                name=row.name,
                online=live is not None and live.online,
                software=row.software,
                lags=lags(row.software),
                enrolled_ms=row.enrolled_ms,
                last_seen_ms=live.seen_ms if live else row.last_seen_ms,
                roster_age_s=live.roster_age_s if live else None,
                journal_lag=live.journal_lag if live else None,
                degraded=live is not None and live.degraded,
                clock_offset_ms=live.lead_ms if live else None,
                clock_error_ms=vitals.clock_error_ms,
                free_permille=vitals.free_permille,
                memory_kb=vitals.memory_kb,
                celsius=vitals.celsius,
                quarantined_ms=row.quarantined_ms,
            )
        )
    return seen
