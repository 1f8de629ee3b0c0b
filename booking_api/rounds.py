"""What the server looks after by itself, beside requests: now and then, whatever the look before came to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from booking_api.context import Context
from booking_api.quiet import Quiet
from floor.errors import FloorError


@dataclass(frozen=True, slots=True)
class Round:
    """A look at something every so many real seconds. Nothing may depend on when it is."""

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
    await each(one.every_s, lambda: one.look(context), quiet)
