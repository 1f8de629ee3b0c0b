"""A network's board: how each site stands now, as a page and as JSON, for whoever looks."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from booking_api.api.guarded import Guarded
from booking_api.api.head import Headed
from booking_api.clock import Clock
from booking_api.sites.courier import Courier
from booking_api.sites.standing import Standings
from booking_api.web.formats import Formats
from booking_api.web.language import NAMES, choose
from booking_api.web.render import WEB, environment


def create_board(courier: Courier) -> Starlette:
    """Return the board's application: a page at `/`, as JSON at `/api/v1/network`, and `/healthz`."""
    clock = Clock()
    standings = Standings(courier, clock.now_ms)

    def page(request: Request) -> Response:
        chosen = request.query_params.get("lang")
        language = choose(chosen, None, request.headers.get("accept-language", courier.network.language))
        other = "en" if language == "zh" else "zh"
        known = {
            "f": Formats(language, UTC),
            "network": courier.network.name,
            "sites": standings.read(),
            "now_ms": clock.now_ms(),
            "other": (other, NAMES[other]),
        }
        return HTMLResponse(environment(language).get_template("network.html").render(known))

    def listed(_request: Request) -> Response:
        sites = [asdict(one) | {"free": one.free} for one in standings.read()]
        return JSONResponse({"name": courier.network.name, "sites": sites})

    routes = [
        Route("/", page),
        Route("/api/v1/network", listed),
        Route("/healthz", lambda _request: PlainTextResponse("ok\n")),
        Mount("/static", StaticFiles(directory=WEB / "static")),
    ]
    guarded = Middleware(Guarded, https=False, floor_now=clock.now_ms)
    return Starlette(routes=routes, middleware=[Middleware(Headed), guarded])
