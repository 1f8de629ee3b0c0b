"""What is wired to a gateway: kept sealed, and written into the settings of the Pi that takes its place."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session

from booking_api.gateways.models import Gateway, GatewayWiring
from booking_api.gateways.unsealing import unsealed
from booking_api.metering.ingest import hold_gateway
from booking_api.vault import Vault
from floor.errors import PeerError
from floor.gateway_keys import Purpose, wiring_context
from floor.wire.messages import Wiring

PARTS = ("data", "http", "journal", "server", "stations", "broker")
REACH = ("host", "port")
"""What of `broker` is the Pi's to say; its password and its certificate come with the enrolment."""


@dataclass(frozen=True, slots=True)
class KeptWiring:
    """The parts of `gateway.toml` that a gateway sent, and since when they are what it sends."""

    parts: Mapping[str, object]
    since_ms: int


def keep(session: Session, vault: Vault, copy: Wiring, now_ms: int) -> bool:
    """Keep a gateway's wiring; returns whether it changed.

    Raises PeerError for one that is not the gateway's, is older than what is kept, or is not a table.
    """
    gateway = hold_gateway(session, copy.gateway)
    text = _opened(gateway, vault, copy)
    _parts(text, copy.gateway)
    row = session.get(GatewayWiring, copy.gateway)
    if row is not None and (copy.epoch, copy.seq) < (row.epoch, row.seq):
        raise PeerError(f"the wiring of {copy.gateway} is older than the one that is kept")
    changed = row is None or vault.open(row.sealed) != text
    if row is None:
        row = GatewayWiring(gateway=copy.gateway, sealed="", since_ms=now_ms, epoch=0, seq=0)
    if changed:
        row.sealed, row.since_ms = vault.seal(text), now_ms
    row.epoch, row.seq = copy.epoch, copy.seq
    session.add(row)
    return changed


def kept(session: Session, vault: Vault, gateway: str) -> KeptWiring | None:
    """Return what is kept of a gateway's wiring; None when it never sent any."""
    row = session.get(GatewayWiring, gateway)
    return KeptWiring(_parts(vault.open(row.sealed), gateway), row.since_ms) if row else None


def begin_anew(session: Session, gateway: str) -> None:
    """Take whatever the next Pi sends for newer: its journal begins anew."""
    row = session.get(GatewayWiring, gateway)
    if row is not None:
        row.epoch = row.seq = 0
        session.add(row)


def _opened(gateway: Gateway, vault: Vault, copy: Wiring) -> bytes:
    context = wiring_context(copy.gateway, copy.epoch, copy.seq)
    return unsealed(vault, gateway, Purpose.WIRING, copy.sealed, context)


def _parts(text: bytes, gateway: str) -> dict[str, object]:
    """Read what was sealed: only the parts that are the gateway's to say."""
    try:
        table = json.loads(text)
        json.dumps(table, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise PeerError(f"the wiring of {gateway} is not JSON that TOML can say") from error
    stations = table.get("stations") if isinstance(table, dict) else None
    if not isinstance(stations, list) or not all(isinstance(one, dict) for one in stations):
        raise PeerError(f"the wiring of {gateway} names no stations")
    parts = {key: table[key] for key in PARTS if key in table}
    broker = parts.pop("broker", {})
    if isinstance(broker, dict):
        parts["broker"] = {key: broker[key] for key in REACH if key in broker}
    return parts
