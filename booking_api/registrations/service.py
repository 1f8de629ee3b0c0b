"""What is done with people who want to join. Nobody learns here whether an address is a member's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, delete, func, select

from booking_api.accounts import invitations
from booking_api.auth.throttle import Throttle
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.happenings.service import happened, write_letter
from booking_api.happenings.words import Happening, LetterKind
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.care import Contact, Guardianship
from booking_api.members.models import Member
from booking_api.members.service import Email, MaybeNamed, MemberDetails, Named
from booking_api.memberships import plans
from booking_api.memberships import service as memberships
from booking_api.memberships.days import day_of
from booking_api.memberships.service import By, Wish
from booking_api.registrations.models import Registration, RegistrationState
from booking_api.tokens import digest, fresh
from booking_api.waivers import service as waivers
from booking_api.waivers.models import How
from booking_api.waivers.service import Signing
from floor.errors import Refused
from floor.texts import LANGUAGES

WITHIN_MS = 2 * 86_400_000
"""For so long the letter's link is good."""
DECLINED_KEPT_MS = 90 * 86_400_000
"""For so long it is kept who was declined, and why."""
LETTERS_AN_HOUR = 200
HOUR_MS = 3_600_000
BY_RECEIVER = Throttle("join letter", tries=3, window_ms=HOUR_MS)
"""Letters that one address gets, whoever writes it into the form."""
Welcome = Callable[[Member], object]
"""Called with each member who joined: the room of sign-in writes an invitation here."""


class Wanted(BaseModel):
    """What somebody writes who wants to join. A minor names a guardian, who signs for them as `signature`.

    `waivers` are the versions that they have read and agree to.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    first_name: Named
    last_name: MaybeNamed = ""
    shown_name: MaybeNamed = ""
    email: Email
    language: Annotated[str, Field(pattern=f"^({'|'.join(LANGUAGES)})$")] = "en"
    phone: Annotated[str, Field(max_length=40)] = ""
    plan: Annotated[str, Field(max_length=40)] = ""
    note: Annotated[str, Field(max_length=1000)] = ""
    born: date | None = None
    guardian_name: Annotated[str, Field(max_length=100)] = ""
    guardian_contact: Annotated[str, Field(max_length=254)] = ""
    waivers: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=20)] = []
    signature: Annotated[str, Field(max_length=200)] = ""


def write(
    session: Session,
    wanted: Wanted,
    address: str,
    real_ms: int,
    now_ms: int,
    of_age: int = 18,
    team: str = "",
) -> Registration | None:
    """Keep what somebody wrote, and send a letter to confirm the address, or to say that it is a member's.

    The caller learns nothing of which it was. Raises Refused for what is missing, and where very many joined
    within the hour. `address` is the server's; `real_ms` is real time, `now_ms` the floor's. `team` is the
    secret of an invitation: its address is known to be theirs, so no letter goes there, and the row is
    returned.
    """
    invited = invitations.look(session, team, real_ms) if team else None
    if invited is not None:
        wanted = wanted.model_copy(update={"email": invited.email})
    today = day_of(now_ms, zone_of(session))
    minor_until = _minor_until(wanted, today, of_age)
    signed = _signed(session, wanted, minor_until is not None, now_ms)
    if wanted.plan and wanted.plan not in {plan.id for plan in plans.offered(session, today)}:
        raise Refused("plan_not_found", "There is no such plan.")
    _sweep(session, real_ms)
    recent = select(func.count()).select_from(Registration)
    if session.exec(recent.where(col(Registration.written_ms) > real_ms - HOUR_MS)).one() >= LETTERS_AN_HOUR:
        raise Refused("join_often", "Very many people are joining. Try again in an hour.")
    if invited is None and not BY_RECEIVER.count(session, wanted.email.lower(), real_ms):
        return None  # as many letters as one address gets; that too is not told
    secret = fresh()
    given = wanted.model_dump(exclude={"born", "waivers", "signature"})
    row = Registration(
        id=make_id(real_ms),
        minor_until=minor_until,
        signed=signed,
        token_hash=digest(secret),
        written_ms=real_ms,
        invitation=invited.id if invited else None,
        **given,
    )
    session.add(row)
    if invited is not None:
        invitations.take(session, invited, real_ms)
        session.flush()
        return row
    mail = func.lower(col(Member.email)) == wanted.email.lower()
    is_known = session.exec(select(Member.id).where(mail)).first() is not None
    link = f"{address}/sign-in" if is_known else f"{address}/join/confirm?token={secret}"
    write_letter(
        session,
        LetterKind.REGISTRATION,
        wanted.email,
        wanted.language,
        real_ms,
        link=link,
        name=wanted.first_name,
        known="yes" if is_known else "",
    )
    return None


def confirm(
    session: Session, secret: str, real_ms: int, now_ms: int, welcome: Welcome, *, is_open: bool
) -> Registration:
    """Take that the letter arrived: staff are asked, or where joining is open the member is admitted.

    Again it changes nothing. Raises Refused for a link that is none, or too old.
    """
    row = session.exec(select(Registration).where(Registration.token_hash == digest(secret))).first()
    if row is None or row.written_ms + WITHIN_MS <= real_ms:
        raise Refused("link_not_found", "This link is not known, or too old. Write your details again.")
    return arrived(session, row, real_ms, now_ms, welcome, is_open=is_open)


def arrived(
    session: Session, row: Registration, real_ms: int, now_ms: int, welcome: Welcome, *, is_open: bool
) -> Registration:
    """Take that an address is known to be theirs who wrote: staff are asked, or they are admitted."""
    if row.confirmed_ms is None:
        row.confirmed_ms, row.state = real_ms, RegistrationState.ASKED
        session.add(row)
        session.flush()
        happened(session, Happening.MEMBER_ASKED, row.id, now_ms)
        if is_open:
            approve(session, row.id, "", real_ms, now_ms, welcome)
    return row


def get(session: Session, id: str) -> Registration:
    """Return a registration; raises Refused when there is none."""
    row = session.get(Registration, id)
    if row is None:
        raise Refused("registration_not_found", "There is no such registration.")
    return row


def listed(session: Session) -> list[Registration]:
    """Return who waits for an answer, the oldest first, then who was answered lately."""
    order = (
        col(Registration.state) != RegistrationState.ASKED,
        col(Registration.decided_ms).desc(),
        Registration.id,
    )
    query = select(Registration).where(Registration.state != RegistrationState.WRITTEN)
    return list(session.exec(query.order_by(*order).limit(200)))


def approve(
    session: Session, id: str, by: str, real_ms: int, now_ms: int, welcome: Welcome, plan: str | None = None
) -> Member:
    """Admit somebody, with what they signed and the plan that they wish for (`plan`: another, "" for none).

    `by` is "" where joining is open. Raises Refused where they were answered, where the address is a
    member's by now, and for a plan that is none.
    """
    row = _waiting(session, id)
    member = members.add(
        session,
        MemberDetails(
            first_name=row.first_name,
            last_name=row.last_name,
            shown_name=row.shown_name or None,
            email=row.email,
            language=row.language,
        ),
        now_ms,
    )
    if row.phone:
        care.set_contact(session, member.id, Contact(phone=row.phone))
    if row.minor_until is not None:
        given = Guardianship(
            minor_until=row.minor_until,
            guardian_name=row.guardian_name,
            guardian_contact=row.guardian_contact,
        )
        care.set_guardianship(session, member.id, given, now_ms)
    _take_signatures(session, row, member, by)
    wish = row.plan if plan is None else plan
    if wish:
        memberships.join(session, member.id, Wish(plan=wish), By(by or member.id, now_ms, bool(by)))
    _decide(session, row, RegistrationState.APPROVED, by, now_ms)
    row.member = member.id
    if row.invitation is not None:
        invitations.admitted(session, row.invitation, member, now_ms)
    session.flush()
    welcome(member)
    return member


def decline(session: Session, id: str, by: str, reason: str, real_ms: int, now_ms: int) -> Registration:
    """Say no, with a reason, which the letter says; raises Refused without one."""
    row = _waiting(session, id)
    if not reason.strip():
        raise Refused("reason_missing", "Say why.")
    row.reason = reason.strip()[:400]
    if row.invitation is not None:
        invitations.refused(session, row.invitation)
    _decide(session, row, RegistrationState.DECLINED, by, now_ms)
    write_letter(
        session,
        LetterKind.REGISTRATION,
        row.email,
        row.language,
        real_ms,
        name=row.first_name,
        declined="yes",
        reason=row.reason,
        link="",
    )
    return row


def _waiting(session: Session, id: str) -> Registration:
    row = get(session, id)
    if row.state is not RegistrationState.ASKED:
        raise Refused("registration_answered", "This registration was answered already, or is not confirmed.")
    return row


def _decide(session: Session, row: Registration, state: RegistrationState, by: str, now_ms: int) -> None:
    row.state, row.decided_ms, row.decided_by = state, now_ms, by
    session.add(row)
    session.flush()


def _minor_until(wanted: Wanted, today: date, of_age: int) -> date | None:
    if wanted.born is None:
        return None
    if wanted.born.year < 1900 or wanted.born > today:
        raise Refused("date_malformed", "Write a date of birth that can be.")
    day = care.of_age_on(wanted.born, of_age)
    if day <= today:
        return None
    if not (wanted.guardian_name and wanted.guardian_contact):
        raise Refused("guardian_missing", "Who is not of age needs a guardian, and how they are reached.")
    return day


def _signed(session: Session, wanted: Wanted, is_minor: bool, now_ms: int) -> list[dict[str, object]]:
    """Return what they signed; everything that has to be signed must be."""
    asked = {row.id: row for row in waivers.of_all(session) if is_minor or not row.minors_only}
    if set(asked) - set(wanted.waivers):
        raise Refused("waiver_missing", "Read what has to be signed, and agree to each text.")
    if asked and not wanted.signature.strip():
        raise Refused("name_length", "Write your whole name to sign.")
    return [
        {
            "version": row.id,
            "name": wanted.signature.strip(),
            "guardian": is_minor,
            "language": waivers.text_of(row, wanted.language)[2],
            "at_ms": now_ms,
        }
        for row in asked.values()
    ]


def _take_signatures(session: Session, row: Registration, member: Member, by: str) -> None:
    """Keep what they signed; a text that has changed since is theirs to sign anew."""
    for one in row.signed:
        signing = Signing(one["name"], one["language"], How.JOINING, by, bool(one["guardian"]))
        if waivers.is_newest(session, one["version"]):
            waivers.sign(session, member.id, one["version"], signing, one["at_ms"])


def _sweep(session: Session, real_ms: int) -> None:
    """Forget who never confirmed, and who was declined long ago."""
    state = col(Registration.state)
    session.exec(
        delete(Registration).where(
            state == RegistrationState.WRITTEN, col(Registration.written_ms) < real_ms - WITHIN_MS
        )
    )
    session.exec(
        delete(Registration).where(
            state == RegistrationState.DECLINED, col(Registration.written_ms) < real_ms - DECLINED_KEPT_MS
        )
    )
