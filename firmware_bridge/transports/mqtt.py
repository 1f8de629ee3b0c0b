"""MQTT to one broker, by aiomqtt. Each driver has a connection of its own: none waits for another's.

MQTT 3.1.1, QoS 1 for what is read, QoS 0 for what is asked: an order that comes late is worse than none. A
machine that wants orders at QoS 1 gets them so, and none outlives its connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiomqtt

from firmware_bridge.settings import setting
from firmware_bridge.transports import MAX_BODY_BYTES, Subscription, Told
from firmware_bridge.transports.tls import TlsPeer, peer_context
from floor.errors import ConfigError, MachineUnreachable
from floor.wire.brokers import refused

MAX_WAITING = 1000
KEEPALIVE_S = 20
ACKNOWLEDGED_S = 2.0
PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where a broker is; the first part of the settings of every driver that speaks MQTT."""

    broker: str = setting(starts=("mqtt://", "mqtts://"), example="mqtt://192.168.1.10:1883")
    username: str = setting("", example="plugs")
    password: str = setting("", example="the password at the broker", secret=True)
    ca: str = setting("", example="/etc/makerfloor/ca.pem")
    deadline_s: float = setting(10.0, least=0.1, most=120.0)


class MqttTransport:
    """Connects as the settings say; a broker that does not answer within `deadline_s` is lost.

    With a `peer` the broker's certificate must be that peer's, whatever the address; `ca` is then the peer's.
    Raises ConfigError, with `where` as file, for an address that is none and for a `ca` that cannot be read.
    """

    def __init__(
        self, settings: BrokerSettings, where: str = "the driver's settings", peer: TlsPeer | None = None
    ) -> None:
        self._settings = settings
        self._host, self._port = _address(settings.broker, where)
        self._tls = peer_context(peer, where) if peer else _tls(settings, where)

    @asynccontextmanager
    async def open(self, topics: Sequence[str]) -> AsyncGenerator[Subscription, None]:
        """Connect and subscribe for the length of a `with`. Raises MachineUnreachable when that fails."""
        client = aiomqtt.Client(
            self._host,
            self._port,
            username=self._settings.username or None,
            password=self._settings.password or None,
            tls_context=self._tls,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            timeout=self._settings.deadline_s,
            keepalive=KEEPALIVE_S,
            max_queued_incoming_messages=MAX_WAITING,
        )
        try:
            await client.__aenter__()
        except (aiomqtt.MqttError, OSError) as error:
            raise MachineUnreachable(f"no connection to {self._settings.broker}: {error}") from error
        try:
            _end_if_cancelled()
            opened = _Open(client, self._settings)
            await opened.subscribe(topics)
            yield opened
        finally:
            with suppress(aiomqtt.MqttError, OSError):  # lost already: whoever used it was told
                await client.__aexit__(None, None, None)


class _Open:
    def __init__(self, client: aiomqtt.Client, settings: BrokerSettings) -> None:
        self._client = client
        self._settings = settings

    async def subscribe(self, topics: Sequence[str]) -> None:
        try:
            codes = await self._client.subscribe([(topic, 1) for topic in topics])
        except (aiomqtt.MqttError, OSError) as error:
            raise self._lost(error) from error
        _end_if_cancelled()
        if untold := [topic for topic, code in zip(topics, codes, strict=False) if refused(code)]:
            raise MachineUnreachable(f"{self._settings.broker} refuses to tell of {', '.join(untold)}")

    async def publish(self, topic: str, payload: str, sure: bool = False) -> None:
        try:
            # some machines' brokers lose acknowledgements: what was sent was sent
            with suppress(TimeoutError):
                async with asyncio.timeout(ACKNOWLEDGED_S if sure else None):
                    await self._client.publish(topic, payload.encode(), qos=int(sure))
        except (aiomqtt.MqttError, OSError) as error:
            raise self._lost(error) from error
        _end_if_cancelled()

    async def receive(self, within_s: float) -> Told | None:
        try:
            async with asyncio.timeout(within_s):
                message = await anext(self._client.messages)
        except TimeoutError:
            return None
        except (aiomqtt.MqttError, OSError) as error:
            raise self._lost(error) from error
        payload = message.payload if isinstance(message.payload, bytes) else b""
        return Told(str(message.topic), payload[:MAX_BODY_BYTES], message.retain)

    def _lost(self, error: Exception) -> MachineUnreachable:
        return MachineUnreachable(f"{self._settings.broker} is lost: {error}")


def _end_if_cancelled() -> None:
    """End a task that was told to end while aiomqtt waited.

    asyncio.wait_for, by which it waits, forgets a cancellation that comes as its wait is over (Python 3.11,
    gh-86296); a driver would go on, and whoever waits for its end would wait for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _address(broker: str, where: str) -> tuple[str, int]:
    try:
        parts = urlsplit(broker)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.path.strip("/") or parts.username:
        raise ConfigError(
            where, "broker", f"{broker!r} is no address", 'Write broker = "mqtt://192.168.1.10:1883"'
        )
    return host, port or PORTS[parts.scheme]


def _tls(settings: BrokerSettings, where: str) -> ssl.SSLContext | None:
    if not settings.broker.startswith("mqtts://"):
        if settings.ca:
            raise ConfigError(where, "ca", "is of no use without TLS", 'Write broker = "mqtts://…"')
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca or None)
    except OSError as error:
        raise ConfigError(
            where, "ca", f"cannot be read: {error}", "Name a file of certificates, PEM"
        ) from error
