"""What services of the network are, as machines. Pure.

Sources: OctoPrint's bundled plugin Discovery (`_octoprint._tcp`, TXT `path`, `version`); Moonraker's
component zeroconf (`_moonraker._tcp`, TXT `route_prefix`); PrusaLink's service_discovery.py
(`_prusalink._tcp`, and `_octoprint._tcp` for slicers of old); Shelly's API documentation of Gen2+, page mDNS
(`_shelly._tcp`, TXT `gen`, `app`, `ver`); FluidNC's Mdns and TelnetServer (`_http._tcp` and `_telnet._tcp`
under its host name).
"""

from __future__ import annotations

from collections.abc import Sequence

from firmware_bridge.discovery.dns import Service
from firmware_bridge.discovery.found import FILL_IN, UNKNOWN_BROKER, Found, Sure
from firmware_bridge.json_values import words

_CONTROLLERS = {"fluidnc": "FluidNC", "grblhal": "grblHAL", "grbl": "a GRBL", "esp3d": "ESP3D"}
_TELNET = 23


def found(services: Sequence[Service], broker: str = UNKNOWN_BROKER) -> list[Found]:
    """Return the machines among services; `broker` is where the plugs of this floor publish."""
    machines: dict[tuple[str, str], Found] = {}
    for service in services:
        one = _machine(service, services, broker)
        if one:
            key = (one.where, str((one.driver or {}).get("kind")))
            if key not in machines or one.sure is Sure.CERTAIN:
                machines[key] = one
    return list(machines.values())


def _machine(service: Service, services: Sequence[Service], broker: str) -> Found | None:
    where, name = _place(service), words(service.instance)
    if service.kind == "_octoprint._tcp":
        if any(one.kind == "_prusalink._tcp" and _place(one) == where for one in services):
            return None
        path = service.text.get("path", "/").rstrip("/")
        settings = {"kind": "octoprint", "url": f"http://{where}{path}", "api_key": FILL_IN}
        what = f"OctoPrint {words(service.text.get('version', ''))}".strip()
        return Found(f"{what} “{name}”", where, "mDNS", Sure.CERTAIN, name, settings)
    if service.kind == "_prusalink._tcp":
        settings = {"kind": "prusalink", "url": f"http://{where}", "api_key": FILL_IN}
        return Found(f"PrusaLink “{name}”", where, "mDNS", Sure.CERTAIN, name, settings)
    if service.kind == "_moonraker._tcp":
        path = service.text.get("route_prefix", "").rstrip("/")
        settings = {"kind": "moonraker", "url": f"http://{where}{path}"}
        return Found(f"Moonraker “{name}”", where, "mDNS", Sure.CERTAIN, name, settings)
    if service.kind == "_shelly._tcp":
        return _shelly(service, where, name, broker)
    return _controller(service, services, name)


def _shelly(service: Service, where: str, name: str, broker: str) -> Found:
    app = words(service.text.get("app", ""))
    place = {"kind": "shelly", "broker": broker, "prefix": name.lower()}
    notes = ["its MQTT must be on, with this broker and this prefix: see docs/drivers/shelly.md"]
    if service.text.get("gen", "2") == "1":
        return Found(
            f"Shelly of the first generation “{name}”",
            where,
            "mDNS",
            Sure.CERTAIN,
            name,
            notes=("only those of generation 2 and later are driven",),
        )
    return Found(f"Shelly {app} “{name}”", where, "mDNS", Sure.LIKELY, name, place, place, notes=tuple(notes))


def _controller(service: Service, services: Sequence[Service], name: str) -> Found | None:
    called = f"{service.instance} {service.host}".lower()
    known = next((what for sign, what in _CONTROLLERS.items() if sign in called), None)
    if known is None:
        return None
    telnet = [one for one in services if one.kind == "_telnet._tcp" and one.host == service.host]
    port = telnet[0].port if telnet else _TELNET
    where = f"{_address(service)}:{port}"
    if known == "ESP3D":
        note = "its board may be a Marlin or a GRBL: choose the kind of its firmware"
        return Found(f"ESP3D “{name}”", where, "mDNS", Sure.GUESS, name, notes=(note,))
    settings = {"kind": "grbl", "url": f"tcp://{where}"}
    sure = Sure.LIKELY if telnet else Sure.GUESS
    note = "it takes one connection: a sender that is connected must go through the driver's proxy"
    return Found(f"{known} “{name}”", where, "mDNS", sure, name, settings, notes=(note,))


def _place(service: Service) -> str:
    return f"{_address(service)}:{service.port}"


def _address(service: Service) -> str:
    address = service.addresses[0] if service.addresses else words(service.host)
    return f"[{address}]" if ":" in address else address
