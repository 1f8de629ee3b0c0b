"""A switched plug as a relay, over MQTT: it opens by itself when nobody renews its dead-man's timer.

The timer runs in the plug (Shelly: `toggle_after`; Tasmota: PulseTime). It is renewed only by `feedback`,
which the gateway's control loop asks about once a second: when the loop hangs, the gateway dies, or broker or
network are lost, the plug opens within `dead_man_s`. A plug that has opened so stays open until `on` is
commanded anew: a machine does not start again by itself because a network came back.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import paho.mqtt.client as paho

from floor.errors import MachineFault
from hardware.broker import CONNECT_S, KEEPALIVE_S, BrokerAddress, mqtt_client

CLOSE_S = 1.0
ANSWER_S = 3.0
LEAK_W = 5.0
MAX_PAYLOAD = 1 << 16

Messages = tuple[tuple[str, str], ...]


class PlugDialect(Protocol):
    """How one make of plug is switched."""

    @property
    def topics(self) -> tuple[str, ...]:
        """What is to be subscribed."""
        ...

    def on(self, dead_man_s: int) -> Messages:
        """Switch on for so many seconds, and begin them anew when it is on."""
        ...

    def off(self) -> Messages:
        """Switch off."""
        ...

    def ask(self) -> Messages:
        """Ask whether it is on."""
        ...

    def read(self, topic: str, payload: bytes) -> tuple[bool | None, float]:
        """Return whether a message says on or off (None: neither), and the watts that it tells of, else 0."""
        ...


@dataclass(frozen=True, slots=True)
class ShellySwitch:
    """One switch of a Shelly Gen2+. Source: Shelly's API documentation, Switch, RPC Protocol, Notifications.

    `Switch.Set` answers only what was before, so each order is followed by `Switch.GetStatus`.
    """

    prefix: str
    switch: int
    source: str = field(default_factory=lambda: f"makerfloor-relay-{secrets.token_hex(6)}")

    @property
    def topics(self) -> tuple[str, ...]:
        """See PlugDialect."""
        return f"{self.source}/rpc", f"{self.prefix}/events/rpc"

    def on(self, dead_man_s: int) -> Messages:
        """See PlugDialect."""
        return (self._call("Switch.Set", {"on": True, "toggle_after": dead_man_s}), *self.ask())

    def off(self) -> Messages:
        """See PlugDialect."""
        return (self._call("Switch.Set", {"on": False}), *self.ask())

    def ask(self) -> Messages:
        """See PlugDialect."""
        return (self._call("Switch.GetStatus", {}),)

    def _call(self, method: str, params: dict[str, object]) -> tuple[str, str]:
        frame = {"id": 1, "src": self.source, "method": method, "params": {"id": self.switch, **params}}
        return f"{self.prefix}/rpc", json.dumps(frame)

    def read(self, topic: str, payload: bytes) -> tuple[bool | None, float]:
        """See PlugDialect."""
        frame = _table(_load(payload))
        if topic.endswith("/events/rpc"):
            status = _table(_table(frame.get("params")).get(f"switch:{self.switch}"))
        else:
            status = _table(frame.get("result"))
        output = status.get("output")
        watts = status.get("apower")
        return (
            output if isinstance(output, bool) else None,
            float(watts) if isinstance(watts, int | float) and abs(watts) < 1e6 else 0.0,
        )


@dataclass(frozen=True, slots=True)
class TasmotaSwitch:
    """One relay (1 to 8) of a Tasmota. Source: Tasmota's documentation, Commands (Backlog, Power, PulseTime).

    PulseTime is tenths of a second up to 111, from 112 on seconds and 100. Each `Power ON` begins it anew,
    also of a relay that is on (read in Tasmota's source, ExecuteCommandPower). It is sent each time: somebody
    may have cleared it.
    """

    topic: str
    relay: int

    @property
    def topics(self) -> tuple[str, ...]:
        """See PlugDialect."""
        return f"stat/{self.topic}/RESULT", f"tele/{self.topic}/STATE"

    def on(self, dead_man_s: int) -> Messages:
        """See PlugDialect."""
        pulse = dead_man_s + 100 if dead_man_s > 11 else dead_man_s * 10
        orders = f"PulseTime{self.relay} {pulse}; Power{self.relay} ON"
        return ((f"cmnd/{self.topic}/Backlog0", orders),)

    def off(self) -> Messages:
        """See PlugDialect."""
        return ((f"cmnd/{self.topic}/Power{self.relay}", "OFF"),)

    def ask(self) -> Messages:
        """See PlugDialect."""
        return ((f"cmnd/{self.topic}/Power{self.relay}", ""),)

    def read(self, topic: str, payload: bytes) -> tuple[bool | None, float]:
        """See PlugDialect: what a Tasmota says of a relay that is off has no watts."""
        said = _table(_load(payload))
        state = said.get(f"POWER{self.relay}", said.get("POWER") if self.relay == 1 else None)
        return ({"ON": True, "OFF": False}.get(state) if isinstance(state, str) else None), 0.0


class PlugRelay:
    """A plug as a relay. Implements hardware.ports.Relay.

    It is built without waiting for the plug, and off: whatever is on, opens by its timer, or as soon as the
    broker is reached. A plug that is off and yet draws LEAK_W has a welded contact. `feedback` is what it
    said last; MachineFault when it was silent for `dead_man_s`. `close` waits CLOSE_S at most for an answer.
    Built to `keep`, it asks the plug before it orders anything, and is on where the plug says so.
    """

    def __init__(
        self,
        name: str,
        broker: BrokerAddress,
        dialect: PlugDialect,
        dead_man_s: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        keep: bool = False,
    ) -> None:
        self.name = name
        self._dialect = dialect
        self._dead_man_s = dead_man_s
        self._clock = clock
        self._on = False
        self._closed = False
        self._pulse_s: int | None = None
        self._finding = keep
        # an order that is given while the broker answers must not be followed by the greeting's "off"
        self._ordering = threading.Lock()
        self._contact: bool | None = None
        self._heard_s = self._asked_s = self._ordered_s = clock()
        self._client = mqtt_client(broker)
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.connect_async(broker.host, broker.port, keepalive=KEEPALIVE_S)
        self._client.loop_start()
        deadline_s = time.monotonic() + CONNECT_S
        while not self._client.is_connected() and time.monotonic() < deadline_s:
            time.sleep(0.01)

    @property
    def is_on(self) -> bool:
        """What was commanded last."""
        return self._on

    def limit(self, seconds: int) -> None:
        """Have the plug's own timer end each `on` after so many seconds; see hardware.ports.TimesItself."""
        self._pulse_s = seconds

    def on(self) -> None:
        """Switch the plug on, for `dead_man_s` unless it is renewed; see also `limit`."""
        assert not self._closed, f"relay {self.name} is closed"
        with self._ordering:
            self._ordered_s = self._asked_s = self._clock()
            self._send(self._dialect.on(self._pulse_s or self._dead_man_s))
            self._on, self._finding = True, False

    def off(self) -> None:
        """Switch the plug off; without the broker it opens by its timer, and MachineFault says so."""
        if self._closed:
            return
        with self._ordering:
            self._on = self._finding = False
            self._ordered_s = self._asked_s = self._clock()
            self._send(self._dialect.off())

    def feedback(self) -> bool | None:
        """Return what the plug said last, and renew its timer; None until it can have answered."""
        now_s = self._clock()
        if not self._closed and now_s - self._asked_s >= self._dead_man_s / 4 and self._client.is_connected():
            self._asked_s = now_s
            # only what is on for certain is kept on: an order that came late would start a machine anew
            sure = self._on and self._contact is True and now_s - self._heard_s < self._dead_man_s / 2
            renewed = sure and self._pulse_s is None
            self._send(self._dialect.on(self._dead_man_s) if renewed else self._dialect.ask())
        if now_s - self._heard_s > self._dead_man_s:
            raise MachineFault(f"plug {self.name} was silent for {self._dead_man_s} s")
        if now_s - self._ordered_s < ANSWER_S and self._behind:
            return None
        return self._contact

    def close(self) -> None:
        """Switch off for good and leave the broker."""
        if self._closed:
            return
        self._on, self._ordered_s = False, self._clock()
        try:
            if self._client.is_connected():
                self._send(self._dialect.off())
                told_s = time.monotonic()
                while time.monotonic() < told_s + CLOSE_S and (self._contact is not False or self._behind):
                    time.sleep(0.01)
            else:
                raise MachineFault(f"plug {self.name}: no broker; it opens within {self._dead_man_s} s")
        finally:
            self._closed = True
            self._client.disconnect()
            self._client.loop_stop()

    def leave(self) -> None:
        """Leave the broker; the plug opens by its timer unless it is found again before."""
        self._closed = True
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def _behind(self) -> bool:
        """Whether the plug has said nothing since the last order."""
        return self._heard_s <= self._ordered_s

    def _send(self, messages: Messages) -> None:
        if not self._client.is_connected():
            raise MachineFault(f"plug {self.name}: no broker")
        for topic, payload in messages:
            # QoS 0: an order to close a contact must never come late
            self._client.publish(topic, payload, qos=0)

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            return
        with self._ordering:
            self._contact = None  # it may have opened meanwhile
            client.subscribe([(topic, 0) for topic in self._dialect.topics])
            for topic, payload in self._dialect.ask() if self._on or self._finding else self._dialect.off():
                client.publish(topic, payload, qos=0)

    def _heard(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if message.retain or len(message.payload) > MAX_PAYLOAD:
            return
        on, watts = self._dialect.read(message.topic, bytes(message.payload))
        if on is not None:
            now_s = self._clock()
            # what it measures follows a little later than its contact
            leaks = watts >= LEAK_W and now_s - self._ordered_s > ANSWER_S
            self._contact, self._heard_s = on or leaks, now_s
            if self._finding:
                self._find(on)

    def _find(self, on: bool) -> None:
        """Take the plug as it was found, unless an order came first."""
        with self._ordering:
            if self._finding:
                self._on, self._finding = on, False


def _load(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
