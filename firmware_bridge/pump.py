"""Carries the events of a connection's tasks to whoever reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from firmware_bridge.events import MachineEvent
from floor.errors import MachineError, MachineUnreachable

QUEUE_LIMIT = 256

Put = Callable[[MachineEvent], None]


async def pumped(serve: Callable[[Put], Awaitable[None]]) -> AsyncGenerator[MachineEvent, None]:
    """Run `serve` beside whoever reads what it puts; end with its MachineError, of several with the first.

    A reader that is QUEUE_LIMIT events behind is taken to have stopped, and ends the connection.
    """
    queue: asyncio.Queue[MachineEvent | None] = asyncio.Queue(QUEUE_LIMIT + 1)

    def put(event: MachineEvent) -> None:
        if queue.qsize() >= QUEUE_LIMIT:
            raise MachineUnreachable("what the machine said was not taken in time")
        queue.put_nowait(event)

    async def run() -> None:
        try:
            await serve(put)
        finally:
            with suppress(asyncio.QueueFull):
                queue.put_nowait(None)

    worker = asyncio.create_task(run())
    try:
        while (event := await queue.get()) is not None:
            yield event
        await worker
    except ExceptionGroup as group:
        found = group.subgroup(MachineError)
        if found is None:
            raise
        raise _first(found) from group
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
