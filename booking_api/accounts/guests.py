"""Guests: people with a day pass, who pay before they use anything, or at once at the desk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from booking_api.accounts.models import AccountKind
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.members.service import Email, MemberDetails, Named, Word

PREPAID = 0


class GuestDetails(BaseModel):
    """A guest. Without `last_day_ms` (any instant of the last day, UTC milliseconds) the pass is for today.

    `credit_limit_micro` is what they may owe until they pay at the desk; 0: they pay before.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    first_name: Named
    last_name: Named
    email: Email | None = None
    tier: Word = "guest"
    language: Word = "en"
    last_day_ms: Annotated[int, Field(ge=0, lt=1 << 47)] | None = None
    credit_limit_micro: Annotated[int, Field(ge=0, lt=1 << 53)] = PREPAID


def add(session: Session, details: GuestDetails, zone: tzinfo, now_ms: int) -> Member:
    """Admit a guest until the end of a day on the space's clock."""
    given = details.model_dump(exclude={"last_day_ms"})
    until_ms = end_of_day(now_ms if details.last_day_ms is None else details.last_day_ms, zone)
    return members.add(
        session, MemberDetails(**given, valid_until_ms=until_ms), now_ms, kind=AccountKind.GUEST
    )


def end_of_day(at_ms: int, zone: tzinfo) -> int:
    """Return the first instant (UTC milliseconds) after the day of an instant on the space's clock."""
    day = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).replace(tzinfo=None)
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return round(midnight.replace(tzinfo=zone).timestamp() * 1000)
