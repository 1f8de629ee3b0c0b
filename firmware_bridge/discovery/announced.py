"""What plugs say of themselves on a broker: messages in, machines out. Pure, total, bounded.

Sources: Shelly's API documentation of Gen2+ (Mqtt: `PREFIX/online`; Shelly.GetDeviceInfo), Tasmota's
documentation (discovery messages: `tasmota/discovery/MAC/config` with `t`, `ft`, `tp`, `rl`, and
`…/sensors` with `sn`), Zigbee2MQTT's documentation (`zigbee2mqtt/bridge/devices`, `exposes`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from firmware_bridge.discovery.found import Found, Sure
from firmware_bridge.json_values import load, table, words
from firmware_bridge.transports import Told

MAX_DEVICES = 256
FULL_TOPIC = "%prefix%/%topic%/"
TOPICS = (
    "+/online",
    "tasmota/discovery/+/config",
    "tasmota/discovery/+/sensors",
    "+/bridge/devices",
    "shellies/announce",
)

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(slots=True)
class Announcements:
    """Collects what comes; `source` is the name under which Shellys are asked what they are."""

    source: str
    _online: dict[str, bool] = field(default_factory=dict)
    _answered: dict[str, Mapping[str, object]] = field(default_factory=dict)
    _first: dict[str, str] = field(default_factory=dict)
    _tasmotas: dict[str, dict[str, Mapping[str, object]]] = field(default_factory=dict)
    _zigbee: dict[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)

    @property
    def topics(self) -> tuple[str, ...]:
        """What is to be subscribed."""
        return (*TOPICS, f"{self.source}/rpc")

    def receive(self, told: Told) -> list[tuple[str, str]]:
        """Take a message; returns topics and payloads of questions that change nothing."""
        parts = told.topic.split("/")
        body = load(told.payload)
        if told.topic == f"{self.source}/rpc":
            _keep(self._answered, words(table(body).get("src")), table(table(body).get("result")))
        elif len(parts) == 2 and parts[1] == "online" and told.payload in (b"true", b"false"):
            asked = parts[0] in self._online
            _keep(self._online, parts[0], told.payload == b"true")
            if not asked and parts[0] in self._online:
                frame = {"id": 1, "src": self.source, "method": "Shelly.GetDeviceInfo"}
                return [(f"{parts[0]}/rpc", json.dumps(frame))]
        elif told.topic == "shellies/announce":
            _keep(self._first, words(table(body).get("id")), words(table(body).get("model")))
        elif parts[:2] == ["tasmota", "discovery"] and len(parts) == 4 and isinstance(body, dict):
            if parts[2] in self._tasmotas or len(self._tasmotas) < MAX_DEVICES:
                self._tasmotas.setdefault(parts[2], {})[parts[3]] = body
        elif parts[1:] == ["bridge", "devices"] and isinstance(body, list):
            for device in body[:MAX_DEVICES]:
                name = words(table(device).get("friendly_name"))
                _keep(self._zigbee, (parts[0], name), table(device))
        return []

    def found(self, broker: Mapping[str, object]) -> list[Found]:
        """Return what was found so far; `broker` is the first part of each plug's settings."""
        where = str(broker.get("broker"))
        shellys = [self._shelly(prefix, broker, where) for prefix in self._online]
        tasmotas = [
            one
            for told in self._tasmotas.values()
            for one in _tasmota(told.get("config", {}), told.get("sensors", {}), broker, where)
        ]
        zigbee = [
            one
            for (base, name), device in self._zigbee.items()
            for one in _zigbee(base, name, device, broker, where)
        ]
        return (
            shellys + [_first(name, model, where) for name, model in self._first.items()] + tasmotas + zigbee
        )

    def _shelly(self, prefix: str, broker: Mapping[str, object], where: str) -> Found:
        said = self._answered.get(prefix, {})
        plug = {"kind": "shelly", **broker, "prefix": prefix}
        notes: tuple[str, ...] = () if self._online[prefix] else ("its last will says that it is off",)
        if not said:
            notes += ("it did not answer Shelly.GetDeviceInfo: is it a Shelly?",)
        name = words(said.get("name")) or prefix
        what = f"Shelly {words(said.get('app')) or words(said.get('model'))}".strip()
        sure = Sure.CERTAIN if said else Sure.GUESS
        return Found(f"{what} “{name}”", f"{where} {prefix}", "MQTT", sure, name, plug, plug, notes=notes)


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if key in kept or len(kept) < MAX_DEVICES:
        kept[key] = value


def _first(name: str, model: str, where: str) -> Found:
    """Shelly's API documentation of Gen1: `shellies/announce`."""
    note = "it is of the first generation; only those of generation 2 and later are driven"
    return Found(f"Shelly {model} “{name}”", f"{where} {name}", "MQTT", Sure.CERTAIN, name, notes=(note,))


def _tasmota(
    config: Mapping[str, object], sensors: Mapping[str, object], broker: Mapping[str, object], where: str
) -> list[Found]:
    topic, relays = words(config.get("t")), config.get("rl")
    if not topic:
        return []
    name = words(config.get("dn")) or topic
    notes: list[str] = []
    prefixes = config.get("tp", [])
    usual = isinstance(prefixes, list) and prefixes[:1] in ([], ["cmnd"])
    if config.get("ft", FULL_TOPIC) != FULL_TOPIC or not usual:
        notes.append(f"its full topic is not {FULL_TOPIC}: set it so")
    if "ENERGY" not in table(sensors.get("sn")):
        notes.append("it announces no energy meter: it can switch, but not measure")
    places = [at for at, kind in enumerate(relays, 1) if kind == 1] if isinstance(relays, list) else []
    return [
        Found(
            f"Tasmota {words(config.get('md'))} “{name}”".replace("  ", " "),
            f"{where} {topic}",
            "MQTT",
            Sure.CERTAIN if len(notes) == 0 else Sure.LIKELY,
            name if place == 1 else f"{name} {place}",
            {"kind": "tasmota", **broker, "topic": topic, "relay": place},
            {"kind": "tasmota", **broker, "topic": topic, "relay": place},
            notes=tuple(notes),
        )
        for place in places[:8] or [1]
    ]


def _zigbee(
    base: str, name: str, device: Mapping[str, object], broker: Mapping[str, object], where: str
) -> list[Found]:
    definition = table(device.get("definition"))
    exposes = definition.get("exposes")
    shown = [table(one) for one in exposes] if isinstance(exposes, list) else []
    measured = {words(one.get("name")) for one in shown}
    if not name or not {"power", "energy"} <= measured:
        return []
    plug: dict[str, object] = {"kind": "zigbee2mqtt", **broker, "device": name}
    if base != "zigbee2mqtt":
        plug["base"] = base
    what = f"{words(definition.get('vendor'))} {words(definition.get('model'))}".strip()
    notes = ["a Zigbee plug measures here, and does not switch: it has no dead-man that is proven"]
    if len([one for one in shown if one.get("type") == "switch"]) > 1:
        notes.append("it has several sockets: name one with endpoint = …")
    where = f"{where} {base}/{name}"
    return [Found(f"{what} “{name}”", where, "MQTT", Sure.CERTAIN, name, plug, notes=tuple(notes))]
