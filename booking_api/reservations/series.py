"""Reservations that come again: each date is booked by itself, and those that cannot be had are named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field
from sqlmodel import col, select

from booking_api.reservations import booking
from booking_api.reservations.booking import BookingDetails, granted, wanted
from booking_api.reservations.diary import Diary
from booking_api.reservations.models import Reserved
from floor.errors import Refused
from floor.reservation.recurring import Recurring, Unit, expand, may_recur
from floor.reservation.terms import Slot, Standing

TIMES_MAX = 104
DAYS = 7


class Again(BaseModel):
    """How it comes again: every so many days, weeks or months; in a week on `days` (0 is Monday, none: the
    first one's), until a day or for a number of times, the first counted.
    """

    unit: Unit = Unit.WEEK
    every: Annotated[int, Field(ge=1, le=60)] = 1
    days: Annotated[list[Annotated[int, Field(ge=0, lt=DAYS)]], Field(max_length=DAYS)] = []
    until: date | None = None
    times: Annotated[int, Field(ge=1, le=TIMES_MAX)] = TIMES_MAX


class SeriesDetails(BookingDetails):
    """A slot that is wanted again and again, at the same time of day on the space's clock."""

    again: Again


@dataclass(frozen=True, slots=True)
class Dated:
    """One date: the reservation's id, or (None) the rule that refused it, and why."""

    begins_ms: int
    ends_ms: int
    reservation: str | None
    rule: str = ""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """What came of it."""

    id: str
    dates: tuple[Dated, ...]


def book(diary: Diary, details: SeriesDetails) -> Series:
    """Book every date that can be had; raises Refused where nothing may recur, or no date could be had."""
    made = dates(diary, details)
    if all(one.reservation is None for one in made.dates):
        raise Refused("reservation_series", "None of these dates can be had.")
    return made


def dates(diary: Diary, details: SeriesDetails) -> Series:
    """Book every date that can be had, if any; raises Refused where nothing may recur."""
    diary.hold()
    first = wanted(diary, details, details.member or diary.by)
    again = details.again
    rule = Recurring(again.unit, again.every, frozenset(again.days), again.until, again.times)
    slots = expand(first.slot, rule, diary.zone)
    granted(may_recur(diary.policies, details.machine, first.tier, slots, diary.zone))
    id = diary.new_id()
    return Series(id, tuple(_date(diary, details, slot, id) for slot in slots))


def rest(diary: Diary, id: str) -> list[Reserved]:
    """Return a reservation and those of its series that its holder has after it and that have not begun."""
    row = diary.get(id)
    if row.series is None:
        raise Refused("reservation_no_series", "It does not come again.")
    query = select(Reserved).where(
        Reserved.series == row.series,
        Reserved.member == row.member,
        Reserved.standing == Standing.BOOKED,
        col(Reserved.begins_ms) >= row.begins_ms,
        col(Reserved.begins_ms) > diary.now_ms,
    )
    return list(diary.session.exec(query.order_by(col(Reserved.begins_ms))))


def cancel_rest(diary: Diary, id: str, reason: str = "") -> list[Reserved]:
    """Give a reservation and all later ones of its series up; each costs what giving it up alone costs."""
    diary.hold()
    return [booking.cancel(diary, row.id, reason) for row in rest(diary, id)]


def _date(diary: Diary, details: SeriesDetails, slot: Slot, series: str) -> Dated:
    one = BookingDetails(
        **details.model_dump(include={"machine", "member", "words", "reason"}),
        begins_ms=slot.begins_ms,
        ends_ms=slot.ends_ms,
    )
    try:
        with diary.session.begin_nested():
            made = booking.book(diary, one, series)
    except Refused as refused:
        return Dated(slot.begins_ms, slot.ends_ms, None, refused.code, refused.sentence)
    return Dated(slot.begins_ms, slot.ends_ms, made.id)
