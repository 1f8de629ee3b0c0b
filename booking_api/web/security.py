"""Sign-in and security: a member's own password, passkeys, codes, browsers, tokens, links and address."""

from __future__ import annotations

import asyncio
import io
from typing import Annotated

import segno
from fastapi import Body, Depends, Form, Request
from sqlmodel import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth import identities, letters, passkeys, second, service
from booking_api.auth.ceremonies import Step
from booking_api.auth.desk import BY_SECOND, OFTEN
from booking_api.auth.guards import SignedIn, Writing, in_browser, require, require_recent
from booking_api.auth.models import BrowserSession, Credential
from booking_api.auth.permissions import Permission
from booking_api.auth.service import Way
from booking_api.auth.who import Who
from booking_api.members import service as members
from booking_api.web.entry import (
    SECURITY,
    browser_of,
    desk_of,
    end_step,
    set_session,
    set_step,
    step_token,
)
from booking_api.web.moments import day_ends
from booking_api.web.pages import Paged, check_own_site
from booking_api.web.render import Page
from booking_api.web.sign_in import Answer, Provider, leave_for
from floor.errors import Refused

router = Router(prefix=SECURITY, include_in_schema=False)
Text = Annotated[str, Form(max_length=100)]
Password = Annotated[str, Form(max_length=1000)]


def _owner(who: SignedIn) -> Who:
    """Let a browser through, and no token: who has a token changes nobody's sign-in."""
    require(who, Permission.ME_READ)
    in_browser(who)
    return who


Owner = Annotated[Who, Depends(_owner)]


def _recent(who: Owner, page: Paged) -> Who:
    """Let through whoever has signed in just now."""
    require_recent(who, page.context)
    return who


Recent = Annotated[Who, Depends(_recent)]


@router.get("")
def show(who: SignedIn, page: Paged) -> Response:
    """Show how the reader signs in, and where they are signed in."""
    require(who, Permission.ME_READ)
    return _page(page, who)


def _page(page: Page, who: Who, made: str = "", status: int = 200) -> Response:
    context, now_ms = page.context, page.context.wall.now_ms()
    settings = context.settings.sign_in
    with context.database.read() as session:
        links = {one.provider: one for one in identities.of_member(session, who.id)}
        tokens = [token for token in service.tokens_of(session, who.id) if token.revoked_ms is None]
        must = settings.must_have_second(who.member.role)
        has_second = second.has_codes(session, who.id) or second.has_passkey(session, who.id)
        values = {
            "credential": session.get(Credential, who.id),
            "passkeys": passkeys.of_member(session, who.id),
            "can_passkeys": passkeys.site(context.settings.address) is not None,
            "has_codes": second.has_codes(session, who.id),
            "recovery_left": second.recovery_left(session, who.id),
            "lacking": must and not has_second,
            "due_ms": second.due_ms(session, settings, who.id) if must and not has_second else None,
            "sessions": service.sessions_of(session, who.id, now_ms),
            "tokens": tokens,
            "soon": {token.id for token in tokens if service.ends_soon(token, now_ms)},
            "now_ms": now_ms,
            "token_days": settings.token_days,
            "providers": [(one, links.get(one.name)) for one in settings.providers],
            "permissions": sorted(who.permissions),
            "made": made,
        }
    return page.answer("security.html", values, status)


def _back(notice: str) -> RedirectResponse:
    return RedirectResponse(f"{SECURITY}?notice={notice}", 303)


def _anew(session: Session, request: Request, page: Page, who: Who, *, shown_second: bool) -> str:
    """Give this browser a new session, for what it may has changed; the old one is dead."""
    context, browser = page.context, browser_of(request, page.context)
    done = service.begin_session(
        session, who.id, browser.old_token, context.wall.now_ms(), context.settings.sign_in,
        how=Way.PASSWORD, shown_second=shown_second, device=browser.device,
    )  # fmt: skip
    return done.token


@router.post("/password")
async def change_password(
    who: Owner, request: Request, page: Paged, password: Password, current: Password = ""
) -> Response:
    """Change the reader's password, or set the first; every other browser is signed out."""
    context = page.context
    credential = await asyncio.to_thread(_credential, page, who.id)
    if credential is not None:
        await desk_of(request).check_password(context, who.id, current)
    else:
        require_recent(who, context)
    login = credential.login if credential else who.member.email or who.member.number

    def change(session: Session) -> str:
        kept = session.get_one(BrowserSession, who.session)
        shown = kept.second
        service.set_password(session, who.id, login, password, context.wall.now_ms())
        return _anew(session, request, page, who, shown_second=shown)

    answer = _back("new_password")
    set_session(answer, context, await context.database.transact(change))
    return answer


def _credential(page: Page, member: str) -> Credential | None:
    with page.context.database.read() as session:
        return session.get(Credential, member)


@router.post("/passkeys/begin")
async def begin_passkey(who: Recent, page: Paged) -> Response:
    """Return what a browser asks for a new passkey, and bind it to that browser."""
    context = page.context
    settings = context.settings

    def begin(session: Session) -> tuple[str, str]:
        member = members.get(session, who.id)
        return passkeys.begin_registration(
            session, member, settings.address, settings.space_name, context.wall.now_ms()
        )

    token, options = await context.database.transact(begin)
    answer = JSONResponse(passkeys.parsed(options))
    set_step(answer, context, Step.NEW_PASSKEY, token)
    return answer


@router.post("/passkeys")
async def add_passkey(
    who: Recent, request: Request, page: Paged, answer: Answer,
    name: Annotated[str, Body(embed=True, max_length=100)] = "",
) -> Response:  # fmt: skip
    """Keep a new passkey; it is a second factor, so this browser goes on with another session."""
    context = page.context
    token, address = step_token(request, context, Step.NEW_PASSKEY), context.settings.address

    def add(session: Session) -> str:
        passkeys.register(session, who.id, address, token, answer, name, context.wall.now_ms())
        return _anew(session, request, page, who, shown_second=True)

    fresh = await context.database.transact(add)
    done = JSONResponse({"next": f"{SECURITY}?notice=passkey_added"}, 201)
    set_session(done, context, fresh)
    end_step(done, context, Step.NEW_PASSKEY)
    return done


@router.post("/passkeys/{id}/name")
def name_passkey(who: Owner, session: Writing, id: str, name: Text) -> Response:
    """Call a passkey something else."""
    passkeys.rename(session, who.id, id, name)
    return _back("kept")


@router.post("/passkeys/{id}/remove")
def remove_passkey(who: Recent, session: Writing, page: Paged, id: str) -> Response:
    """Remove a passkey."""
    settings = page.context.settings.sign_in
    passkeys.remove(session, settings, who.id, who.member.role, id, page.context.wall.now_ms())
    return _back("kept")


@router.get("/codes")
def show_setup(who: Owner, page: Paged) -> Response:
    """Show the secret that is being set up."""
    with page.context.database.read() as session:
        secret = second.pending_secret(session, page.context.vault, who.id)
    if secret is None:
        return RedirectResponse(SECURITY, 303)
    return page.answer("security_codes.html", {"secret": second.shown(secret), "codes": []})


@router.get("/codes.svg")
def draw_setup(who: Owner, page: Paged) -> Response:
    """Draw the secret that is being set up, for a telephone's camera."""
    context = page.context
    with context.database.read() as session:
        secret = second.pending_secret(session, context.vault, who.id)
    if secret is None:
        raise Refused("code_not_found", "There is no secret that is being set up.")
    out, name = io.BytesIO(), who.member.email or who.member.number
    uri = second.uri(secret, name, context.settings.space_name)
    segno.make(uri, error="m", micro=False).save(
        out, kind="svg", scale=5, border=4, light="#fff", xmldecl=False
    )
    return Response(out.getvalue(), media_type="image/svg+xml")


@router.post("/codes/begin")
def begin_codes(who: Recent, session: Writing, page: Paged) -> Response:
    """Make a secret for one-time codes."""
    second.begin_setup(session, page.context.vault, who.id)
    return RedirectResponse(f"{SECURITY}/codes", 303)


@router.post("/codes")
async def confirm_codes(who: Recent, request: Request, page: Paged, code: Text) -> Response:
    """Begin to use one-time codes, and show the recovery codes, this once."""
    context, now_ms = page.context, page.context.wall.now_ms()
    if not await context.database.transact(lambda session: BY_SECOND.count(session, who.id, now_ms)):
        raise Refused("sign_in_often", OFTEN)

    def confirm(session: Session) -> tuple[list[str], str]:
        codes = second.confirm_setup(session, context.vault, who.id, code, now_ms)
        BY_SECOND.forgive(session, who.id)
        service.sign_out(session, who.id)
        service.tell(session, who.id, "codes_added", now_ms)
        return codes, _anew(session, request, page, who, shown_second=True)

    codes, token = await context.database.transact(confirm)
    return await asyncio.to_thread(_codes_page, page, codes, token)


def _codes_page(page: Page, codes: list[str], token: str) -> Response:
    """Draw new recovery codes for a browser that has a new session."""
    context = page.context
    with context.database.read() as session:
        who = service.by_cookie(session, token, context.wall.now_ms(), context.settings.sign_in)
    fresh = Page(context, who, page.f, page.path)
    answer = fresh.answer("security_codes.html", {"secret": "", "codes": codes})
    set_session(answer, context, token)
    return answer


@router.post("/codes/remove")
def remove_codes(who: Recent, session: Writing, page: Paged) -> Response:
    """End one-time codes."""
    second.remove_codes(session, page.context.settings.sign_in, who.id, who.member.role)
    service.tell(session, who.id, "codes_removed", page.context.wall.now_ms())
    return _back("kept")


@router.post("/recovery")
def renew_recovery(who: Recent, session: Writing, page: Paged) -> Response:
    """Make new recovery codes, and show them, this once."""
    if not second.has_codes(session, who.id) and not second.has_passkey(session, who.id):
        raise Refused("second_factor_missing", "Set up a passkey or codes first.")
    codes = second.renew_recovery(session, page.context.vault, who.id)
    service.tell(session, who.id, "recovery_codes", page.context.wall.now_ms())
    return page.answer("security_codes.html", {"secret": "", "codes": codes})


@router.post("/browsers/{id}/end")
def end_browser(who: Owner, session: Writing, id: str) -> Response:
    """Sign out one of the reader's browsers."""
    service.end_own(session, who.id, id)
    return _back("signed_out")


@router.post("/browsers/end")
def end_browsers(who: Owner, session: Writing, page: Paged) -> Response:
    """Sign out every browser but this one."""
    service.sign_out(session, who.id, but=who.session)
    service.tell(session, who.id, "signed_out", page.context.wall.now_ms())
    return _back("signed_out")


@router.post("/tokens")
async def make_token(
    who: Recent, page: Paged, name: Annotated[str, Form(min_length=1, max_length=100)],
    scopes: Annotated[list[Permission] | None, Form()] = None,
    until: Annotated[str, Form(max_length=10)] = "",
) -> Response:  # fmt: skip
    """Make a token that ends with a day, and show its secret, this once."""
    context, now_ms = page.context, page.context.wall.now_ms()
    end_ms = context.settings.sign_in.token_end_ms(day_ends(until, page.f), now_ms)
    if end_ms <= now_ms:
        raise Refused("date_past", "Name a day that is to come.")
    chosen = frozenset(scopes or ())
    _, secret = await context.database.transact(
        lambda session: service.issue_token(session, who, name, chosen, end_ms, now_ms)
    )
    return await asyncio.to_thread(_page, page, who, secret)


@router.post("/tokens/{id}/revoke")
def revoke_token(who: Owner, session: Writing, page: Paged, id: str) -> Response:
    """End one of the reader's tokens."""
    service.revoke_token(session, who.id, id, page.context.wall.now_ms())
    return _back("kept")


@router.post("/email")
def change_email(
    who: Recent, session: Writing, page: Paged, email: Annotated[str, Form(max_length=254)]
) -> Response:
    """Send a link to a new address."""
    context = page.context
    member = members.get(session, who.id)
    letters.change_email(session, member, email, context.settings.address, context.wall.now_ms())
    return _back("letter")


@router.get("/links/{name}")
async def begin_link(who: Recent, request: Request, page: Paged, name: Provider) -> Response:
    """Send the reader to a provider, to link who they are there."""
    check_own_site(request)
    return await leave_for(request, page, name, SECURITY, who.id)


@router.post("/links/{name}/remove")
def remove_link(who: Recent, session: Writing, page: Paged, name: Provider) -> Response:
    """Take a link to a provider away."""
    identities.unlink(session, who.id, name, page.context.wall.now_ms())
    return _back("kept")
