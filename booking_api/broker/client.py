"""How the server signs in at its broker, and keeps the nodes of a cluster ready for whoever comes."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

import aiomqtt

from booking_api.broker.settings import BrokerSettings
from booking_api.incoming import Incoming
from booking_api.quiet import Quiet
from floor.wire.brokers import CONNECT_S, Address, write_address

_INCOMING_MAX = 4_096
_quiet = Quiet(logging.getLogger(__name__))


def client_at(broker: BrokerSettings, node: Address) -> aiomqtt.Client:
    """Return a client that is not connected yet."""
    host, port = node
    return aiomqtt.Client(
        host,
        port,
        username=broker.username,
        password=broker.password,
        tls_context=ssl.create_default_context(cafile=str(broker.ca)) if broker.ca else None,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        queue_type=Incoming,
        max_queued_incoming_messages=_INCOMING_MAX,
        timeout=CONNECT_S,
        keepalive=20,
    )


async def visit(broker: BrokerSettings) -> None:
    """Connect to each node of a cluster, and part.

    NATS 2.9 sets MQTT up at a node when its first client comes, by queues of which any may be led by a node
    that is dead: it takes many attempts then, so it is done while all of them live.
    """
    for node in broker.nodes if broker.others else ():
        try:
            async with client_at(broker, node):
                pass
        except (aiomqtt.MqttError, OSError) as error:
            _quiet.warn(f"broker's node {write_address(node)}", error)
        # In Python 3.11 a wait that is over forgets a cancellation.
        if (task := asyncio.current_task()) and task.cancelling():
            raise asyncio.CancelledError
