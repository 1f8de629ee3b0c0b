"""Shelly's RPC over MQTT.

Source: Shelly's API documentation of Gen2+: RPC Protocol, Notifications, Mqtt, Switch.

Requests go to `PREFIX/rpc` and are answered on `SRC/rpc`, `SRC` being the request's `src`; changes come on
`PREFIX/events/rpc` as NotifyStatus; `PREFIX/online` is `true`, and by the last will `false`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from firmware_bridge.events import Noise
from firmware_bridge.json_values import load, number, table, words
from firmware_bridge.plugs.facts import Named, PlugFact, Presence, Refusal, Sample, mwh, watts
from firmware_bridge.transports import Told

INFO, STATUS = 1, 2


class Shelly:
    """The dialect of one switch of a Shelly; `source` is this driver's own name there. See Dialect."""

    def __init__(self, prefix: str, switch: int, source: str) -> None:
        self.name = f"Shelly {prefix}"
        self._component = f"switch:{switch}"
        self._online, self._events = f"{prefix}/online", f"{prefix}/events/rpc"
        self._answers = f"{source}/rpc"
        self.topics = (self._online, self._events, self._answers)

        def ask(number: int, method: str, params: dict[str, int]) -> tuple[str, str]:
            frame = {"id": number, "src": source, "method": method, "params": params}
            return f"{prefix}/rpc", json.dumps(frame)

        self.greeting = (ask(INFO, "Shelly.GetDeviceInfo", {}),)
        self.poll = (ask(STATUS, "Switch.GetStatus", {"id": switch}),)

    def parse(self, told: Told) -> list[PlugFact]:
        """Return what a message says; see Dialect.parse."""
        if told.topic == self._online:
            if told.payload not in (b"true", b"false"):
                return [Noise(f"neither on line nor off: {words(told.payload)}")]
            return [Presence(told.payload == b"true", "the broker lost it (last will)")]
        if told.retained:
            return []
        frame = load(told.payload)
        if not isinstance(frame, dict):
            return [Noise(f"no frame of Shelly's: {words(told.payload)}")]
        if told.topic == self._events:
            component = table(frame.get("params")).get(self._component)
            return [_sample(component)] if isinstance(component, dict) else []
        return self._answer(frame) if told.topic == self._answers else []

    def _answer(self, frame: Mapping[str, object]) -> list[PlugFact]:
        if "error" in frame:
            error = table(frame["error"])
            return [Refusal(f"{words(error.get('message')) or 'refused'} ({words(error.get('code'))})")]
        result = table(frame.get("result"))
        if frame.get("id") == INFO:
            model = words(result.get("app")) or words(result.get("model"))
            return [Named(f"Shelly {model}".strip(), words(result.get("ver")))]
        return [_sample(result)] if frame.get("id") == STATUS else []


def _sample(status: Mapping[str, object]) -> Sample:
    output = status.get("output")
    return Sample(
        watts=watts(status.get("apower")),
        energy_mwh=mwh(number(table(status.get("aenergy")).get("total")), 1000),
        on=output if isinstance(output, bool) else None,
    )
