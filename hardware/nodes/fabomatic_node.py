"""A Fab-O-Matic board behind an MQTT broker. Implements hardware.nodes.node.Node.

Messages come on the client's own thread and are handled where `events` is listened to, with the time at which
they came: a slow gateway answers no old question. Nothing is retained, nothing is sent but at QoS 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import paho.mqtt.client as paho

from floor.errors import MachineFault
from hardware.broker import CONNECT_S, KEEPALIVE_S, BrokerAddress, mqtt_client
from hardware.events import ReaderEvent, ReaderFound, ReaderLost, ReaderNoise
from hardware.nodes import fabomatic
from hardware.nodes.board import SETTLE_S, Act, Board, Say
from hardware.ports import Lamp, Screen, Sound

CLOSE_S = 1.0
GLANCE_S = 0.25
MAX_WAITING = 64


class FabomaticNode:
    """The board with machine id `board_id`; lost when it was silent for `silent_s`.

    `feedback` is what the board says of its relay. MachineFault when it was lost while it had, or was to
    have, power: then nobody knows.
    """

    fail_safe = False  # without an answer it asks its cache, and keeps power until its own limit

    def __init__(
        self,
        name: str,
        broker: BrokerAddress,
        board_id: int,
        silent_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._topic = f"machine/{board_id}"
        self._silent_s = silent_s
        self._clock = clock
        self._board = Board(self._act)
        self._inbox: deque[tuple[float, bytes]] = deque(maxlen=MAX_WAITING)
        self._told: deque[ReaderEvent] = deque(maxlen=MAX_WAITING)
        self._wake: Callable[[], None] = lambda: None
        self._on = self._closed = self._over = False
        self._lost: bool | None = None
        self._heard_s = self._ordered_s = clock()
        self._client = mqtt_client(broker)
        self._listens = threading.Event()
        self._client.on_subscribe = lambda *_: self._listens.set()
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.connect_async(broker.host, broker.port, keepalive=KEEPALIVE_S)
        self._client.loop_start()
        self._listens.wait(CONNECT_S)  # an order's answer is to be heard
        self._board.stop(clock())

    @property
    def is_on(self) -> bool:
        """What was commanded last."""
        return self._on

    def on(self) -> None:
        """Let the board have power: it takes it by the answer to its question."""
        assert not self._closed, f"box {self.name} is closed"
        if not self._client.is_connected():
            raise MachineFault(f"box {self.name}: no broker")
        self._on, self._ordered_s = True, self._clock()

    def off(self) -> None:
        """Order the board to stop, unless it says that it has."""
        if self._closed:
            return
        self._on, self._ordered_s = False, self._clock()
        if self._board.may_be_on:
            self._board.stop(self._ordered_s)
            if not self._client.is_connected():
                raise MachineFault(f"box {self.name}: no broker; whether it gives power is not known")

    def feedback(self) -> bool | None:
        """Return whether the board says that it gives power; None while that is not known."""
        now_s = self._clock()
        if now_s - self._heard_s > self._silent_s:
            if self._on or self._board.contact:
                words = f"box {self.name} was silent for {self._silent_s:g} s; it may still give power"
                raise MachineFault(words)
            return None
        settling = now_s - self._ordered_s < SETTLE_S
        return None if settling and self._board.contact is not self._on else self._board.contact

    def close(self) -> None:
        """Stop the board for good and leave the broker; waits CLOSE_S at most for its answer."""
        if self._closed:
            return
        try:
            self.off()
            until_s = time.monotonic() + CLOSE_S
            while self._board.may_be_on and time.monotonic() < until_s:
                time.sleep(0.01)
                self._digest()
        finally:
            self._closed = True
            self._client.disconnect()
            self._client.loop_stop()

    def show(self, screen: Screen) -> None:
        """Keep what the board asks for by itself: the machine's name, and whether it is in order."""
        self._board.name = screen.lines[0] if screen.lines else ""
        if screen.sound is not Sound.REFUSED:
            self._board.allowed = screen.lamp is not Lamp.RED

    async def events(self) -> AsyncIterator[ReaderEvent]:
        """Yield what the board asks and does, until `aclose`."""
        loop, came = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(came.set)

        self._wake = wake
        while not self._over:
            came.clear()
            self._digest()
            while self._told and not self._over:
                yield self._told.popleft()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GLANCE_S):
                    await came.wait()

    async def aclose(self) -> None:
        """End `events`; the relay stays as it is until `close`."""
        self._over = True
        self._wake()

    def _digest(self) -> None:
        while self._inbox and len(self._told) < MAX_WAITING // 2:
            at_s, payload = self._inbox.popleft()
            self._heard_s = at_s
            if self._lost is not False:
                self._lost = False
                self._act(ReaderFound())
                if self._board.may_be_on and not self._on:
                    self._board.stop(at_s)
            said = fabomatic.parse(payload)
            if isinstance(said, ReaderNoise):
                self._act(said)
            else:
                self._board.heard(said, at_s)
        now_s = self._clock()
        self._board.tick(now_s)
        if not self._lost and now_s - self._heard_s > self._silent_s:
            self._lost = True
            self._act(ReaderLost(f"{self._topic} was silent for {self._silent_s:g} s"))

    def _act(self, act: Act) -> None:
        if isinstance(act, Say):
            # QoS 0: an answer must never come late
            if self._client.is_connected():
                self._client.publish(f"{self._topic}/{act.topic}", act.body, qos=0)
        else:
            self._told.append(act)
            self._wake()

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if not reason.is_failure:
            client.subscribe(self._topic, 0)

    def _heard(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if not message.retain:  # a broker's memory is no tap
            self._inbox.append((self._clock(), bytes(message.payload[: fabomatic.MAX_BYTES + 1])))
            self._wake()
