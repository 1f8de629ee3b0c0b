"""What a machine's page says besides: its rules, the reader's next steps, when it could be reserved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlmodel import Session

from booking_api.auth.permissions import Permission
from booking_api.courses import classes
from booking_api.courses.classes import Seen
from booking_api.machines.models import Machine
from booking_api.machines.service import requirement_of
from booking_api.reservations.endpoints import diary_of
from booking_api.web import usable
from booking_api.web.board import Card
from booking_api.web.next_slot import NextSlot, next_slot
from booking_api.web.render import Page
from booking_api.web.reservation_words import opening_words, reservation_words
from booking_api.web.reserve_words import rule_words
from floor import training

FIELD = "%Y-%m-%dT%H:%M"
GUEST = "member"
"""By whose tier the rules are told to somebody who is not signed in."""
NOTHING: dict[str, Any] = {
    "usable": usable.UNASKED,
    "booking_rules": [],
    "open_hours": [],
    "next_class": None,
    "slot": None,
    "live": None,
}


def notes_of(machine: Machine, language: str) -> tuple[str, bool]:
    """Return the notes in a language, else in the other; the second says that they are in the other."""
    own, other = machine.notes_en, machine.notes_zh
    if language == "zh":
        own, other = other, own
    return (own, False) if own.strip() else (other, bool(other.strip()))


def for_reader(session: Session, page: Page, machine: Machine, card: Card) -> dict[str, Any]:
    """Return what the page says of the rules and of the reader's next steps."""
    now_ms = page.context.clock.now_ms()
    reader = usable.read(session, page, [machine])
    rules = reader.known.rules
    tier = page.who.member.tier if page.who else GUEST
    today, currency = page.f.moment(now_ms).date(), page.context.settings.currency.code
    return {
        "usable": card.usable,
        "booking_rules": reservation_words(rules, machine.id, tier, page.f, currency)
        if rules.of(machine.id).name
        else [],
        "open_hours": opening_words(rules, machine.id, tier, today, page.f),
        "next_class": _next_class(session, machine, reader.lacks(machine), now_ms) if page.who else None,
        "slot": _slot(session, page, machine),
        "live": card,
    }


def _next_class(session: Session, machine: Machine, lacks: Iterable[str], now_ms: int) -> Seen | None:
    """Return the next class with a place that certifies what the reader lacks."""
    wanted = set(lacks)
    if not wanted or not set(training.names(requirement_of(machine))):
        return None
    coming = (one for one in classes.listed(session, now_ms) if one.row.starts_ms > now_ms and one.left)
    return next((one for one in coming if wanted & set(one.course.certifies)), None)


def _slot(session: Session, page: Page, machine: Machine) -> dict[str, str] | None:
    """Return the next time that could be reserved, with the address of its form, or why it cannot be had."""
    who = page.who
    if who is None or not who.may(Permission.ME_WRITE) or machine.archived_ms is not None:
        return None
    found = next_slot(diary_of(page.context, session, who), who, machine.id)
    if found is None:
        return None
    return {
        "words": _span_words(page, found),
        "begin": page.f.moment(found.begins_ms).strftime(FIELD),
        "end": page.f.moment(found.ends_ms).strftime(FIELD),
        "why": _why(page, machine, found),
    }


def _span_words(page: Page, found: NextSlot) -> str:
    f, now_ms = page.f, page.context.clock.now_ms()
    same_day = f.moment(found.begins_ms).date() == f.moment(now_ms).date()
    begins = f.clock(found.begins_ms) if same_day else f.when(found.begins_ms)
    return f"{f.texts.gettext('today') + ' ' if same_day else ''}{begins}–{f.clock(found.ends_ms)}"


def _why(page: Page, machine: Machine, found: NextSlot) -> str:
    if found.turned is None:
        return ""
    return rule_words(found.turned.rule, found.turned.sentence, page, {machine.id: machine.name})
