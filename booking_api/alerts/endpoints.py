"""Where Alertmanager tells of alerts, with a token that can do nothing else."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel

from booking_api.alerts import service
from booking_api.alerts.payload import Told
from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.notices.wording import place_of

router = Router(prefix="/api/v1", tags=["notices"])
Messenger = Annotated[Who, Depends(holds(Permission.ALERTS_WRITE))]


class Heard(BaseModel):
    """How many of the alerts were news."""

    news: int


@router.post("/alerts")
def tell_alerts(who: Messenger, session: Writing, context: Ctx, told: Told) -> Heard:
    """Tell staff of alerts, as Alertmanager's webhook sends them; what was told before is not told again."""
    settings, now_ms = context.settings, context.wall.now_ms()
    place = place_of(context)
    news = service.tell(session, told.alerts, settings.notices, place, settings.language, now_ms)
    return Heard(news=news)
