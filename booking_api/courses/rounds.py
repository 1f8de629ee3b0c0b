"""Looks now and then for what must be told: offers of places that passed on, skills that lapse soon.

Nothing depends on when it looks: what holds is computed whenever it is asked for.
"""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from booking_api.certifications import lapses
from booking_api.context import Context
from booking_api.courses import classes
from booking_api.db import StorageFull
from booking_api.quiet import Quiet

log = logging.getLogger(__name__)
EVERY_S = 60.0


async def run(context: Context) -> None:
    """Look until cancelled; what the database refuses is tried again at the next look."""
    quiet = Quiet(log)
    while True:
        try:
            await context.database.transact(lambda session: look(session, context.clock.now_ms()))
        except (StorageFull, SQLAlchemyError) as error:
            quiet.warn("database", error)
        await asyncio.sleep(EVERY_S)


def look(session: Session, now_ms: int) -> None:
    """Tell what is due."""
    classes.settle_all(session, now_ms)
    lapses.tell(session, now_ms)
