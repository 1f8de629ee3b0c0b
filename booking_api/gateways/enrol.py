"""A gateway comes to the floor: it gets a name, a password at the broker and a key for badges."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from booking_api.broker.settings import BrokerSettings
from booking_api.gateways.changes import Subject, changed
from booking_api.gateways.keys import Signer
from booking_api.gateways.models import Gateway
from booking_api.vault import Vault
from floor.errors import Refused
from floor.ids import GATEWAY_NAME
from floor.wire.brokers import write_address

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a gateway must be told once; the password and the key are secrets."""

    name: str
    password: str
    badge_key: bytes


def enrol(session: Session, vault: Vault, name: str, now_ms: int) -> Enrolment:
    """Enrol a new gateway; raises Refused for a malformed name or one in use."""
    if not GATEWAY_NAME.fullmatch(name) or name == "server":
        words = (
            f"{name[:80]!r} cannot be a gateway's name. Use small letters, digits and hyphens, at most 32."
        )
        raise Refused("gateway_name_malformed", words)
    if session.get(Gateway, name) is not None:
        raise Refused(
            "gateway_exists", f"There is a gateway {name} already. Use --again to show its secrets."
        )
    enrolment = Enrolment(name, secrets.token_urlsafe(24), secrets.token_bytes(32))
    session.add(
        Gateway(
            name=name,
            broker_username=name,
            broker_password_sealed=vault.seal(enrolment.password.encode()),
            badge_key_sealed=vault.seal(enrolment.badge_key),
            enrolled_ms=now_ms,
        )
    )
    return enrolment


def recall(session: Session, vault: Vault, name: str) -> Enrolment:
    """Return the secrets of an enrolled gateway again, for a Pi that takes a dead one's place."""
    gateway = _known(session, name)
    password = vault.open(gateway.broker_password_sealed).decode()
    return Enrolment(name, password, vault.open(gateway.badge_key_sealed))


def rotate(session: Session, vault: Vault, name: str, now_ms: int) -> Enrolment:
    """Give a gateway a new password and a new badge key, and return them; raises Refused for an unknown one.

    Badges are called otherwise under a new key, so the gateway gets a whole roster. Its old password is
    refused once the broker has its files anew.
    """
    gateway = _known(session, name)
    enrolment = Enrolment(name, secrets.token_urlsafe(24), secrets.token_bytes(32))
    gateway.broker_password_sealed = vault.seal(enrolment.password.encode())
    gateway.badge_key_sealed = vault.seal(enrolment.badge_key)
    session.add(gateway)
    changed(session, Subject.FLOOR, name, now_ms)
    return enrolment


def passwords(session: Session, vault: Vault) -> dict[str, str]:
    """Return every gateway's password at the broker, by name: what the broker's files are made from."""
    rows = session.exec(select(Gateway).order_by(col(Gateway.name)))
    return {row.broker_username: vault.open(row.broker_password_sealed).decode() for row in rows}


def config_values(
    enrolment: Enrolment,
    signer: Signer,
    broker: BrokerSettings,
    address: str,
    wired: Mapping[str, object] | None = None,
) -> Table:
    """Return what `gateway.toml` must say: of the server, and what the gateway once sent as wired to it.

    Without that, stations are added by whoever wires them.
    `address` is that of the server's pages, where files of the print queue come from.
    """
    reach: Table = {
        "host": broker.host,
        "port": broker.port,
        "password": enrolment.password,
    }
    if broker.ca is not None:
        reach["ca"] = "ca.pem"
    if broker.others:
        reach["others"] = [write_address(node) for node in broker.others]
    wired = dict(wired or {})
    return {
        "name": enrolment.name,
        "badge_key": enrolment.badge_key.hex(),
        "server_key": signer.public_key,
        "broker": reach | _table(wired.pop("broker", {})),
        "server": _table(wired.pop("server", {})) | {"url": address},
        **wired,
    }


def _table(value: object) -> Table:
    return {str(key): one for key, one in value.items()} if isinstance(value, Mapping) else {}


def _known(session: Session, name: str) -> Gateway:
    gateway = session.get(Gateway, name)
    if gateway is None:
        raise Refused("gateway_not_found", f"There is no gateway {name}.")
    return gateway
