"""Badges over HTTP. A UID goes in, and comes out only with the keys of its badge."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, computed_field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.badges import service, writing
from booking_api.badges.writing import BadgeKeys
from floor.errors import Refused
from floor.words import BadgeKind

router = Router(prefix="/api/v1", tags=["badges"])
Writes = Annotated[Who, Depends(holds(Permission.BADGES_WRITE))]


class BadgeSeen(BaseModel):
    """A badge. Times are UTC milliseconds; `lost_ms` is when it was reported lost.

    A `weak` one can be copied: nothing but its UID is read. `key_version` is 0 for it.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    member: str
    kind: BadgeKind
    label: str
    lost_ms: int | None
    enrolled_ms: int
    key_version: int

    @computed_field  # type: ignore[prop-decorator] # pydantic's own example; mypy knows no decorated property
    @property
    def weak(self) -> bool:
        """Whether a copy cannot be told from the badge."""
        return self.kind.weak


class KeysGiven(BaseModel):
    """Somebody was given a badge's keys; `by` is a member's id, or `command-line`."""

    model_config = ConfigDict(from_attributes=True)

    by: str
    at_ms: int


class BadgeEventSeen(BaseModel):
    """Who did what with a badge: enrolled, lost, found or removed. `by` is "" for the command line.

    `station` is the machine at whose reader it was enrolled, "" where its number was typed.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    badge: str
    member: str
    what: str
    by: str
    station: str
    at_ms: int


class BadgeDetails(BaseModel):
    """A new badge; `uid` as people write it: 04:A2:B3:C4. A kind that proves itself has 7 bytes of UID."""

    uid: Annotated[str, Field(min_length=4, max_length=128)]
    kind: BadgeKind
    label: Annotated[str, Field(max_length=100)] = ""


@router.get("/members/{member}/badges")
def list_badges(session: Reading, who: SignedIn, member: str) -> list[BadgeSeen]:
    """List a member's badges."""
    own_or(who, member, Permission.BADGES_WRITE)
    return [BadgeSeen.model_validate(badge) for badge in service.of_member(session, member)]


@router.get("/members/{member}/badge-events")
def list_badge_events(session: Reading, who: Writes, member: str) -> list[BadgeEventSeen]:
    """List what was done with a member's badges, by whom; also with those that were removed."""
    return [BadgeEventSeen.model_validate(event) for event in service.events_of(session, member)]


@router.post("/members/{member}/badges", status_code=201)
def enrol_badge(who: Writes, session: Writing, context: Ctx, member: str, details: BadgeDetails) -> BadgeSeen:
    """Give a member a badge."""
    uid = service.parse_uid(details.uid)
    now_ms = context.clock.now_ms()
    badge = service.enrol(session, context.vault, member, uid, details.kind, details.label, now_ms, by=who.id)
    return BadgeSeen.model_validate(badge)


@router.post("/badges/{id}/lost")
def report_lost(who: SignedIn, session: Writing, context: Ctx, id: str) -> BadgeSeen:
    """Report a badge lost: one's own, or any for operators. It opens nothing from then on."""
    check_reporter(who, service.get(session, id).member)
    return BadgeSeen.model_validate(service.report_lost(session, id, context.clock.now_ms(), who.id))


@router.post("/badges/{id}/found")
def report_found(who: Writes, session: Writing, context: Ctx, id: str) -> BadgeSeen:
    """Take a lost badge into use again; staff have it in their hands."""
    return BadgeSeen.model_validate(service.report_found(session, id, context.clock.now_ms(), who.id))


@router.post("/badges/{id}/keys")
def give_keys(
    who: Annotated[Who, Depends(holds(Permission.BADGES_KEYS))], session: Writing, context: Ctx, id: str
) -> BadgeKeys:
    """Give the secret keys of a badge to a program that writes it; who asked is recorded."""
    now_ms = context.clock.now_ms()
    return writing.give(session, context.vault, id, context.settings.address, who.id, now_ms)


@router.get("/badges/{id}/keys")
def list_keys_given(who: Writes, session: Reading, id: str) -> list[KeysGiven]:
    """List who was given the keys of a badge, and when; also of one that was removed."""
    return [KeysGiven.model_validate(one) for one in writing.given(session, id)]


@router.delete("/badges/{id}", status_code=204)
def remove_badge(who: Writes, session: Writing, context: Ctx, id: str) -> None:
    """Forget a badge, so that it may be enrolled again."""
    service.remove(session, id, context.clock.now_ms(), who.id)


def check_reporter(who: Who, member: str) -> None:
    """Raise Refused unless the badge is the asker's own or they manage badges."""
    own = member == who.id and who.may(Permission.ME_WRITE)
    if not own and not who.may(Permission.BADGES_WRITE):
        raise Refused("forbidden", "This is another member's badge.")
