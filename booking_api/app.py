"""The server's application: what its answers carry, and what runs beside them. Routers stand in rooms.py."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from booking_api import rounds
from booking_api.api.guarded import Guarded
from booking_api.api.head import Headed
from booking_api.api.openapi import Application
from booking_api.api.pace import Paced
from booking_api.auth.desk import Desk
from booking_api.auth.oidc import SingleSignOn
from booking_api.context import Context
from booking_api.metrics import Exposition, Timed
from booking_api.prints.upload import Uploads
from booking_api.quiet import Quiet
from booking_api.reservations.facts import upcoming
from booking_api.rooms import API, PAGES, ROUNDS
from booking_api.web import errors
from booking_api.web.limits import Bounded
from booking_api.web.render import WEB
from booking_api.web.renewal import Renewal


def create_app(context: Context) -> FastAPI:
    """Build the application; its lifespan holds the link to the gateways, when there is one, and tells of
    what happens."""
    app = Application(
        title="Makerfloor",
        summary="Members, machines, sessions and the books of a makerspace.",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # the way there would be made of the Host that somebody sends
        lifespan=_lifespan,
        # As they are: `include_router` would build every route of the floor again at the first request.
        routes=[route for room in (*API, *PAGES) for route in room.router.routes],
    )
    app.state.context = context
    app.state.desk = Desk()
    app.state.uploads = Uploads()
    app.state.single_sign_on = SingleSignOn()
    app.state.exposition = Exposition(context.crew.leads)
    errors.install(app)
    app.add_api_route("/metrics", _metrics, include_in_schema=False)
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    app.add_api_route("/healthz/live", _lives, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=WEB / "static"))
    app.mount("/vendor", StaticFiles(directory=WEB / "vendor", check_dir=False))
    app.add_middleware(Renewal)
    app.add_middleware(Paced, context=context)
    app.add_middleware(Bounded)
    app.add_middleware(Timed)
    app.add_middleware(Guarded, https=context.https, floor_now=context.clock.now_ms)
    app.add_middleware(Headed)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    from booking_api.happenings.telling import Teller  # it brings an HTTP client along

    quiet = Quiet(logging.getLogger("booking_api.rounds"))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(Teller(context, upcoming).run())]
        if context.link:
            beside = (context.link.run(), *(rounds.run(one, context, quiet) for one in ROUNDS))
            tasks += [group.create_task(work) for work in (context.crew.run(), *beside)]
        yield
        for task in tasks:
            task.cancel()


async def _metrics(request: Request) -> Response:
    exposition: Exposition = request.app.state.exposition
    return await exposition.answer()


def _healthz(request: Request) -> Response:
    """Say that the server answers and its database does."""
    context: Context = request.app.state.context
    with context.database.read() as session:
        session.connection().exec_driver_sql("SELECT 1")
    return PlainTextResponse("ok\n")


async def _lives() -> Response:
    """Say that the process answers: what starts it anew when it does not must not do so for its database."""
    return PlainTextResponse("ok\n")
