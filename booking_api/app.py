"""The server's application: every router, the answers' headers, and the link that runs beside them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from booking_api.accounts import endpoints as accounts
from booking_api.api import pages as api_pages
from booking_api.api.common import given
from booking_api.api.openapi import Application
from booking_api.auth import endpoints as tokens
from booking_api.auth.desk import Desk
from booking_api.badges import endpoints as badges
from booking_api.billing import endpoints as billing
from booking_api.certifications import endpoints as certifications
from booking_api.context import Context
from booking_api.costing import endpoints as costing
from booking_api.disputes import endpoints as disputes
from booking_api.documents import endpoints as documents
from booking_api.exports import endpoints as exports
from booking_api.gateways import endpoints as gateways
from booking_api.ledger import endpoints as ledger
from booking_api.machines import endpoints as machines
from booking_api.members import endpoints as members
from booking_api.memberships import endpoints as memberships
from booking_api.metrics import Exposition, Timed
from booking_api.payments import bank_endpoints, item_endpoints, online_endpoints
from booking_api.payments import endpoints as payments
from booking_api.prints import endpoints as prints
from booking_api.prints.upload import Uploads
from booking_api.reports import endpoints as reports
from booking_api.sessions import endpoints as sessions
from booking_api.spaceapi import endpoints as spaceapi
from booking_api.tariffs import endpoints as tariffs
from booking_api.web import accounts as account_pages
from booking_api.web import (
    badge,
    badge_reading,
    bank,
    cash_desk,
    classes,
    closing,
    errors,
    machine,
    me,
    pages,
    phone,
    shop,
    staff,
    workshop,
)
from booking_api.web import disputes as dispute_pages
from booking_api.web import documents as document_pages
from booking_api.web import memberships as membership_pages
from booking_api.web import prints as print_pages
from booking_api.web.render import WEB

PEOPLE = (tokens, members, badges, certifications, accounts, memberships)
FLOOR = (machines, sessions, tariffs, gateways, prints)
BOOKS = (ledger, billing, costing, documents, disputes, exports)
PAYMENTS = (payments, bank_endpoints, item_endpoints, online_endpoints)
API = (*PEOPLE, *FLOOR, *BOOKS, *PAYMENTS)
PEOPLE_PAGES = (account_pages, membership_pages, classes, print_pages, badge_reading, phone)
MONEY_PAGES = (document_pages, dispute_pages, cash_desk, bank, shop, closing)
OPEN = (api_pages, spaceapi)
PAGES = (*OPEN, pages, me, badge, machine, staff, workshop, reports, *PEOPLE_PAGES, *MONEY_PAGES)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""What every answer carries: nothing from elsewhere is loaded, and no script stands in a page."""
FOR_A_YEAR = "max-age=31536000"


class Guarded:
    """Middleware that puts the headers on; pages and answers with people in them are kept by no cache."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": FOR_A_YEAR} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_asset = scope["path"].startswith(("/static/", "/vendor/"))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-cache" if is_asset else "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


def create_app(context: Context) -> FastAPI:
    """Build the application; its lifespan holds the link to the gateways, when there is one."""
    app = Application(
        title="Makerfloor",
        summary="Members, machines, sessions and the books of a makerspace.",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
        # As they are: `include_router` would build every route of the floor again at the first request.
        routes=[given(route) for room in (*API, *PAGES) for route in room.router.routes],
    )
    app.state.context = context
    app.state.desk = Desk()
    app.state.uploads = Uploads()
    app.state.badge_door = badge.Door()
    app.state.exposition = Exposition()
    errors.install(app)
    app.add_api_route("/metrics", _metrics, include_in_schema=False)
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=WEB / "static"))
    app.mount("/vendor", StaticFiles(directory=WEB / "vendor", check_dir=False))
    app.add_middleware(Timed)
    app.add_middleware(Guarded, https=context.https)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    async with asyncio.TaskGroup() as group:
        link = group.create_task(context.link.run()) if context.link else None
        yield
        if link is not None:
            link.cancel()


async def _metrics(request: Request) -> Response:
    exposition: Exposition = request.app.state.exposition
    return await exposition.answer()


def _healthz(request: Request) -> Response:
    """Say that the server answers and its database does."""
    context: Context = request.app.state.context
    with context.database.read() as session:
        session.connection().exec_driver_sql("SELECT 1")
    return PlainTextResponse("ok\n")
