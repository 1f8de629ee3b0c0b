"""What is kept of a member besides: contacts, household, signatures, suspensions, what the law gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Form
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.households import service as households
from booking_api.households.models import Household
from booking_api.households.service import HouseholdDetails
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.care import Contact, Guardianship
from booking_api.members.models import Member
from booking_api.memberships.days import begin_ms, day_of, read_day
from booking_api.privacy import service as privacy
from booking_api.privacy.endpoints import data_answer
from booking_api.reservations import freeing
from booking_api.waivers import service as waivers
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.waivers import where_words
from floor.errors import Refused

router = Router(include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.MEMBERS_READ))]
Keeps = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
Short = Annotated[str, Form(max_length=254)]
Reason = Annotated[str, Form(max_length=200)]


@router.get("/me/details")
def my_details(who: SignedIn, session: Reading, page: Paged) -> Response:
    """Show the reader what is kept of them, and what they have to sign."""
    require(who, Permission.ME_READ)
    member = members.get(session, who.id)
    values = _of(session, page, member)
    today = day_of(page.context.clock.now_ms(), page.f.zone)
    values["shown_as"] = members.shown_as(member)
    values["wards"] = [
        (ward, waivers.asked(session, ward, today)) for ward in care.wards(session, who.id, today)
    ]
    return page.answer("people_mine.html", values)


@router.post("/me/contact")
def set_my_contact(
    who: SignedIn,
    session: Writing,
    phone: Short = "",
    emergency_name: Short = "",
    emergency_phone: Short = "",
    emergency_note: Short = "",
) -> Response:
    """Keep how the reader and their people are reached."""
    require(who, Permission.ME_WRITE)
    _keep_contact(session, who.id, phone, emergency_name, emergency_phone, emergency_note)
    return RedirectResponse("/me/details?notice=contact", 303)


@router.post("/me/shown")
def set_shown(
    who: SignedIn,
    session: Writing,
    page: Paged,
    how: Annotated[members.Shown, Form()],
    nickname: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Keep what of the reader others read."""
    require(who, Permission.ME_WRITE)
    members.show_as(session, who.id, how, nickname, page.context.clock.now_ms())
    return RedirectResponse("/me/details?notice=contact", 303)


@router.get("/me/data.zip")
def my_data(who: SignedIn, session: Reading, page: Paged) -> Response:
    """Give the reader all that is known of them."""
    require(who, Permission.ME_READ)
    return data_answer(session, page, members.get(session, who.id))


@router.get("/members/{id}/details")
def member_details(who: Reads, session: Reading, page: Paged, id: str) -> Response:
    """Show staff what is kept of a member; operators change it."""
    member = members.get(session, id)
    now_ms = page.context.clock.now_ms()
    values = _of(session, page, member) | {
        "suspended": members.is_suspended(member, now_ms),
        "suspensions": members.suspensions(session, id),
        "matters": privacy.open_matters(session, member, now_ms) if page.may("members:write") else [],
        "keep_years": page.context.settings.people.keep_years,
        "names": _names(session, [row.by for row in members.suspensions(session, id)]),
    }
    return page.answer("people_member.html", values)


@router.post("/members/{id}/contact")
def set_contact(
    who: Keeps,
    session: Writing,
    id: str,
    phone: Short = "",
    emergency_name: Short = "",
    emergency_phone: Short = "",
    emergency_note: Short = "",
) -> Response:
    """Keep how a member and their people are reached."""
    _keep_contact(session, id, phone, emergency_name, emergency_phone, emergency_note)
    return _back(id, "contact")


@router.post("/members/{id}/guardianship")
def set_guardianship(
    who: Keeps,
    session: Writing,
    page: Paged,
    id: str,
    minor_until: Annotated[str, Form(max_length=10)] = "",
    guardian: Short = "",
    guardian_name: Annotated[str, Form(max_length=100)] = "",
    guardian_contact: Short = "",
) -> Response:
    """Say until when a member is a minor, and who answers for them."""
    given = Guardianship(
        minor_until=read_day(minor_until),
        guardian=guardian.strip(),
        guardian_name=guardian_name,
        guardian_contact=guardian_contact,
    )
    care.set_guardianship(session, id, given, page.context.clock.now_ms())
    return _back(id, "contact")


@router.post("/members/{id}/suspend")
def suspend(
    who: Keeps,
    session: Writing,
    page: Paged,
    id: str,
    reason: Reason,
    until: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Stop a member from using machines, until a day or until it is ended."""
    day, now_ms = read_day(until), page.context.clock.now_ms()
    freeing.suspend(session, id, reason, now_ms, begin_ms(day, page.f.zone) if day else None, who.id)
    return _back(id, "suspended")


@router.post("/members/{id}/restore")
def restore(who: Keeps, session: Writing, page: Paged, id: str) -> Response:
    """End a suspension."""
    members.restore(session, id, page.context.clock.now_ms(), who.id)
    return _back(id, "restored")


@router.post("/members/{id}/household")
def put_in_household(
    who: Keeps, session: Writing, page: Paged, id: str, person: Short = "", name: Reason = ""
) -> Response:
    """Take a member into the household of another (`person`), or make one that is called `name`."""
    now_ms = page.context.clock.now_ms()
    if person.strip():
        other = members.find(session, person.strip())
        row = households.of_member(session, other.id)
        if row is None:
            details = HouseholdDetails(name=(other.last_name or other.first_name)[:100])
            row = households.make(session, details, other.id, now_ms)
        households.put(session, row.id, id, now_ms)
    elif name.strip():
        _change_name(session, id, HouseholdDetails(name=name.strip()[:100]), now_ms)
    else:
        raise Refused("name_missing", "Write a name, or who belongs to this member.")
    return _back(id, "household")


@router.post("/members/{id}/household/leave")
def leave_household(who: Keeps, session: Writing, page: Paged, id: str) -> Response:
    """Take a member out of their household."""
    households.remove(session, _household(session, id).id, id, page.context.clock.now_ms())
    return _back(id, "household")


@router.post("/members/{id}/household/payer")
def set_payer(
    who: Keeps, session: Writing, page: Paged, id: str, pays: Annotated[str, Form(max_length=8)]
) -> Response:
    """Have this member pay for the household (`pays` "all"), or each for themselves."""
    row, now_ms = _household(session, id), page.context.clock.now_ms()
    if pays == "all":
        households.pay_together(session, row.id, id, now_ms)
    else:
        households.pay_apart(session, row.id, now_ms)
    return _back(id, "household")


@router.get("/members/{id}/data.zip")
def member_data(who: Keeps, session: Reading, page: Paged, id: str) -> Response:
    """Give operators all that is known of a member."""
    return data_answer(session, page, members.get(session, id))


@router.post("/members/{id}/erase")
def erase(
    who: Keeps,
    session: Writing,
    page: Paged,
    id: str,
    number: Annotated[str, Form(max_length=32)],
    reason: Reason,
) -> Response:
    """Forget a member for good."""
    privacy.erase(session, id, number, reason, who.id, page.context.clock.now_ms())
    return RedirectResponse("/members?notice=erased", 303)


def _of(session: Session, page: Page, member: Member) -> dict[str, object]:
    today = day_of(page.context.clock.now_ms(), page.f.zone)
    kept, household = care.of(session, member.id), households.of_member(session, member.id)
    guardian = members.get(session, kept.guardian) if kept.guardian else None
    return {
        "member": member,
        "care": kept,
        "is_minor": kept.minor_until is not None and today < kept.minor_until,
        "guardian": guardian,
        "household": household,
        "people": households.people(session, household.id) if household else [],
        "payer": households.payer(session, household) if household else "",
        "asked": waivers.asked(session, member, today),
        "signed": [
            (row, waivers.get(session, row.version)) for row in waivers.signatures(session, member.id)
        ],
        "where": where_words(session, page),
        "name_of": lambda row: waivers.text_of(row, page.f.language)[0],
        "day": lambda one: page.f.day(begin_ms(one, page.f.zone)),
    }


def _keep_contact(session: Session, id: str, phone: str, name: str, number: str, note: str) -> None:
    try:
        given = Contact(phone=phone, emergency_name=name, emergency_phone=number, emergency_note=note)
    except ValueError:
        sentence = "A telephone number has at most 40 characters, a name 100, a note 200."
        raise Refused("contact_length", sentence) from None
    care.set_contact(session, id, given)


def _household(session: Session, id: str) -> Household:
    row = households.of_member(session, id)
    if row is None:
        raise Refused("household_not_found", "This member is in no household.")
    return row


def _change_name(session: Session, id: str, details: HouseholdDetails, now_ms: int) -> None:
    row = households.of_member(session, id)
    if row is None:
        households.make(session, details, members.get(session, id).id, now_ms)
    else:
        households.rename(session, row.id, details)


def _names(session: Session, ids: list[str]) -> Mapping[str, str]:
    found = {id: session.get(Member, id) for id in ids if id}
    return {id: one.shown_name or one.whole_name for id, one in found.items() if one}


def _back(id: str, notice: str) -> Response:
    return RedirectResponse(f"/members/{id}/details?notice={notice}", 303)
