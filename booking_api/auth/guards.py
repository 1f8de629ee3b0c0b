"""What endpoints ask for before they run: a transaction, who asks, and the right to ask.

A transaction of a request is committed before the answer leaves: `scope="function"`. With FastAPI's default
a client would be told 201 although the commit failed.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.concurrency import contextmanager_in_threadpool
from sqlmodel import Session

from booking_api.audit import acting
from booking_api.audit.acting import Actor, Via
from booking_api.auth import service
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from floor.errors import Refused
from floor.words import Role

COOKIE = "makerfloor"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
BEFORE, READ_BY = "before_write", "read_by"
"""Names in a request's state: what comes first in its transaction; the session that a read takes part in."""
REASONS = ("reason", "words", "memo")
"""The fields in which staff say why they act."""


def context_of(request: Request) -> Context:
    """Return the server's context."""
    return cast(Context, request.app.state.context)


Ctx = Annotated[Context, Depends(context_of)]


def cookie_name(context: Context, step: str = "") -> str:
    """Return the name of the session's cookie, or of a step's; with https a browser holds it to this host."""
    name = f"{COOKIE}-{step}" if step else COOKIE
    return f"__Host-{name}" if context.https else name


def who_asks(request: Request, context: Ctx) -> Who | None:
    """Return who asks, None for anybody: an API token goes before a browser's cookie."""
    now_ms = context.wall.now_ms()
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(cookie_name(context))
    if not scheme and not cookie:
        return None
    with context.database.read() as session:
        if scheme:
            who = service.by_token(session, secret.strip(), now_ms) if scheme.lower() == "bearer" else None
            if who is None:
                raise Refused("not_signed_in", "This token is not known, has expired or was revoked.")
        else:
            who = service.by_cookie(session, cookie or "", now_ms, context.settings.sign_in)
    if who is not None and request.method not in SAFE:
        acting.set_actor(_actor(request, context, who, now_ms))
    return who


def _actor(request: Request, context: Context, who: Who, now_ms: int) -> Actor:
    member, route = who.member, getattr(request.scope.get("route"), "path", request.url.path)
    actor = Actor(
        via=Via.BROWSER if who.session else Via.TOKEN,
        member=member.id,
        name=member.whole_name,
        act=f"{request.method} {route}",
        is_staff=member.role is not Role.MEMBER,
        at_ms=now_ms,
        floor_ms=context.clock.now_ms(),
        token=who.token,
    )
    actor.because(request.query_params.get("reason"))
    return actor


MaybeWho = Annotated[Who | None, Depends(who_asks)]
"""Who asks, or nobody."""


def _reading(request: Request, context: Ctx) -> Iterator[Session]:
    writes = getattr(request.state, READ_BY, None)
    if writes is not None:
        yield writes
        return
    with context.database.read() as session:
        yield session


async def writing(request: Request, context: Ctx, who: MaybeWho) -> AsyncIterator[Session]:
    """Give a transaction; what was asked to stand before the work in it (`BEFORE`) is done first."""
    begun = context.database.write(alone="if-match" in request.headers)  # what it was decided by, stands
    async with context.writes, contextmanager_in_threadpool(begun) as session:
        before: Callable[[Session], Awaitable[None]] | None = getattr(request.state, BEFORE, None)
        if before is not None:
            await before(session)
        yield session


Reading = Annotated[Session, Depends(_reading, scope="function")]
"""A session for reading only."""
Writing = Annotated[Session, Depends(writing, scope="function")]
"""A session whose transaction commits before the answer; it begins by taking the database's write lock.

Who asks is known before, so that the audit log knows who acts."""


async def signed_in(request: Request, who: MaybeWho) -> Who:
    """Return who asks; raises Refused for nobody, and for a write that a page of ours did not send."""
    known = somebody(who)
    if request.method not in SAFE:
        if known.session:
            check_csrf(known, await _sent_csrf(request))
        await _keep_reason(request)
    return known


async def _keep_reason(request: Request) -> None:
    """Keep why somebody acts, as form or JSON say it, for the audit log; a body was read before this runs."""
    actor = acting.current()
    if actor is None or not actor.is_staff:
        return
    kind = request.headers.get("content-type", "")
    sent: object = None
    if kind.startswith("application/x-www-form-urlencoded"):
        sent = await request.form()
    elif "json" in kind:
        try:
            sent = await request.json()
        except ValueError:
            return
    if isinstance(sent, Mapping):
        actor.because(next((sent[name] for name in REASONS if sent.get(name)), None))


def somebody(who: MaybeWho) -> Who:
    """Return who asks; raises Refused for nobody. Whoever takes a write reads its token by `check_csrf`."""
    if who is None:
        raise Refused("not_signed_in", "Please sign in.")
    return who


def check_csrf(who: Who, sent: str | None) -> None:
    """Raise Refused for a browser's write that no page of ours sent."""
    if who.session and not (sent is not None and hmac.compare_digest(sent.encode(), who.csrf.encode())):
        raise Refused("csrf_failed", "This form is out of date. Load the page again, and try once more.")


SignedIn = Annotated[Who, Depends(signed_in)]
"""Who asks; nobody is refused."""


async def _sent_csrf(request: Request) -> str | None:
    sent = request.headers.get("x-csrf-token")
    if sent is None and "json" not in request.headers.get("content-type", ""):
        field = (await request.form()).get("csrf")
        sent = field if isinstance(field, str) else None
    return sent


def holds(permission: Permission) -> Callable[[Who], Who]:
    """Return a dependency that lets through whoever has the right."""

    def check(who: SignedIn) -> Who:
        require(who, permission)
        return who

    return check


def require(who: Who, permission: Permission) -> None:
    """Raise Refused for whoever has not the right."""
    if not who.may(permission):
        raise Refused("forbidden", f"You may not do this: it takes the right {permission}.")


RECENT_MS = 15 * 60_000
"""So long after a sign-in it counts as recent."""


def require_recent(who: Who, context: Context) -> None:
    """Raise Refused for a browser whose sign-in is too long ago for what cannot be taken back easily.

    A token needs no newer sign-in: it took one to be made.
    """
    if who.session and who.signed_in_ms <= context.wall.now_ms() - RECENT_MS:
        raise Refused("sign_in_again", "This needs a sign-in of the last 15 minutes. Sign in again.")


def in_browser(who: Who) -> None:
    """Raise Refused for a program: what concerns a sign-in is done by its person."""
    if not who.session:
        raise Refused("forbidden", "This is done in a signed-in browser.")


def acts_for(who: Who, member: str, others: Permission) -> None:
    """Raise Refused unless somebody may act for a member: for themselves, or for anybody with a right."""
    require(who, Permission.ME_WRITE if member == who.id else others)


def own_or(who: Who, member: str, others: Permission) -> None:
    """Raise Refused unless it is the asker's own, or they may see everybody's."""
    if not who.may_see(member, others):
        raise Refused("forbidden", "This is another member's.")
