"""Looks now and then whether something has come due, so that people are told; nothing else waits for it."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from booking_api.context import Context
from booking_api.db import StorageFull
from booking_api.quiet import Quiet
from booking_api.reservations import release
from booking_api.reservations.diary import SERVER, Diary

log = logging.getLogger(__name__)
EVERY_S = 15.0


async def run(context: Context) -> None:
    """Write what has come due, until cancelled."""
    quiet = Quiet(log)
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await asyncio.to_thread(look, context)
        except (StorageFull, SQLAlchemyError) as error:
            quiet.warn("database", error)


def look(context: Context) -> int:
    """Write what has come due now; return at how many machines. Only looks where nothing has."""
    now_ms, currency = context.clock.now_ms(), context.settings.currency.code
    with context.database.read() as session:
        if not release.due(Diary(session, now_ms, SERVER, currency)):
            return 0
    with context.database.write() as session:
        return release.sweep(Diary(session, now_ms, SERVER, currency))
