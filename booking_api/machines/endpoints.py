"""Machines over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.machines import orders, service
from booking_api.machines.orders import Outcome
from booking_api.reservations import freeing
from floor.words import StationState

router = Router(prefix="/api/v1/machines", tags=["machines"])
Reads = Annotated[Who, Depends(holds(Permission.MACHINES_READ))]
Writes = Annotated[Who, Depends(holds(Permission.MACHINES_WRITE))]
Operates = Annotated[Who, Depends(holds(Permission.MACHINES_OPERATE))]


class MachineSeen(BaseModel):
    """A machine. `policy` holds what differs from the defaults; `state` is what its station showed last.

    `requires` is what training it asks for, None: the skill of its own id, if any.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    kind: str
    gateway: str | None
    location: str
    policy: dict[str, Any]
    tariff: str | None
    requires_certification: bool
    requires: Any = None
    lockout_reason: str | None
    archived_ms: int | None
    manual: str = ""
    notes_en: str = ""
    notes_zh: str = ""
    state: StationState = StationState.OFFLINE


class Reason(BaseModel):
    """Why."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


def _seen(context: Ctx, machine: object, id: str) -> MachineSeen:
    seen = MachineSeen.model_validate(machine)
    station = context.live.station(id)
    gateway = context.live.snapshot().gateways.get(context.live.gateway_of(id) or "")
    online = station is not None and gateway is not None and gateway.online
    return seen.model_copy(update={"state": station.state}) if station and online else seen


@router.get("")
def list_machines(session: Reading, context: Ctx, who: Reads, archived: bool = False) -> list[MachineSeen]:
    """List the machines; those that were archived only when asked for."""
    return [_seen(context, machine, machine.id) for machine in service.listed(session, archived)]


@router.get("/{id}")
def get_machine(session: Reading, context: Ctx, who: Reads, id: str) -> MachineSeen:
    """Return a machine."""
    return _seen(context, service.get(session, id), id)


@router.post("", status_code=201)
def add_machine(who: Writes, session: Writing, context: Ctx, details: service.MachineDetails) -> MachineSeen:
    """Put a machine on the floor."""
    return _seen(context, service.add(session, details, context.clock.now_ms()), details.id)


@router.patch("/{id}")
def change_machine(
    who: Writes, session: Writing, context: Ctx, id: str, changes: service.MachineChanges
) -> MachineSeen:
    """Change what is given of a machine."""
    return _seen(context, service.change(session, id, changes, context.clock.now_ms()), id)


@router.delete("/{id}")
def archive_machine(who: Writes, session: Writing, context: Ctx, id: str) -> MachineSeen:
    """Take a machine off the floor; its sessions and charges stay."""
    return _seen(context, freeing.archive(session, id, who.id, context.clock.now_ms()), id)


@router.post("/{id}/lockout")
async def lock_out(who: Operates, context: Ctx, id: str, why: Reason) -> Outcome:
    """Take a machine out of order."""
    return await orders.lock_out(context, id, why.reason, who.id)


@router.post("/{id}/clear")
async def clear(who: Operates, context: Ctx, id: str, why: Reason) -> Outcome:
    """Put a machine in order again; gives no power."""
    return await orders.clear(context, id, why.reason, who.id)


@router.post("/{id}/stop")
async def stop(who: Operates, context: Ctx, id: str) -> Outcome:
    """End the session that runs there."""
    return await orders.stop(context, id, who.id)


@router.post("/{id}/identify")
async def identify(who: Operates, context: Ctx, id: str) -> Outcome:
    """Make the machine's station blink and beep."""
    return await orders.identify(context, id, who.id)
