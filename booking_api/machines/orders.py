"""Orders of staff to a machine: recorded where they must outlive a lost message, then sent for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from booking_api.audit.notes import note
from booking_api.context import Context
from booking_api.machines import service
from booking_api.machines.models import Machine
from floor.errors import MachineUnreachable, Refused
from floor.wire.messages import Clear, Identify, LockOut, Order, Reply, Stop


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order. `done`: the gateway did it; `recorded`: it will, as soon as it is in touch."""

    done: bool
    recorded: bool
    words: str


Also = Callable[[Session], object]
"""What else is kept in the transaction that records an order."""


async def lock_out(
    context: Context, id: str, reason: str, by: str, also: Also = lambda session: None
) -> Outcome:
    """Take a machine out of order: recorded first, so that the roster carries it; then at once by command."""
    now_ms = context.clock.now_ms()

    def record(session: Session) -> Machine:
        machine = service.lock_out(session, id, reason, by, now_ms)
        also(session)
        return machine

    return await tell_locked(context, await context.database.transact(record), by)


async def tell_locked(context: Context, machine: Machine, by: str) -> Outcome:
    """Send at once that a machine is recorded as out of order."""
    return await _after_record(
        context, machine, LockOut(machine=machine.id, reason=machine.lockout_reason or ""), by
    )


async def clear(
    context: Context, id: str, reason: str, by: str, also: Also = lambda session: None
) -> Outcome:
    """Put a machine in order again; raises Refused without a reason."""
    if not reason.strip():
        raise Refused("reason_missing", "Say what was done to the machine.")
    now_ms = context.clock.now_ms()

    def record(session: Session) -> Machine:
        machine = service.clear(session, id, now_ms, reason)
        also(session)
        return machine

    machine = await context.database.transact(record)
    return await _after_record(context, machine, Clear(machine=id, reason=reason.strip()[:200]), by)


async def stop(context: Context, id: str, by: str) -> Outcome:
    """End the session that runs at a machine now; raises Refused when none does."""
    machine = await _machine(context, id)
    station = context.live.station(id)
    if station is None or station.session_id is None:
        raise Refused("no_session", "Nobody uses this machine now.")
    order = Stop(machine=id, session_id=station.session_id)
    await _note(context, id, "stopped", station.session_id)
    reply = await _send(context, machine, order, by)
    return Outcome(reply.done, False, reply.words)


async def identify(context: Context, id: str, by: str) -> Outcome:
    """Make a station blink and beep."""
    machine = await _machine(context, id)
    await _note(context, id, "identified")
    reply = await _send(context, machine, Identify(machine=id), by)
    return Outcome(reply.done, False, reply.words)


async def _machine(context: Context, id: str) -> Machine:
    def read() -> Machine:
        with context.database.read() as session:
            return service.get(session, id)

    return await asyncio.to_thread(read)


async def _note(context: Context, id: str, change: str, session: str | None = None) -> None:
    """Record an order that changes no row, before it is sent."""
    values = {"session": session} if session else {}
    await context.database.transact(lambda at: note(at, "machine", id, change, **values))


async def _after_record(context: Context, machine: Machine, order: Order, by: str) -> Outcome:
    context.live.touch(machine.id)
    try:
        reply = await _send(context, machine, order, by)
    except MachineUnreachable as error:
        return Outcome(False, True, str(error))
    return Outcome(reply.done, True, reply.words)


async def _send(context: Context, machine: Machine, order: Order, by: str) -> Reply:
    if context.link is None or machine.gateway is None:
        raise MachineUnreachable("This machine has no gateway.")
    return await context.link.send_command(machine.gateway, order, by)
