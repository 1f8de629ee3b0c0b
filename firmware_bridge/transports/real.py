"""The transports that reach real machines."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_bridge.transports import Bytes, Datagrams, Files, Http, Login, Mqtt, WebSockets
from firmware_bridge.transports.ftps import FtpsTransport
from firmware_bridge.transports.http import HttpTransport
from firmware_bridge.transports.mqtt import BrokerSettings, MqttTransport
from firmware_bridge.transports.stream import stream_at
from firmware_bridge.transports.tls import TlsPeer
from firmware_bridge.transports.udp import UdpTransport
from firmware_bridge.transports.websocket import WebSocketTransport


class RealTransports:
    """See Transports."""

    def http(
        self,
        url: str,
        headers: Mapping[str, str],
        deadline_s: float = 10.0,
        digest: Login | None = None,
    ) -> Http:
        """Make HTTP by aiohttp."""
        return HttpTransport(url, headers, deadline_s, digest)

    def websockets(self, url: str, headers: Mapping[str, str], silence_s: float = 60.0) -> WebSockets:
        """Make websockets by aiohttp."""
        return WebSocketTransport(url, headers, silence_s)

    def stream(self, url: str, baud: int = 115200) -> Bytes:
        """Make a serial port or TCP."""
        return stream_at(url, baud)

    def mqtt(self, settings: BrokerSettings, where: str, peer: TlsPeer | None = None) -> Mqtt:
        """Make MQTT by aiomqtt."""
        return MqttTransport(settings, where, peer)

    def files(self, url: str, login: Login, peer: TlsPeer, where: str, deadline_s: float = 10.0) -> Files:
        """Make FTPS by ftplib."""
        return FtpsTransport(url, login, peer, where, deadline_s)

    def datagrams(self, host: str, port: int, local_port: int = 0) -> Datagrams:
        """Make packets by UDP."""
        return UdpTransport(host, port, local_port)
