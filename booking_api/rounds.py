"""What the server looks after by itself, beside requests: now and then, whatever the look before came to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from booking_api.context import Context
from booking_api.crew import Crew
from booking_api.quiet import Quiet
from floor.errors import FloorError


@dataclass(frozen=True, slots=True)
class Round:
    """A look at something every so many real seconds. Nothing may depend on when it is.

    The process that leads looks. What a look writes must be right though two look at once: one that was cut
    off may end what it began.
    """

    every_s: float
    look: Callable[[Context], Awaitable[object]]


async def each(every_s: float, look: Callable[[], Awaitable[object]], quiet: Quiet) -> None:
    """Look until cancelled; what a rule or the database refuses is logged, and tried at the next look."""
    while True:
        try:
            await look()
        except (FloorError, SQLAlchemyError) as error:
            quiet.warn("database" if isinstance(error, SQLAlchemyError) else "rounds", error)
        await asyncio.sleep(every_s)


async def run(one: Round, context: Context, quiet: Quiet) -> None:
    """Go one round until cancelled."""
    await each(one.every_s, leading(context.crew, lambda: one.look(context)), quiet)


def leading(crew: Crew, look: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    """Return a look that waits until this process leads; one that takes over looks at once."""

    async def first_lead() -> object:
        await crew.lead()
        return await look()

    return first_lead
