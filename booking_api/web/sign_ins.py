"""Staff look after sign-ins: invitations, where a member is signed in, a second factor that was lost."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth import letters, passkeys, second, service, staff
from booking_api.auth.guards import Writing, holds, require_recent
from booking_api.auth.models import Credential
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.members import service as members
from booking_api.web.pages import Paged
from floor.words import Role

router = Router(include_in_schema=False)
Writes = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]


@router.get("/invitations")
def show_invitations(who: Writes, page: Paged) -> Response:
    """Show who is invited and has not come yet."""
    roles = list(Role) if who.may(Permission.ROLES_WRITE) else [Role.MEMBER]
    with page.context.database.read() as session:
        open_ones = letters.open_invitations(session, page.context.wall.now_ms())
    values = {"invitations": open_ones, "roles": roles, "days": page.context.settings.sign_in.invitation_days}
    return page.answer("invitations.html", values)


@router.post("/invitations")
def invite(
    who: Writes, session: Writing, page: Paged, email: Annotated[str, Form(max_length=254)],
    role: Annotated[Role, Form()] = Role.MEMBER,
) -> Response:  # fmt: skip
    """Invite somebody by letter."""
    staff.check_role(who, role)
    settings = page.context.settings
    letters.invite(
        session, email, role, who.id, settings.address, settings.language,
        settings.sign_in.invitation_days, page.context.wall.now_ms(),
    )  # fmt: skip
    return RedirectResponse("/invitations?notice=invited", 303)


@router.post("/invitations/{id}/call-back")
def call_back(who: Writes, session: Writing, page: Paged, id: str) -> Response:
    """Call an invitation back."""
    letters.call_back(session, id, page.context.wall.now_ms())
    return RedirectResponse("/invitations?notice=kept", 303)


@router.get("/members/{id}/sign-in")
def show_sign_in(who: Writes, page: Paged, id: str) -> Response:
    """Show how a member signs in, and where they are signed in."""
    now_ms = page.context.wall.now_ms()
    with page.context.database.read() as session:
        member = members.get(session, id)
        values = {
            "member": member,
            "credential": session.get(Credential, id),
            "has_codes": second.has_codes(session, id),
            "passkeys": passkeys.of_member(session, id),
            "sessions": service.sessions_of(session, id, now_ms),
            "may_touch": member.role is Role.MEMBER or who.may(Permission.ROLES_WRITE),
        }
    return page.answer("sign_in_of.html", values)


@router.post("/members/{id}/sign-in/end")
def sign_out(who: Writes, session: Writing, page: Paged, id: str) -> Response:
    """Sign a member out in every browser."""
    staff.sign_out(session, who, id, page.context.wall.now_ms())
    return RedirectResponse(f"/members/{id}/sign-in?notice=signed_out", 303)


@router.post("/members/{id}/sign-in/end/{browser}")
def end_browser(who: Writes, session: Writing, id: str, browser: str) -> Response:
    """Sign a member out in one browser."""
    staff.end_browser(session, who, id, browser)
    return RedirectResponse(f"/members/{id}/sign-in?notice=signed_out", 303)


@router.post("/members/{id}/sign-in/reset")
def reset(
    who: Writes, session: Writing, page: Paged, id: str, reason: Annotated[str, Form(max_length=200)]
) -> Response:
    """Take codes and passkeys from a member who lost them."""
    require_recent(who, page.context)
    staff.reset_second_factor(session, who, id, reason, page.context.wall.now_ms())
    return RedirectResponse(f"/members/{id}/sign-in?notice=second_reset", 303)
