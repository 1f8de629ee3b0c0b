"""Where the broker is, `[broker]`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from booking_api.setting import Tables
from floor.wire.brokers import Address, parse_address

KEYS = ("host", "port", "username", "password", "ca", "others")


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the MQTT broker is; `ca` is the authority's PEM file, None for a broker without TLS.

    `others` are further nodes of the same broker, where it is a cluster.
    """

    host: str
    port: int
    username: str
    password: str
    ca: Path | None
    others: tuple[Address, ...] = ()

    @property
    def nodes(self) -> tuple[Address, ...]:
        """All nodes, in the order in which they are tried."""
        return ((self.host, self.port), *self.others)

    @property
    def hears_qos(self) -> int:
        """The QoS at which the server hears gateways: 0 of a cluster, 1 of one broker.

        A cluster makes a queue for each QoS 1 subscription, and NATS 2.9 may have a dead node lead it.
        What is lost with a connection gateways say again; one broker holds back by QoS 1 what comes too fast.
        """
        return 0 if self.others else 1

    def __repr__(self) -> str:
        return f"BrokerSettings({self.host}:{self.port})"


def read(tables: Tables) -> BrokerSettings:
    """Read the section; raises ConfigError."""
    ca = tables.text("broker.ca", "")
    path = (tables.file.parent / ca).resolve() if ca else None
    if path is not None and not os.path.isfile(path):  # a name that is too long is no error there
        raise tables.error("broker.ca", f"is {ca!r}, and there is no such file", "Name a PEM file.")
    return BrokerSettings(
        host=tables.text("broker.host", "127.0.0.1"),
        port=tables.whole("broker.port", 8883 if ca else 1883, 1, 65535),
        username=tables.text("broker.username", "server"),
        password=tables.text("broker.password", ""),
        ca=path,
        others=_others(tables),
    )


def _others(tables: Tables) -> tuple[Address, ...]:
    try:
        return tuple(parse_address(text) for text in tables.texts("broker.others"))
    except ValueError as error:
        remedy = 'Write a list such as ["10.0.0.12:8883"].'
        raise tables.error("broker.others", f"has one that is none: {error}", remedy) from None
