"""A broker in memory that does what brokers and networks do to messages, and worse.

`Hub.client` stands in for aiomqtt.Client. A message may be lost although its sender was told that it came,
come twice, come late and so after later ones, or come again after minutes.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import aiomqtt


@dataclass
class Weather:
    """How likely each misfortune is for one message to one subscriber."""

    lose: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    haunt: float = 0.0
    refuse: float = 0.0
    """Of a subscription: the broker says no, and yes the next time."""


STORMY = Weather(lose=0.08, repeat=0.08, delay=0.08, haunt=0.03, refuse=0.1)
OFFLINE_MAX = 1_000


@dataclass
class Mailbox:
    """What the broker knows of one client, connected or not."""

    filters: set[str] = field(default_factory=set)
    waiting: deque[tuple[str, bytes]] = field(default_factory=deque)
    client: Client | None = None


class Hub:
    """The broker. `cut` holds identifiers that cannot reach it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.weather = Weather()
        self.boxes: dict[str, Mailbox] = {}
        self.retained: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.happened: Counter[str] = Counter()

    def client(self, *_: Any, **settings: Any) -> Client:
        """Make a client; takes what aiomqtt.Client takes."""
        return Client(self, settings.get("identifier") or "server", settings)

    def sever(self, identifier: str) -> None:
        """Break a client's connection; the broker publishes its will."""
        box = self.boxes.get(identifier)
        if box and box.client:
            client, box.client = box.client, None
            client.break_off()
            if client.settings.get("clean_session") is not False:
                box.filters.clear()
            if will := client.settings.get("will"):
                self.publish(will.topic, will.payload, will.retain, 1)

    def restart(self) -> None:
        """Kill the broker and start it again: everybody is cut off, and nothing that waited is left."""
        for identifier in list(self.boxes):
            self.sever(identifier)
        self.boxes.clear()
        self.retained.clear()
        self.happened["broker restarts"] += 1

    def publish(self, topic: str, payload: bytes, retain: bool, qos: int) -> None:
        if retain:
            self.retained[topic] = payload
        for box in list(self.boxes.values()):
            if any(_matches(filter, topic) for filter in box.filters):
                self._send(box, topic, payload, qos)

    def _send(self, box: Mailbox, topic: str, payload: bytes, qos: int) -> None:
        loop, roll, weather = asyncio.get_running_loop(), self.random.random, self.weather
        delay_s = self.random.uniform(0, 0.03)
        if roll() < weather.lose:
            self.happened["messages lost"] += 1
            return
        if roll() < weather.delay:
            self.happened["messages late"] += 1
            delay_s += self.random.uniform(0.1, 40)
        loop.call_later(delay_s, self._deliver, box, topic, payload, qos)
        if roll() < weather.repeat:
            self.happened["messages repeated"] += 1
            loop.call_later(delay_s + self.random.uniform(0, 2), self._deliver, box, topic, payload, qos)
        if roll() < weather.haunt:
            self.happened["messages again after minutes"] += 1
            loop.call_later(delay_s + self.random.uniform(60, 900), self._deliver, box, topic, payload, qos)

    @staticmethod
    def _deliver(box: Mailbox, topic: str, payload: bytes, qos: int) -> None:
        if box.client:
            box.client.arrived(topic, payload)
        elif qos and box.filters and len(box.waiting) < OFFLINE_MAX:
            box.waiting.append((topic, payload))


class Client:
    """As much of aiomqtt.Client as both links use."""

    def __init__(self, hub: Hub, identifier: str, settings: dict[str, Any]) -> None:
        self._hub = hub
        self.identifier = identifier
        self.settings = settings
        self._incoming: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self._up = False

    async def __aenter__(self) -> Client:
        await asyncio.sleep(self._hub.random.uniform(0.005, 0.05))
        if self.identifier in self._hub.cut:
            raise aiomqtt.MqttError("the broker cannot be reached")
        self._hub.sever(self.identifier)  # whoever else had this name
        box = self._hub.boxes.setdefault(self.identifier, Mailbox())
        box.client, self._up = self, True
        while box.waiting:
            self.arrived(*box.waiting.popleft())
        return self

    async def __aexit__(self, *_: object) -> None:
        box = self._hub.boxes.get(self.identifier)
        if box and box.client is self:
            box.client = None
        self._up = False

    def break_off(self) -> None:
        self._up = False
        self._incoming.put_nowait(None)

    def arrived(self, topic: str, payload: bytes) -> None:
        self._incoming.put_nowait((topic, payload))

    async def subscribe(self, filter: str, qos: int = 0) -> tuple[int, ...]:
        await self._turn()
        if self._hub.random.random() < self._hub.weather.refuse:
            self._hub.happened["subscriptions refused"] += 1
            return (0x80,)
        self._hub.boxes[self.identifier].filters.add(filter)
        for topic, payload in self._hub.retained.items():
            if _matches(filter, topic):
                self.arrived(topic, payload)
        return (qos,)

    async def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        await self._turn()
        self._hub.publish(topic, payload, retain, qos)

    async def _turn(self) -> None:
        await asyncio.sleep(self._hub.random.uniform(0.001, 0.02))
        if not self._up:
            raise aiomqtt.MqttError("disconnected")

    @property
    async def messages(self) -> AsyncIterator[Any]:
        while True:
            got = await self._incoming.get()
            if got is None:
                raise aiomqtt.MqttError("disconnected")
            yield SimpleNamespace(topic=SimpleNamespace(value=got[0]), payload=got[1])


def _matches(filter: str, topic: str) -> bool:
    wanted, parts = filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, parts = wanted[:-1], parts[: len(wanted) - 1]
    return len(wanted) == len(parts) and all(w in ("+", p) for w, p in zip(wanted, parts, strict=True))
