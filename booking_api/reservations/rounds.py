"""Looks now and then whether something has come due, so that people are told; nothing else waits for it."""

from __future__ import annotations

import asyncio

from booking_api.context import Context
from booking_api.reservations import release
from booking_api.reservations.diary import SERVER, Diary
from booking_api.rounds import Round


def look(context: Context) -> int:
    """Write what has come due now; return at how many machines. Only looks where nothing has."""
    now_ms, currency = context.clock.now_ms(), context.settings.currency.code
    with context.database.read() as session:
        if not release.due(Diary(session, now_ms, SERVER, currency)):
            return 0
    with context.database.write() as session:
        return release.sweep(Diary(session, now_ms, SERVER, currency))


async def _look(context: Context) -> None:
    await asyncio.to_thread(look, context)


ROUND = Round(15.0, _look)
