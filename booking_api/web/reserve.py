"""A machine's week: what is free and what is taken, a form to book that says first why not, and blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from babel.dates import format_date
from fastapi import Depends, Form, Query
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.memberships.days import begin_ms
from booking_api.problems import status_of
from booking_api.reservations import blocks, booking, choices, facts, waiting
from booking_api.reservations.blocks import BlockDetails
from booking_api.reservations.booking import BookingDetails, SlotDetails
from booking_api.reservations.diary import Diary
from booking_api.reservations.endpoints import diary_of, free_of, settled
from booking_api.reservations.seen import ReservationSeen, seen
from booking_api.reservations.waiting import WaitDetails
from booking_api.web.moments import instant
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.reserve_words import price_words, problem_words, quota_words, rule_words
from booking_api.web.statement import machine_names
from floor.errors import Refused
from floor.reservation.slots import block_times
from floor.reservation.terms import Kind, Turned

router = Router(prefix="/machines/{id}", include_in_schema=False)
Staff = Annotated[Who, Depends(holds(Permission.RESERVATIONS_WRITE))]
Moment = Annotated[str, Form(max_length=16)]
Asked = Annotated[str, Query(max_length=16)]
Words = Annotated[str, Form(max_length=200)]
DAYS = 7
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
KINDS = {Kind.CLASS: "Class", Kind.MAINTENANCE: "Maintenance", Kind.USE: "Reserved"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a day: free, or taken by `who`. `begin` and `end` fill the form."""

    begins_ms: int
    ends_ms: int
    free: bool
    who: str = ""
    kind: str = ""
    mine: bool = False
    begin: str = ""
    end: str = ""
    to_midnight: bool = False


@dataclass(frozen=True, slots=True)
class Form_:
    """What a form holds, and what the rules say of it: `allowed` is None where nothing was asked yet.

    `blocks` says that it is the form that takes the machine: `kind`, `note` and `displace` are of that one.
    `sign` is the address at which a text is signed that the rules ask for.
    """

    begin: str = ""
    end: str = ""
    allowed: bool | None = None
    words: str = ""
    again_ms: int = 0
    member: str = ""
    reason: str = ""
    blocks: bool = False
    kind: str = ""
    note: str = ""
    displace: bool = False
    sign: str = ""
    price: str = ""


@router.get("/reserve", dependencies=[Depends(settled)])
def week(
    who: SignedIn,
    session: Reading,
    page: Paged,
    id: str,
    day: Asked = "",
    begin: Asked = "",
    end: Asked = "",
) -> Response:
    """Show a week from a day on; with a time, whether it could be had."""
    require(who, Permission.MACHINES_READ)
    form = _tried(session, page, who, id, begin, end) if begin and end else Form_()
    return _show(session, page, who, id, day or begin[:10], form)


@router.post("/reserve")
def reserve(
    who: SignedIn,
    session: Writing,
    page: Paged,
    id: str,
    begin: Moment,
    end: Moment,
    member: Annotated[str, Form(max_length=254)] = "",
    reason: Words = "",
    ask: Annotated[str, Form(max_length=1)] = "",
    back: Moment = "",
) -> Response:
    """Book a slot, or only `ask` for it; staff for anybody. A rule that refuses is shown beside the form."""
    require(who, Permission.RESERVATIONS_WRITE if member or reason else Permission.ME_WRITE)
    if ask:
        form = replace(_tried(session, page, who, id, begin, end, member), member=member, reason=reason)
        return _show(session, page, who, id, begin[:10], form)
    try:
        with session.begin_nested():
            booking.book(
                diary_of(page.context, session, who),
                BookingDetails(
                    machine=id,
                    begins_ms=instant(begin, page.f),
                    ends_ms=instant(end, page.f),
                    member=members.find(session, member).id if member else "",
                    reason=reason,
                ),
            )
    except Refused as refused:
        form = Form_(begin, end, False, member=member, reason=reason)
        return _refused(session, page, who, id, form, refused)
    if member:
        return RedirectResponse(f"/machines/{id}/reserve?day={begin[:10]}&notice=reserved", 303)
    place = f"/reservations/day?{urlencode({'day': back})}&" if back else "/reservations?"
    return RedirectResponse(f"{place}notice=reserved", 303)


@router.post("/wait")
def wait(who: SignedIn, session: Writing, page: Paged, id: str, begin: Moment, end: Moment) -> Response:
    """Wait for a slot that is taken."""
    require(who, Permission.ME_WRITE)
    try:
        begins_ms, ends_ms = instant(begin, page.f), instant(end, page.f)
        if ends_ms - begins_ms < MINUTE_MS:
            raise Refused("reservation_times_invalid", "A reservation ends after it begins, within a year.")
        with session.begin_nested():
            details = WaitDetails(machine=id, from_ms=begins_ms, to_ms=ends_ms, length_ms=ends_ms - begins_ms)
            waiting.join(diary_of(page.context, session, who), details)
    except Refused as refused:
        return _refused(session, page, who, id, Form_(begin, end, False), refused)
    return RedirectResponse("/reservations?notice=waits_for_slot", 303)


@router.post("/block")
def block(
    who: Staff,
    session: Writing,
    page: Paged,
    id: str,
    begin: Moment,
    end: Moment,
    kind: Annotated[str, Form(pattern="^(class|maintenance)$")],
    words: Words = "",
    displace: bool = False,
) -> Response:
    """Take the machine for a class or for maintenance."""
    try:
        details = BlockDetails(
            machine=id,
            begins_ms=instant(begin, page.f),
            ends_ms=instant(end, page.f),
            kind=Kind.CLASS if kind == "class" else Kind.MAINTENANCE,
            words=words,
            displace=displace,
        )
        with session.begin_nested():
            blocks.block(diary_of(page.context, session, who), details)
    except Refused as refused:
        form = Form_(begin, end, blocks=True, kind=kind, note=words, displace=displace)
        return _refused(session, page, who, id, form, refused)
    return RedirectResponse(f"/machines/{id}/reserve?day={begin[:10]}&notice=blocked", 303)


def _tried(session: Session, page: Page, who: Who, id: str, begin: str, end: str, member: str = "") -> Form_:
    names = machine_names(session)
    try:
        details = BookingDetails(
            machine=id,
            begins_ms=instant(begin, page.f),
            ends_ms=instant(end, page.f),
            member=members.find(session, member).id if member else "",
        )
        diary = diary_of(page.context, session, who)
        decision = booking.check(diary, details)
    except Refused as refused:
        return Form_(begin, end, False, problem_words(refused, page, names))
    if isinstance(decision, Turned):
        words = rule_words(decision.rule, decision.sentence, page, names)
        sign = _address(decision.values.get("waiver", ""), details.member)
        return Form_(begin, end, False, words, decision.again_ms, sign=sign)
    return Form_(begin, end, True, price=price_words(diary, details, who, page))


def _address(waiver: str, member: str) -> str:
    """Return where a text is signed, by its reader or for a member; "" where there is none to sign."""
    return f"/waivers/{waiver}{f'?member={member}' if member else ''}" if waiver else ""


def _refused(session: Session, page: Page, who: Who, id: str, form: Form_, refused: Refused) -> Response:
    session.expire_all()
    if refused.code == "reservation_waiver":
        tried = _tried(session, page, who, id, form.begin, form.end, form.member)
        form = replace(form, sign=tried.sign)
    shown = replace(form, words=problem_words(refused, page, machine_names(session)))
    return _show(session, page, who, id, form.begin[:10], shown, status_of(refused.code))


def _show(
    session: Session, page: Page, who: Who, id: str, day: str, form: Form_, status: int = 200
) -> Response:
    now_ms = page.context.clock.now_ms()
    today = page.f.moment(now_ms).date()
    first = max(day_asked(day, today), today)
    diary = diary_of(page.context, session, who)
    rules = diary.policies.of(id).rules_for(who.member.tier)
    values = {
        "machine": machines.get(session, id),
        "days": [
            (title_of(page, one), _stretches(session, page, who, diary, id, one))
            for one in (first + timedelta(days=n) for n in range(DAYS))
        ],
        "form": form,
        "first": first.isoformat(),
        "before": max(first - timedelta(days=DAYS), today).isoformat() if first > today else "",
        "after": (first + timedelta(days=DAYS)).isoformat(),
        "reservable": rules.reserve,
        "waits": rules.waiting,
        "repeats": rules.recurring or diary.is_staff,
        "kinds": KINDS,
        **_known(
            page, diary, id, max(now_ms, begin_ms(first, page.context.zone)), names=machine_names(session)
        ),
    }
    return page.answer("reserve.html", values, status)


def _known(page: Page, diary: Diary, id: str, at_ms: int, names: dict[str, str]) -> dict[str, object]:
    """Return what the rules say before anything is asked: what bars the reader, and what is left to them."""
    machine = diary.machine(id)
    why = choices.barred(diary, [machine], at_ms).get(id)
    rules = diary.policies.of(id).rules_for(members.get(diary.session, diary.by).tier)
    slot = SlotDetails(machine=id, begins_ms=at_ms, ends_ms=at_ms + HOUR_MS)
    return {
        "barred": rule_words(why.rule, why.sentence, page, names) if why else "",
        "ahead": rule_words("ahead", f"At most {rules.ahead.words} ahead.", page, names)
        if rules.ahead
        else "",
        "quotas": [quota_words(one, page, names) for one in choices.quotas(diary, slot)],
    }


def day_asked(text: str, otherwise: date) -> date:
    """Return the day that an address asks for, another where it names none of this century."""
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        return otherwise
    return found if 2000 <= found.year < 2100 else otherwise


def title_of(page: Page, day: date) -> str:
    """Write a day with its weekday."""
    weekday = format_date(day, "EEE", locale=page.f.locale)
    return f"{weekday} {page.f.day(begin_ms(day, page.context.zone))}"


def _stretches(
    session: Session, page: Page, who: Who, diary: Diary, machine: str, day: date
) -> list[Stretch]:
    """Return a day in order: what is free and what is taken of it, without what is over."""
    zone = page.context.zone
    from_ms = max(begin_ms(day, zone), diary.now_ms)
    to_ms = begin_ms(day + timedelta(days=1), zone)
    if from_ms >= to_ms:
        return []
    rows = facts.rows(session, [machine], from_ms, to_ms)
    taken = [one for one in seen(session, rows, who, diary.now_ms) if one.standing in facts.HOLDS]
    found = [_taken(one) for one in taken if one.ends_ms > from_ms and one.begins_ms < to_ms]
    found += [
        Stretch(begins, ends, False, block.name, KINDS[block.kind])
        for block, (begins, ends) in block_times(diary.policies, machine, from_ms, to_ms, zone)
    ]
    found += [
        Stretch(
            one.begins_ms,
            one.ends_ms,
            True,
            begin=field_of(page, one.begins_ms),
            end=field_of(page, min(one.ends_ms, one.begins_ms + HOUR_MS)),
        )
        for one in free_of(diary, machine, from_ms, to_ms)
        if one.ends_ms - one.begins_ms >= MINUTE_MS
    ]
    clipped = [
        replace(
            one,
            begins_ms=max(one.begins_ms, from_ms),
            ends_ms=min(one.ends_ms, to_ms),
            to_midnight=one.ends_ms >= to_ms,
        )
        for one in found
    ]
    return sorted(clipped, key=lambda one: one.begins_ms)


def _taken(one: ReservationSeen) -> Stretch:
    return Stretch(one.begins_ms, one.ends_ms, False, one.shown, KINDS[one.kind], one.mine)


def field_of(page: Page, at_ms: int) -> str:
    """Write an instant for a field of day and time, at the next whole minute."""
    rounded = -(-at_ms // MINUTE_MS) * MINUTE_MS
    moment = datetime.fromtimestamp(rounded / 1000, UTC).astimezone(page.f.zone)
    return moment.strftime("%Y-%m-%dT%H:%M")
