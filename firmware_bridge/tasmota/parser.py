"""Tasmota over MQTT.

Source: Tasmota's documentation: MQTT, Commands, Power Monitoring (firmware 9 and later).

`cmnd/T/…` are orders, `stat/T/…` their answers, `tele/T/…` what it says by itself (LWT, SENSOR each
TelePeriod).
"""

from __future__ import annotations

from firmware_bridge.events import Noise
from firmware_bridge.json_values import load, number, table, words
from firmware_bridge.plugs.facts import Named, PlugFact, Presence, Refusal, Sample, mwh, watts
from firmware_bridge.transports import Told

MWH_PER_KWH = 1_000_000


class Tasmota:
    """The dialect of one relay (1 to 8) of a Tasmota of this topic. See Dialect."""

    def __init__(self, topic: str, relay: int) -> None:
        self.name = f"Tasmota {topic}"
        self._relay = relay
        self._stat, self._tele = f"stat/{topic}/", f"tele/{topic}/"
        self._heard = {"SENSOR", "STATE", "STATUS2", "STATUS10", "RESULT"}
        self.topics = (
            *(f"{self._tele}{end}" for end in ("LWT", "SENSOR", "STATE")),
            *(f"{self._stat}{end}" for end in ("RESULT", "STATUS2", "STATUS10")),
        )
        self.greeting = ((f"cmnd/{topic}/STATUS", "2"),)
        self.poll = ((f"cmnd/{topic}/STATUS", "10"),)

    def parse(self, told: Told) -> list[PlugFact]:
        """Return what a message says; see Dialect.parse."""
        if told.topic == f"{self._tele}LWT":
            if told.payload not in (b"Online", b"Offline"):
                return [Noise(f"neither on line nor off: {words(told.payload)}")]
            return [Presence(told.payload == b"Online", "the broker lost it (last will)")]
        end = told.topic.rpartition("/")[2]
        if told.retained or end not in self._heard:
            return []
        said = load(told.payload)
        if not isinstance(said, dict):
            return [Noise(f"no message of Tasmota's: {words(told.payload)}")]
        if end == "STATUS2":
            firmware = words(table(said.get("StatusFWR")).get("Version"))
            return [Named(self.name, firmware)] if firmware else []
        if end in ("STATE", "RESULT"):
            return self._power(said)
        sensors = table(said.get("StatusSNS")) if end == "STATUS10" else said
        if "ENERGY" not in sensors:
            refusal = Refusal("it measures no energy: see that the plug can, and has the right template")
            return [refusal] if end == "STATUS10" else []
        energy = table(sensors["ENERGY"])
        return [
            Sample(
                watts(self._mine(energy.get("Power"))),
                mwh(number(self._mine(energy.get("Total"))), MWH_PER_KWH),
            )
        ]

    def _power(self, said: dict[str, object]) -> list[PlugFact]:
        on = said.get(f"POWER{self._relay}", said.get("POWER") if self._relay == 1 else None)
        return [Sample(on=on == "ON")] if on in ("ON", "OFF") else []

    def _mine(self, value: object) -> object:
        """A plug with several meters gives a list, in the order of its relays."""
        if not isinstance(value, list):
            return value
        return value[self._relay - 1] if len(value) >= self._relay else None
