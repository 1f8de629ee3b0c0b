"""Plugs as their makers document them, on a real broker; they know nothing of what reads them.

`python -m tests.kit.plugs HOST PORT KIND NAME` is one plug in a process of its own. Control is by the topic
`bench/NAME`: `watts 120`, `total 3.5` (Wh), `use 60` (seconds at these watts), `skew 60` (its clock goes
before), `weld`, `die` (the last will speaks), `say TOPIC PAYLOAD`. Whether it is on is told on
`bench/NAME/output`, that it is there on `bench/NAME/ready`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


class Plug:
    """A relay with a timer, a meter, and a contact that may weld."""

    def __init__(self, client: paho.Client, name: str) -> None:
        self.client, self.name = client, name
        self.on, self.watts, self.total_wh, self.welded = False, 0.0, 1000.0, False
        self.skew_s = 0.0
        self.timer: threading.Timer | None = None

    topics: tuple[str, ...] = ()
    will = ("", "")
    born = ("", "")

    def say(self, topic: str, body: object, retain: bool = False) -> None:
        self.client.publish(topic, body if isinstance(body, str) else json.dumps(body), qos=1, retain=retain)

    def clock(self) -> float:
        return time.time() + self.skew_s

    @property
    def power(self) -> float:
        return self.watts if self.on or self.welded else 0.0

    def turn(self, on: bool, after_s: float | None) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None
        changed, self.on = on != self.on, on
        if on and after_s:
            self.timer = threading.Timer(after_s, lambda: self.turn(False, None))
            self.timer.daemon = True
            self.timer.start()
        if changed:
            self.say(f"bench/{self.name}/output", "on" if on else "off", retain=True)
            self.changed()

    def changed(self) -> None: ...

    def heard(self, topic: str, payload: str) -> None: ...

    def control(self, order: str) -> None:
        verb, _, rest = order.partition(" ")
        match verb:
            case "watts":
                self.watts = float(rest)
            case "total":
                self.total_wh = float(rest)
            case "skew":
                self.skew_s = float(rest)
            case "use":
                self.total_wh += self.watts * float(rest) / 3600
            case "weld":
                self.welded = True
            case "say":
                topic, _, body = rest.partition(" ")
                self.say(topic, body)
            case "die":
                os._exit(0)
        if verb != "say":
            self.changed()


class Shelly(Plug):
    """Shelly's API documentation, Gen2+: Mqtt, RPC Protocol, Notifications, Switch (status)."""

    def __init__(self, client: paho.Client, name: str) -> None:
        super().__init__(client, name)
        self.topics = (f"{name}/rpc",)
        self.will, self.born = (f"{name}/online", "false"), (f"{name}/online", "true")

    def status(self) -> dict[str, Any]:
        return {
            "id": 0,
            "source": "MQTT",
            "output": self.on,
            "apower": round(self.power, 1),
            "voltage": 230.1,
            "current": round(self.power / 230.1, 3),
            "aenergy": {
                "total": round(self.total_wh, 3),
                "by_minute": [0.0, 0.0, 0.0],
                "minute_ts": int(self.clock()) // 60 * 60,
            },
            "temperature": {"tC": 38.2, "tF": 100.8},
        }

    def changed(self) -> None:
        part = {key: self.status()[key] for key in ("id", "output", "apower", "aenergy")}
        frame = {"src": self.name, "dst": f"{self.name}/events", "method": "NotifyStatus"}
        self.say(
            f"{self.name}/events/rpc", frame | {"params": {"ts": round(self.clock(), 2), "switch:0": part}}
        )

    def heard(self, topic: str, payload: str) -> None:
        asked = json.loads(payload)
        answer = {"id": asked["id"], "src": self.name, "dst": asked["src"]}
        params = asked.get("params", {})
        match asked["method"]:
            case "Shelly.GetDeviceInfo":
                answer["result"] = {
                    "name": None,
                    "id": self.name,
                    "mac": "A1B2C3D4E5F6",
                    "model": "S3PL-00112EU",
                    "gen": 3,
                    "ver": "1.4.4",
                    "app": "PlugSG3",
                    "auth_en": False,
                }
            case _ if params.get("id") != 0:
                answer["error"] = {
                    "code": -105,
                    "message": f"Argument 'id', value {params.get('id')} not found!",
                }
            case "Switch.GetStatus":
                answer["result"] = self.status()
            case "Switch.Set":
                answer["result"] = {"was_on": self.on}
                self.turn(params["on"], params.get("toggle_after"))
            case method:
                answer["error"] = {"code": 404, "message": f"No handler for {method}"}
        self.say(f"{asked['src']}/rpc", answer)


class Tasmota(Plug):
    """Tasmota's documentation: MQTT (LWT), Commands (Power, PulseTime, Backlog, Status), Power Monitoring."""

    def __init__(self, client: paho.Client, name: str) -> None:
        super().__init__(client, name)
        self.topics = (f"cmnd/{name}/#",)
        self.will, self.born = (f"tele/{name}/LWT", "Offline"), (f"tele/{name}/LWT", "Online")
        self.pulse = 0

    def sensors(self) -> dict[str, Any]:
        today = round(self.total_wh % 500 / 1000, 3)
        return {
            "Time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.clock())),
            "ENERGY": {
                "TotalStartTime": "2025-01-01T00:00:00",
                "Total": round(self.total_wh / 1000, 3),
                "Yesterday": 0.31,
                "Today": today,
                "Period": 0,
                "Power": round(self.power),
                "ApparentPower": round(self.power) + 2,
                "ReactivePower": 10,
                "Factor": 0.98,
                "Voltage": 230,
                "Current": round(self.power / 230, 3),
            },
        }

    def changed(self) -> None:
        self.say(f"stat/{self.name}/RESULT", {"POWER": self.shown()})
        self.say(f"stat/{self.name}/POWER", self.shown())
        self.say(f"tele/{self.name}/SENSOR", self.sensors())

    def shown(self) -> str:
        return "ON" if self.on or self.welded else "OFF"

    def heard(self, topic: str, payload: str) -> None:
        command = topic.rpartition("/")[2]
        if command.lower() == "backlog0":
            for one in payload.split(";"):
                word, _, rest = one.strip().partition(" ")
                self.heard(f"cmnd/{self.name}/{word}", rest)
            return
        match command.lower():
            case "power" | "power1":
                if payload:
                    seconds = self.pulse - 100 if self.pulse > 111 else self.pulse / 10
                    self.turn(payload == "ON", seconds or None)
                self.say(f"stat/{self.name}/RESULT", {"POWER": self.shown()})
            case "pulsetime1":
                self.pulse = int(payload)
                body = {"PulseTime1": {"Set": self.pulse, "Remaining": 0}}
                self.say(f"stat/{self.name}/RESULT", body)
            case "status" if payload == "10":
                self.say(f"stat/{self.name}/STATUS10", {"StatusSNS": self.sensors()})
            case "status" if payload == "2":
                firmware = {"Version": "14.2.0(release-tasmota)", "Hardware": "ESP8266EX", "Core": "2_7_7"}
                self.say(f"stat/{self.name}/STATUS2", {"StatusFWR": firmware})
            case _:
                self.say(f"stat/{self.name}/RESULT", {"Command": "Unknown"})


class Zigbee2Mqtt(Plug):
    """Zigbee2MQTT's documentation: MQTT Topics and Messages, Device availability (2.x)."""

    def __init__(self, client: paho.Client, name: str) -> None:
        super().__init__(client, name)
        self.on = True
        self.topics = (f"zigbee2mqtt/{name}/get", f"zigbee2mqtt/{name}/set")
        self.will = ("zigbee2mqtt/bridge/state", '{"state":"offline"}')
        self.born = ("zigbee2mqtt/bridge/state", '{"state":"online"}')

    def begin(self) -> None:
        self.say(
            "zigbee2mqtt/bridge/info", {"version": "2.1.1", "coordinator": {}, "config": {}}, retain=True
        )
        self.say(f"zigbee2mqtt/{self.name}/availability", {"state": "online"}, retain=True)

    def changed(self) -> None:
        state = {
            "state": "ON" if self.on else "OFF",
            "power": round(self.power, 1),
            "energy": round(self.total_wh / 1000, 2),
            "voltage": 230,
            "current": 0.4,
            "linkquality": 120,
        }
        self.say(f"zigbee2mqtt/{self.name}", state)

    def heard(self, topic: str, payload: str) -> None:
        if topic.endswith("/set"):
            asked = json.loads(payload)
            self.turn(asked["state"] == "ON", asked.get("on_time"))
        else:
            self.changed()


KINDS = {"shelly": Shelly, "tasmota": Tasmota, "zigbee2mqtt": Zigbee2Mqtt}


def main(host: str, port: str, kind: str, name: str) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    plug = KINDS[kind](client, name)
    client.will_set(*plug.will, qos=1, retain=True)

    def connected(*_: object) -> None:
        client.subscribe([(topic, 1) for topic in (*plug.topics, f"bench/{name}")])
        plug.say(*plug.born, retain=True)
        if isinstance(plug, Zigbee2Mqtt):
            plug.begin()
        plug.changed()
        plug.say(f"bench/{name}/output", "on" if plug.on else "off", retain=True)
        plug.say(f"bench/{name}/ready", str(os.getpid()), retain=True)

    def heard(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload).decode()
        if message.topic == f"bench/{name}":
            plug.control(payload)
        else:
            plug.heard(message.topic, payload)

    client.on_connect, client.on_message = connected, heard
    client.reconnect_delay_set(1, 1)
    client.connect(host, int(port), keepalive=5)
    client.loop_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
