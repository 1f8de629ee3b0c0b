"""Zigbee2MQTT.

Source: its documentation: MQTT Topics and Messages, Device availability, pages of plugs.

`BASE/NAME` is the device's state with all that is known of it, `BASE/NAME/availability` says whether it is
there, `BASE/bridge/state` whether Zigbee2MQTT itself is, `BASE/NAME/get` asks the device.
"""

from __future__ import annotations

import json

from firmware_bridge.events import Noise
from firmware_bridge.json_values import load, number, table, words
from firmware_bridge.plugs.facts import Named, PlugFact, Presence, Sample, mwh, watts
from firmware_bridge.transports import Told

MWH_PER_KWH = 1_000_000


class Zigbee2Mqtt:
    """The dialect of one plug of this friendly name; `endpoint` is such as l1, or empty. See Dialect."""

    def __init__(self, base: str, device: str, endpoint: str) -> None:
        self.name = f"Zigbee plug {device}"
        self._state = f"{base}/{device}"
        self._there, self._bridge = f"{self._state}/availability", f"{base}/bridge/state"
        self._info = f"{base}/bridge/info"
        self._keys = [f"{key}_{endpoint}" if endpoint else key for key in ("state", "power", "energy")]
        self.topics = (self._there, self._bridge, self._info, self._state)
        self.greeting: tuple[tuple[str, str], ...] = ()
        asked = json.dumps({self._keys[1]: "", self._keys[2]: ""})
        self.poll = ((f"{self._state}/get", asked),)

    def parse(self, told: Told) -> list[PlugFact]:
        """Return what a message says; see Dialect.parse."""
        said = load(told.payload)
        if told.topic in (self._there, self._bridge):
            # before Zigbee2MQTT 2 the payload was the bare word
            state = (
                table(said).get("state") if isinstance(said, dict) else words(told.payload.decode("latin-1"))
            )
            if state not in ("online", "offline"):
                return [Noise(f"neither on line nor off: {words(told.payload)}")]
            who = "the plug does not answer" if told.topic == self._there else "Zigbee2MQTT does not run"
            return [Presence(state == "online", who)]
        if told.topic == self._info:
            version = words(table(said).get("version"))
            return [Named(self.name, f"Zigbee2MQTT {version}")] if version else []
        if told.retained or told.topic != self._state:
            return []
        if not isinstance(said, dict):
            return [Noise(f"no state of a device: {words(told.payload)}")]
        on, power, energy = (said.get(key) for key in self._keys)
        return [
            Sample(
                watts(power),
                mwh(number(energy), MWH_PER_KWH),
                on == "ON" if on in ("ON", "OFF") else None,
            )
        ]
