"""The ways in and out: a password, a passkey, a provider of single sign-on, and the second step."""

from __future__ import annotations

import hmac
import logging
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Body, Form, Path, Query, Request
from sqlmodel import Session
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth import ceremonies, identities, passkeys, service
from booking_api.auth.ceremonies import Step
from booking_api.auth.desk import OFTEN, Entered, Halfway, let_in, second_step
from booking_api.auth.guards import Ctx, SignedIn, Writing, cookie_name
from booking_api.auth.oidc import Identity, SingleSignOn
from booking_api.auth.service import Way
from booking_api.auth.settings import DAY_MS, OidcProvider
from booking_api.auth.throttle import Throttle
from booking_api.problems import status_of
from booking_api.web.entry import (
    SECURITY,
    browser_of,
    desk_of,
    end_step,
    go_on,
    keep,
    set_step,
    step_token,
    where,
)
from booking_api.web.pages import Paged, check_own_site, local
from booking_api.web.render import Page
from floor.errors import PeerError, Refused

log = logging.getLogger(__name__)
router = Router(include_in_schema=False)
Next = Annotated[str, Query(max_length=500)]
Answer = Annotated[str, Body(embed=True, max_length=20_000)]
Provider = Annotated[str, Path(max_length=32)]
BY_STEP = Throttle("step", tries=300)
"""So many passkeys and providers may be begun with from one place in five minutes: a space shares one."""
NOT_PROVEN = "This passkey opens nothing here."


@router.get("/sign-in")
def ask_to_sign_in(page: Paged, next: Next = "/", again: bool = False) -> Response:
    """Show the ways to sign in; `again` also to whoever is signed in, for what needs a recent sign-in."""
    if page.who and not again:
        return RedirectResponse(local(next), 303)
    return sign_in_page(page, next, again=again)


def sign_in_page(
    page: Page, next: str, problem: str = "", login: str = "", status: int = 200, *, again: bool = False
) -> Response:
    """Draw the ways to sign in."""
    settings = page.context.settings
    values = {
        "next": local(next),
        "login": login,
        "problem": problem,
        "again": again,
        "passkeys": passkeys.site(settings.address) is not None,
        "providers": settings.sign_in.providers,
        "joins": settings.people.join != "off",
    }
    return page.answer("sign_in.html", values, status)


def refused_page(page: Page, next: str, refused: Refused, login: str = "") -> Response:
    """Draw the ways to sign in, with why one of them did not work."""
    text = page.f.texts.gettext(refused.sentence)
    return sign_in_page(page, next, text, login, status_of(refused.code))


@router.post("/sign-in")
async def sign_in(
    request: Request,
    page: Paged,
    login: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1000)],
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Sign a browser in with a new token, whatever it carried before; or ask for the second factor."""
    check_own_site(request)
    context = page.context
    try:
        entered = await desk_of(request).sign_in(
            context, login, password, browser_of(request, context), local(next)
        )
    except Refused as refused:
        return refused_page(page, next, refused, login)
    return go_on(context, entered)


@router.get("/sign-in/second")
def ask_for_second(request: Request, page: Paged) -> Response:
    """Ask for the second factor."""
    with page.context.database.read() as session:
        token = step_token(request, page.context, Step.SECOND)
        step = ceremonies.look(session, Step.SECOND, token, page.context.wall.now_ms())
    if step is None:
        return RedirectResponse("/sign-in", 303)
    return _second_page(page, step.data["next"])


def _second_page(page: Page, next: str, problem: str = "", status: int = 200) -> Response:
    values = {
        "next": next,
        "problem": problem,
        "passkeys": passkeys.site(page.context.settings.address) is not None,
    }
    return page.answer("second.html", values, status)


@router.post("/sign-in/second")
async def take_second(request: Request, page: Paged, code: Annotated[str, Form(max_length=100)]) -> Response:
    """Take a one-time code or a recovery code."""
    check_own_site(request)
    context, now_ms = page.context, page.context.wall.now_ms()
    token, browser = step_token(request, context, Step.SECOND), browser_of(request, context)
    try:
        entered = await context.database.transact(
            lambda session: second_step(session, context, token, code, browser, now_ms)
        )
    except Refused as refused:
        return refused_page(page, "/", refused)
    if entered is None:
        problem = page.f.texts.gettext("This code is not right, or was used before.")
        return _second_page(page, "/", problem, 401)
    return go_on(context, entered)


@router.post("/sign-in/passkey/begin")
async def begin_with_passkey(
    request: Request, context: Ctx, next: Annotated[str, Body(embed=True, max_length=500)] = "/"
) -> Response:
    """Return what a browser asks a passkey, and bind it to that browser."""
    check_own_site(request)
    address, now_ms, place = (
        context.settings.address,
        context.wall.now_ms(),
        browser_of(request, context).place,
    )

    def begin(session: Session) -> tuple[str, str] | None:
        if not BY_STEP.count(session, place, now_ms):
            return None
        return passkeys.begin_sign_in(session, address, local(next), now_ms)

    begun = await context.database.transact(begin)
    if begun is None:
        raise Refused("sign_in_often", OFTEN)
    answer = JSONResponse(passkeys.parsed(begun[1]))
    set_step(answer, context, Step.PASSKEY, begun[0])
    return answer


@router.post("/sign-in/passkey")
async def sign_in_with_passkey(request: Request, page: Paged, answer: Answer) -> Response:
    """Sign in whoever's passkey answers; nobody typed a name."""
    check_own_site(request)
    context, now_ms = page.context, page.context.wall.now_ms()
    token, browser = step_token(request, context, Step.PASSKEY), browser_of(request, context)

    def enter(session: Session) -> Entered | Halfway | None:
        proven = passkeys.sign_in(session, context.settings.address, token, answer, now_ms)
        if proven is None:
            return None
        return let_in(session, context, proven[0], Way.PASSKEY, browser, proven[1], now_ms)

    entered = await context.database.transact(enter)
    if entered is None:
        told = JSONResponse({"problem": page.f.texts.gettext(NOT_PROVEN)}, 401)
        end_step(told, context, Step.PASSKEY)
        return told
    done = keep(JSONResponse({"next": where(entered)}), context, entered)
    end_step(done, context, Step.PASSKEY)
    return done


@router.get("/sign-in/with/{name}")
async def begin_with_provider(request: Request, page: Paged, name: Provider, next: Next = "/") -> Response:
    """Send a browser to a provider. A link does it: `form-action` lets no form leave this server."""
    check_own_site(request)
    return await leave_for(request, page, name, local(next), None)


async def leave_for(request: Request, page: Page, name: str, next: str, member: str | None) -> Response:
    """Send a browser to a provider, to come back as `member` (who links it) or as whoever it says."""
    context, now_ms = page.context, page.context.wall.now_ms()
    place = browser_of(request, context).place
    try:
        provider = _provider(page, name)
        asked = await _desk(request).begin(provider, _back(page, name))
    except (Refused, PeerError) as error:
        return refused_page(page, next, _said(error, name))

    def begin(session: Session) -> str | None:
        if not BY_STEP.count(session, place, now_ms):
            return None
        kept = {"state": asked.state, "nonce": asked.nonce, "verifier": asked.verifier}
        return ceremonies.begin(session, Step.PROVIDER, now_ms, member, provider=name, next=next, **kept)

    token = await context.database.transact(begin)
    if token is None:
        return refused_page(page, next, Refused("sign_in_often", OFTEN))
    answer = RedirectResponse(asked.address, 303)
    set_step(answer, context, Step.PROVIDER, token)
    return answer


@router.get("/sign-in/with/{name}/back")
async def back_from_provider(
    request: Request,
    page: Paged,
    name: Provider,
    code: Annotated[str, Query(max_length=4096)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Take what a provider sent a browser back with."""
    context, now_ms = page.context, page.context.wall.now_ms()
    token, next = step_token(request, context, Step.PROVIDER), "/"
    try:
        step = await context.database.transact(
            lambda session: ceremonies.take(session, Step.PROVIDER, token, now_ms)
        )
        if step is None or step.data["provider"] != name or not _same(step.data["state"], state) or not code:
            raise Refused(
                "provider_invalid", "This sign-in was not begun here, or was called off. Try it again."
            )
        provider, next = _provider(page, name), step.data["next"]
        identity = await _desk(request).finish(
            provider, _back(page, name), code, step.data["verifier"], step.data["nonce"]
        )
        answer = await _take_identity(request, page, provider, identity, step.member, next)
    except (Refused, PeerError) as error:
        answer = refused_page(page, next, _said(error, name))
    end_step(answer, context, Step.PROVIDER)
    answer.headers["referrer-policy"] = "no-referrer"
    return answer


async def _take_identity(
    request: Request, page: Page, provider: OidcProvider, identity: Identity, member: str | None, next: str
) -> Response:
    context, now_ms = page.context, page.context.wall.now_ms()
    browser = browser_of(request, context)
    if member is not None:
        if page.who is None or page.who.id != member:
            raise Refused(
                "provider_invalid", "This sign-in was not begun here, or was called off. Try it again."
            )
        await context.database.transact(lambda session: identities.link(session, member, identity, now_ms))
        return RedirectResponse(f"{SECURITY}?notice=link_added", 303)

    def enter(session: Session) -> Entered | Halfway:
        who = identities.member_of(session, provider, identity, now_ms, context.clock.now_ms())
        return let_in(session, context, who, Way.PROVIDER, browser, next, now_ms)

    return go_on(context, await context.database.transact(enter))


@router.post("/sign-out")
def sign_out(who: SignedIn, session: Writing, context: Ctx) -> Response:
    """Sign the browser out."""
    service.end_session(session, who.session)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(cookie_name(context), path="/", secure=context.https, httponly=True, samesite="lax")
    return answer


@router.get("/.well-known/change-password")
def change_password_address() -> Response:
    """Lead password managers to where a password is changed."""
    return RedirectResponse(SECURITY, 303)


@router.get("/.well-known/security.txt")
def security_txt(context: Ctx) -> Response:
    """Say whom to tell of a hole (RFC 9116)."""
    settings = context.settings
    if not settings.sign_in.security_contact:
        return PlainTextResponse("There is no such page.\n", 404)
    until = datetime.fromtimestamp((context.wall.now_ms() + 180 * DAY_MS) // 1000, UTC)
    lines = [
        f"Contact: {settings.sign_in.security_contact}",
        f"Expires: {until:%Y-%m-%dT00:00:00Z}",
        "Preferred-Languages: en, zh",
        f"Canonical: {settings.address}/.well-known/security.txt",
    ]
    return PlainTextResponse("\n".join(lines) + "\n")


def _desk(request: Request) -> SingleSignOn:
    desk: SingleSignOn = request.app.state.single_sign_on
    return desk


def _provider(page: Page, name: str) -> OidcProvider:
    provider = page.context.settings.sign_in.provider(name)
    if provider is None:
        raise Refused("provider_not_found", "This server knows no such provider.")
    return provider


def _back(page: Page, name: str) -> str:
    return f"{page.context.settings.address}/sign-in/with/{name}/back"


def _same(one: str, two: str) -> bool:
    return hmac.compare_digest(one.encode(), two.encode(errors="replace"))


def _said(error: Refused | PeerError, name: str) -> Refused:
    """Return what to tell people; what is wrong with a provider, staff read in the log."""
    if isinstance(error, Refused):
        return error
    log.warning("single sign-on: %s", error)
    return Refused("provider_unreachable", "This provider does not answer as it should. Sign in another way.")
