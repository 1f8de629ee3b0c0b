"""What must be told now and then: offers of places that passed on, skills that lapse soon.

Nothing depends on when it looks: what holds is computed whenever it is asked for.
"""

from __future__ import annotations

from sqlmodel import Session

from booking_api.certifications import lapses
from booking_api.context import Context
from booking_api.courses import classes
from booking_api.rounds import Round


def look(session: Session, now_ms: int) -> None:
    """Tell what is due."""
    classes.settle_all(session, now_ms)
    lapses.tell(session, now_ms)


async def _look(context: Context) -> None:
    await context.database.transact(lambda session: look(session, context.clock.now_ms()))


ROUND = Round(60.0, _look)
