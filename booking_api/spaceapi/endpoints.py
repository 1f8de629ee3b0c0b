"""`/spaceapi.json`, by SpaceAPI v15 (and v14 where a place is given): https://spaceapi.io/docs

It names nobody: machines are counted by room. Scripts of other sites may read it, as the directory asks.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.responses import JSONResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading
from booking_api.context import Context
from booking_api.machines import service as machines
from booking_api.problems import problem
from booking_api.spaceapi.settings import SpaceApiSettings
from floor.words import StationState

router = Router(include_in_schema=False)
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "public, max-age=60",
}
_USED = frozenset({StationState.STARTING, StationState.IN_USE, StationState.HOLDING, StationState.RUN_ON})


@router.get("/spaceapi.json")
def space(session: Reading, context: Ctx) -> Response:
    """Describe the space for the directory; 404 where the settings name no web site of it."""
    settings = context.settings.spaceapi
    if settings.url is None:
        return problem(404, "path_not_found", "There is nothing at this address.")
    rooms = {machine.id: machine.location for machine in machines.listed(session, False)}
    return JSONResponse(describe(context, settings, rooms), headers=HEADERS)


def describe(context: Context, settings: SpaceApiSettings, rooms: dict[str, str]) -> dict[str, Any]:
    """Return the description; `rooms` is where each machine stands."""
    place = _place(context, settings)
    told: dict[str, Any] = {
        "api_compatibility": ["14", "15"] if "lat" in place else ["15"],
        "space": context.settings.space_name,
        "logo": settings.logo or f"{context.settings.address}/static/favicon.svg",
        "url": settings.url,
        "location": place,
        "contact": dict(settings.contact),
        "sensors": _sensors(context, rooms),
    }
    return told


def _place(context: Context, settings: SpaceApiSettings) -> dict[str, Any]:
    place: dict[str, Any] = {"timezone": context.settings.timezone}
    named = {"address": settings.address, "country_code": settings.country, "hint": settings.hint}
    place |= {key: said for key, said in named.items() if said}
    if settings.lat is not None and settings.lon is not None:
        place |= {"lat": settings.lat, "lon": settings.lon}
    return place


def _sensors(context: Context, rooms: dict[str, str]) -> dict[str, Any]:
    """Count machines and those in use by room; names that are no standard's begin with `ext_`."""
    stations = context.live.snapshot().stations
    used = (rooms[id] for id, station in stations.items() if id in rooms and station.state in _USED)
    counts = {"ext_machines": Counter(rooms.values()), "ext_machines_in_use": Counter(used)}
    return {
        name: [{"value": count[room], "location": room or "–"} for room in sorted(set(rooms.values()))]
        for name, count in counts.items()
    }
