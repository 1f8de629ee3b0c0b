"""The machines' MQTT broker, for plugs and boxes whose relay must be told off also without an event loop."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

CONNECT_S = 3.0
KEEPALIVE_S = 15


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker of plugs or boxes is; `security` is for TLS."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    security: ssl.SSLContext | None = None


def mqtt_client(broker: BrokerAddress) -> paho.Client:
    """Return a client with the broker's credentials; it is not connected yet."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.security:
        client.tls_set_context(broker.security)
    client.reconnect_delay_set(1, 30)
    client.connect_timeout = CONNECT_S
    client.on_socket_open = _no_delay
    return client


def _no_delay(_client: paho.Client, _data: Any, opened: Any) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
