"""What happens around every endpoint under /api/v1: before it runs, and with its answer.

before: the body is bounded and sound; a key that was used finds its answer; `If-Match` still holds.
after: a list is paged, an answer is tagged; a write's answer is kept with its key, in its own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import text
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from booking_api.api import bodies, etags, lists
from booking_api.api.answers import UNFINISHED_MS, UPLOADING_MS, Keyed, Replay, check_key, hash_of
from booking_api.auth.guards import BEFORE, READ_BY, SAFE, context_of, who_asks, writing
from floor.errors import Refused

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_KEY_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"


class Around:
    """What is done around one route."""

    def __init__(self, route: APIRoute, inner: Handler) -> None:
        self._inner = inner
        self._takes_json = takes_json(route)
        self._takes_body = route.body_field is not None
        self._takes_ms = UPLOADING_MS if route.dependant.request_param_name else UNFINISHED_MS
        self._is_list = is_plain_list(route)
        self._is_paged = any(one.alias == "cursor" for one in _queries(route.dependant))
        self._transacts = any(one.call is writing for one in _all(route.dependant))

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        _check_address(request)
        if request.method in SAFE:
            return etags.tagged(request, self._told(request, await self._inner(request)))
        if self._takes_json:
            await _check_json(request)
        return await self._written(request)

    def _told(self, request: Request, response: Response) -> Response:
        if response.status_code != 200:
            return response
        if self._is_list:
            return lists.paged(request, response)
        return lists.linked(request, response) if self._is_paged else response

    async def _written(self, request: Request) -> Response:
        """Write once for a key, and only if nothing changed since it was read."""
        keyed = await self._keyed(request)
        if keyed is not None and not self._transacts:
            return await self._in_steps(request, keyed)
        if not self._transacts:
            await _check_match(request)
            return await self._inner(request)
        kept: list[Session] = []

        async def before(session: Session) -> None:
            if keyed is not None:
                await run_in_threadpool(_lock, session, keyed)
                vault = context_of(request).vault
                await run_in_threadpool(keyed.find, session, vault)
            await _check_match(request, session)
            kept.append(session)

        setattr(request.state, BEFORE, before)
        try:
            response = await self._inner(request)
        except Replay as replay:
            return replay.response
        if keyed is not None and kept and response.status_code < 400:
            await run_in_threadpool(keyed.keep, kept[0], context_of(request).vault, response)
        return response

    async def _in_steps(self, request: Request, keyed: Keyed) -> Response:
        """Write what is not one transaction: the key is taken before, the answer is kept after it."""
        context = context_of(request)
        database, vault = context.database, context.vault

        def begin(session: Session) -> None:
            _lock(session, keyed)  # a twin may be asked of another worker
            keyed.begin(session, vault)

        try:
            await database.transact(begin)
        except Replay as replay:
            return replay.response
        done = False
        try:
            await _check_match(request)
            response = await self._inner(request)
            done = response.status_code < 400
        finally:
            if not done:
                await database.transact(keyed.give_up)
        await database.transact(lambda session: keyed.keep(session, vault, response))
        return response

    async def _keyed(self, request: Request) -> Keyed | None:
        """Return the key of a request and whose it is; None without one, and for who is not signed in."""
        key = request.headers.get("idempotency-key")
        if key is None:
            return None
        check_key(key)
        context = context_of(request)
        who = await run_in_threadpool(who_asks, request, context)
        if who is None:
            return None
        # An upload is not held in memory for this: its length stands for it.
        body = (
            await request.body() if self._takes_body else request.headers.get("content-length", "").encode()
        )
        # Not of `url`, which ends a path at an escaped "#" and takes an escaped "?" for a query's begin.
        address = f"{request.scope['path']}?{request.scope['query_string'].decode('latin-1')}"
        asked = hash_of(request.method, address, request.headers.get("content-type", ""), body, who)
        return Keyed(who.id, key, asked, context.wall.now_ms(), self._takes_ms)


def takes_json(route: APIRoute) -> bool:
    """Whether a route takes JSON as its body."""
    return route.body_field is not None and not any(
        type(one.field_info).__name__ in {"Form", "File"} for one in route.dependant.body_params
    )


def is_plain_list(route: APIRoute) -> bool:
    """Whether a route answers a list of JSON that it does not page itself."""
    return "GET" in (route.methods or ()) and getattr(route.response_model, "__origin__", None) is list


def _all(dependant: Dependant) -> list[Dependant]:
    return [dependant, *(inner for one in dependant.dependencies for inner in _all(one))]


def _queries(dependant: Dependant) -> list[ModelField]:
    return [field for one in _all(dependant) for field in one.query_params]


def _check_address(request: Request) -> None:
    bodies.check_text(request.scope["path"])
    for name, value in request.query_params.multi_items():
        bodies.check_text(name + value)


async def _check_json(request: Request) -> None:
    """Read the body as JSON, before FastAPI does: bounded, and refused in plain words."""
    body = await bodies.bounded(request)
    request._body = body  # Starlette keeps what it read there too: the endpoint reads it again
    if not body:
        return
    if not bodies.is_json(request.headers.get("content-type", "")):
        raise Refused("content_type_wrong", "The body is sent as Content-Type: application/json.")
    await run_in_threadpool(bodies.read_json, body)


async def _check_match(request: Request, session: Session | None = None) -> None:
    if "if-match" in request.headers:
        await etags.check_unchanged(request, {READ_BY: session} if session else {})


def _lock(session: Session, keyed: Keyed) -> None:
    """Keep a twin out on PostgreSQL; SQLite has one writer at a time anyway."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text(_KEY_LOCK), {"key": f"{keyed.author} {keyed.key}"})
