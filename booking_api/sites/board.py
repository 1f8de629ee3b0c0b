"""A network's board: how each site stands now, in counts alone, for whoever looks. Nobody is named."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC
from fractions import Fraction
from typing import Any

from sqlalchemy import distinct
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from booking_api.api.head import Headed
from booking_api.clock import Clock
from booking_api.gateways.models import Gateway
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.sessions.models import Alarm, MachineSession, SessionState
from booking_api.sites.courier import Courier, Open
from booking_api.sites.models import Visitor
from booking_api.web.formats import Formats
from booking_api.web.language import NAMES, choose
from booking_api.web.render import WEB, environment

WEEK_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How a site stands; `reached` false: nothing else is known. Counts, and UTC milliseconds.

    `members` are those whose home it is, `used_ms` the machines' use in sessions that ended within a week.
    """

    id: str
    name: str
    address: str
    reached: bool = True
    machines: int = 0
    in_use: int = 0
    out_of_order: int = 0
    members: int = 0
    visitors: int = 0
    alarms: int = 0
    used_ms: int = 0
    last_contact_ms: int | None = None

    @property
    def free(self) -> int:
        """Machines that are neither in use nor out of order."""
        return max(0, self.machines - self.in_use - self.out_of_order)

    @property
    def utilisation(self) -> Fraction:
        """Which part of a week's hours machines were used."""
        return Fraction(self.used_ms, self.machines * WEEK_MS) if self.machines else Fraction(0)


def read_board(courier: Courier, now_ms: int) -> list[Standing]:
    """Look at each site that the network shows; one that cannot be reached says so."""
    found = []
    for id, site in courier.sites.items():
        if not courier.network.sites[id].board:
            continue
        try:
            with site.db.read() as session:
                found.append(_read(session, site, now_ms))
        except SQLAlchemyError:
            found.append(Standing(id, site.settings.space_name, site.settings.address, reached=False))
    return found


def _read(session: Session, site: Open, now_ms: int) -> Standing:
    def count(query: Any) -> int:
        return int(session.exec(query).one() or 0)

    mine, used = col(Machine.archived_ms).is_(None), col(MachineSession.machine)
    running = MachineSession.state == SessionState.OPEN
    locked = select(func.count()).where(mine, col(Machine.lockout_reason).is_not(None))
    in_use = select(func.count(distinct(used))).join(Machine, col(Machine.id) == used)
    visitors = count(select(func.count()).select_from(Visitor))
    people = count(select(func.count()).select_from(Member).where(col(Member.erased_ms).is_(None)))
    ended = select(func.sum(MachineSession.elapsed_ms)).where(
        col(MachineSession.ended_ms) > now_ms - WEEK_MS, col(MachineSession.ended_ms) <= now_ms
    )
    return Standing(
        site.id,
        site.settings.space_name,
        site.settings.address,
        machines=count(select(func.count()).select_from(Machine).where(mine)),
        in_use=count(in_use.where(mine, running, col(Machine.lockout_reason).is_(None))),
        out_of_order=count(locked),
        members=people - visitors,
        visitors=visitors,
        alarms=count(select(func.count()).select_from(Alarm).where(col(Alarm.seen_ms).is_(None))),
        used_ms=count(ended),
        last_contact_ms=session.exec(select(func.max(Gateway.last_seen_ms))).one(),
    )


def create_board(courier: Courier) -> Starlette:
    """Return the board's application: a page at `/`, as JSON at `/api/v1/network`, and `/healthz`."""
    clock = Clock()

    def page(request: Request) -> Response:
        chosen = request.query_params.get("lang")
        language = choose(chosen, None, request.headers.get("accept-language", courier.network.language))
        other = "en" if language == "zh" else "zh"
        now_ms = clock.now_ms()
        known = {
            "f": Formats(language, UTC),
            "network": courier.network.name,
            "sites": read_board(courier, now_ms),
            "now_ms": now_ms,
            "other": (other, NAMES[other]),
        }
        return HTMLResponse(environment(language).get_template("network.html").render(known))

    def listed(_request: Request) -> Response:
        sites = [asdict(one) | {"free": one.free} for one in read_board(courier, clock.now_ms())]
        return JSONResponse({"name": courier.network.name, "sites": sites})

    routes = [
        Route("/", page),
        Route("/api/v1/network", listed),
        Route("/healthz", lambda _request: PlainTextResponse("ok\n")),
        Mount("/static", StaticFiles(directory=WEB / "static")),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Headed)])
