"""What a server looks after by itself goes on after a refusal, and days in forms have an end."""

from __future__ import annotations

import asyncio
import logging
from zoneinfo import ZoneInfo

import pytest

from booking_api.memberships.days import read_day
from booking_api.quiet import Quiet
from booking_api.rounds import each
from booking_api.web.formats import Formats
from booking_api.web.moments import day_begins, day_ends, instant
from floor.errors import Refused

HOUR_MS = 3_600_000


async def test_a_rule_that_refuses_ends_no_round() -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise asyncio.CancelledError
        raise Refused("month_closed", "This month is closed.")

    with pytest.raises(asyncio.CancelledError):
        await each(0, look, Quiet(logging.getLogger(__name__)))
    assert looks == 3


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01", "x", "2026-13-01"])
def test_a_day_that_cannot_be_is_refused(text: str) -> None:
    f = Formats("en", ZoneInfo("Asia/Shanghai"))
    for read in (day_begins, day_ends, instant):
        with pytest.raises(Refused, match="Write a date"):
            read(text, f)
    with pytest.raises(Refused, match="Write a date"):
        read_day(text)


def test_a_day_ends_where_the_next_begins() -> None:
    f = Formats("en", ZoneInfo("Europe/Berlin"))
    end = day_ends("2026-03-29", f)
    assert end == day_begins("2026-03-30", f)
    assert end == instant("2026-03-29", f) + 23 * HOUR_MS, "an hour is skipped"
    assert day_begins("", f) is None
