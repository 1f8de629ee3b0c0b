"""Serves the stations' pages; what is chosen and pressed counts from the page itself, for its session."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from floor.session_states import Holding, Running
from floor.words import InputRole
from gateway import station_page
from gateway.station import Station
from gateway.station_phone import Phones
from gateway.wiring import AccountWanted, Choice
from hardware.events import ButtonPressed

FILES = {
    "/stations.css": ("station_page.css", "text/css"),
    "/stations.js": ("station_page.js", "text/javascript"),
}
TEXTS = {
    path: Path(__file__).with_name(name).read_text(encoding="utf-8") for path, (name, _) in FILES.items()
}
ANSWER_S = 5.0
PRESSED = frozenset(role for role in InputRole if role.button)
"""The buttons of the page: they are as those that are wired to the station."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class StationPages:
    """The pages of a gateway's stations. Whoever reaches one may choose for whoever uses the machine.

    So by default only this machine reaches them; `everybody` lets the network in.
    """

    def __init__(
        self, stations: Mapping[str, Station], host: str, *, everybody: bool, phones: Phones | None = None
    ) -> None:
        self._stations = stations
        self._phones = phones
        self._everybody = everybody
        self._names = {"localhost", host, socket.gethostname(), f"{socket.gethostname()}.local"}
        self._nonces: dict[str, tuple[str, str]] = {}

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        for path in FILES:
            app.router.add_get(path, self._file)
        app.router.add_get("/stations", self._index)
        app.router.add_get("/stations/{machine}", self._show)
        app.router.add_post("/stations/{machine}", self._choose)

    async def _file(self, request: web.Request) -> web.Response:
        self._admit(request)
        return web.Response(text=TEXTS[request.path], content_type=FILES[request.path][1], headers=HEADERS)

    async def _index(self, request: web.Request) -> web.Response:
        self._admit(request)
        language = station_page.preferred(request.headers.get("Accept-Language", ""))
        return _html(station_page.index(self._stations.values(), language))

    async def _show(self, request: web.Request) -> web.Response:
        station = self._station(request)
        language = _language(request, station)
        if "report" in request.query:
            return _html(station_page.report(station, language, self._nonce(station)))
        phone = await self._phones.part(station, language) if self._phones else ""
        return _html(station_page.station(station, language, self._nonce(station), phone))

    async def _choose(self, request: web.Request) -> web.Response:
        station = self._station(request)
        if not _from_itself(request):
            raise web.HTTPForbidden(text="This comes from another page.\n", headers=HEADERS)
        form = await request.post()
        session, account, nonce, press = (
            str(form.get(key, "")) for key in ("session", "account", "nonce", "press")
        )
        ours = hmac.compare_digest(self._nonce(station).encode(), nonce.encode())
        if ours and press in PRESSED:
            if not station.offer(ButtonPressed(press)):
                raise web.HTTPServiceUnavailable(text="The station is busy.\n", headers=HEADERS)
            raise web.HTTPSeeOther(request.path, headers=HEADERS)
        if not session or not ours:
            choice = Choice.OVER
        else:
            choice = await self._ask(station, session, account)
        if choice is Choice.CHOSEN:
            raise web.HTTPSeeOther(request.path, headers=HEADERS)
        page = station_page.refused(station.view.name, choice, _language(request, station))
        return _html(page, status=409)

    async def _ask(self, station: Station, session: str, account: str) -> Choice:
        answer: asyncio.Future[Choice] = asyncio.get_running_loop().create_future()
        if not station.offer(AccountWanted(session, account, answer)):
            raise web.HTTPServiceUnavailable(text="The station is busy.\n", headers=HEADERS)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            raise web.HTTPServiceUnavailable(text="The station did not answer.\n", headers=HEADERS) from None

    def _station(self, request: web.Request) -> Station:
        self._admit(request)
        station = self._stations.get(request.match_info["machine"])
        if station is None:
            raise web.HTTPNotFound(text="There is no such station here.\n", headers=HEADERS)
        return station

    def _admit(self, request: web.Request) -> None:
        """Refuse the network unless it is let in, and a page elsewhere that gave its name our address."""
        if not self._everybody and not _is(request.remote or "", loopback=True):
            raise web.HTTPForbidden(text="Only this machine may see that.\n", headers=HEADERS)
        try:
            host = request.url.host or ""
        except ValueError:
            host = ""
        if host not in self._names and not _is(host):
            raise web.HTTPForbidden(text="Ask by this machine's address or name.\n", headers=HEADERS)

    def _nonce(self, station: Station) -> str:
        """Return the nonce of the session that runs; each session has its own."""
        session, nonce = self._nonces.get(station.machine, ("", ""))
        if not nonce or session != (station.session_id or ""):
            nonce = secrets.token_urlsafe(16)
            self._nonces[station.machine] = (station.session_id or "", nonce)
        return nonce


def _is(address: str, *, loopback: bool = False) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return found.is_loopback or not loopback


def _from_itself(request: web.Request) -> bool:
    """Whether a form was sent by the page itself; every browser says where it comes from."""
    origin = request.headers.get("Origin", "")
    sent_by = request.headers.get("Sec-Fetch-Site", "same-origin")
    return origin in {f"http://{request.host}", f"https://{request.host}"} and sent_by == "same-origin"


def _language(request: web.Request, station: Station) -> str:
    """Return the language of whoever uses the machine, else what the browser asks for."""
    if isinstance(station.state, Running | Holding):
        member = station.services.roster.member(station.state.lease.member)
        if member is not None:
            return member.language
    return station_page.preferred(request.headers.get("Accept-Language", ""))


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)
