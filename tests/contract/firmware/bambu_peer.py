"""A scripted Bambu Lab printer in a process of its own, beside a real Mosquitto with TLS; and who works it.

The shapes are those of OpenBambuAPI, mqtt.md (2026-08): "pushing.pushall" for the whole report,
"info.get_version", "print.pause", "print.resume", "print.stop" and "print.project_file" with the answer of
"Overview"; a P1 then reports what changed only. From ha-bambulab (pybambu, 2026-07): `gcode_state` and its
values, the error 0300-400C (50348044) that comes with a cancelled print and goes after a while, `fun` with
the bit that asks for signed commands. From coelacant1/Bambu-Lab-Cloud-API, issue 4: an unsigned command is
answered with `err_code` 84033543.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

SERIAL, CODE = "01P00A2X3456789", "12345678"
EVERY_S = 0.1
SIGNED_ONLY = "20000000"
CANCELLED = 50348044
OVERHEATED = 0x0300_8008
READY_S = 30.0

IDLE: dict[str, Any] = {
    "gcode_state": "IDLE", "subtask_name": "", "gcode_file": "", "task_id": "0", "subtask_id": "0",
    "gcode_start_time": "0", "print_type": "idle", "mc_percent": 0, "mc_remaining_time": 0, "layer_num": 0,
    "total_layer_num": 0, "print_error": 0, "hms": [], "nozzle_temper": 25.0, "wifi_signal": "-45dBm",
    "stg_cur": -1, "sdcard": True, "fun": "0",
    "ams": {"tray_now": "255", "ams": [{"id": "0", "tray": [
        {"id": "0"},
        {"id": "1", "remain": 47, "tray_type": "PLA", "tray_uuid": "D99401E841C14828BF2E1B859AF2F770"},
    ]}]},
}  # fmt: skip


class Printer:
    """The printer's side. Orders of the bench come as lines; a line answers when each was done."""

    def __init__(self, port: int, ca: str) -> None:
        self.lock = threading.RLock()
        self.state = json.loads(json.dumps(IDLE))
        self.told: dict[str, Any] = {}
        self.muted = False
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.username_pw_set("bblp", CODE)
        self.client.tls_set(ca)
        self.client.tls_insecure_set(True)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe(f"device/{SERIAL}/request")
        self.client.on_message = self.asked
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def report(self, kind: str, body: dict[str, Any]) -> None:
        if not self.muted and self.client.is_connected():
            self.client.publish(f"device/{SERIAL}/report", json.dumps({kind: body}))

    def push(self, whole: bool) -> None:
        with self.lock:
            news = {key: value for key, value in self.state.items() if whole or self.told.get(key) != value}
            self.told = json.loads(json.dumps(self.state))
        if news:
            self.report("print", {**news, "command": "push_status", "msg": 0 if whole else 1})

    def asked(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        kind, body = next(iter(json.loads(message.payload).items()))
        if body["command"] == "pushall":
            self.push(whole=True)
        elif body["command"] == "get_version":
            modules = [
                {"name": "esp32", "sw_ver": "01.13.35.43", "sn": SERIAL, "hw_ver": "AP04"},
                {"name": "ota", "product_name": "Bambu Lab P1S", "sw_ver": "01.08.02.00", "sn": SERIAL},
            ]
            self.report(kind, {**body, "module": modules})
        elif self.state["fun"] == SIGNED_ONLY or self.state.get("refuses"):
            self.report(kind, {**body, "err_code": 84033543})
        else:
            self.report(kind, {**body, "result": "success", "reason": ""})
            orders = {"pause": self.pause, "resume": self.resume, "stop": self.abort}
            orders[body["command"]]()
            self.push(whole=False)

    def pause(self) -> None:
        self.state["gcode_state"] = "PAUSE"

    def resume(self) -> None:
        self.state["gcode_state"] = "RUNNING"

    def start(self, name: str = "bracket", layers: int = 20) -> None:
        """As a slicer in the same network sends a print (print.project_file): all of its ids are 0."""
        sent = {"param": "Metadata/plate_1.gcode", "subtask_name": name, "task_id": "0", "ams_mapping": [1]}
        self.report("print", {**sent, "command": "project_file", "result": "success"})
        self.state |= {
            "gcode_state": "PREPARE", "subtask_name": name, "gcode_file": f"{name}.gcode.3mf",
            "print_error": 0, "print_type": "local", "mc_percent": 0, "mc_remaining_time": 30, "layer_num": 0,
            "total_layer_num": layers, "gcode_start_time": str(int(time.time())),
        }  # fmt: skip
        self.push(whole=False)
        self.state |= {"gcode_state": "RUNNING"}

    def finish(self) -> None:
        self.state |= {"gcode_state": "FINISH", "mc_percent": 100, "mc_remaining_time": 0}
        self.state["layer_num"] = self.state["total_layer_num"]

    def abort(self) -> None:
        self.state["print_error"] = CANCELLED
        self.push(whole=False)
        self.state |= {"gcode_state": "FAILED"}
        self.push(whole=False)
        self.state["print_error"] = 0

    def fault(self) -> None:
        self.state |= {"gcode_state": "FAILED", "print_error": OVERHEATED}

    def noise(self) -> None:
        for body in (b"\xff\xfe{", b"[1,2", b'{"print": {"command": "push_status", "gcode_state": 7}}', b""):
            self.client.publish(f"device/{SERIAL}/report", body)

    def order(self, words: list[str]) -> None:
        match words:
            case ["power"]:
                self.state = json.loads(json.dumps(IDLE))
                self.muted = False
            case ["mute"]:
                self.muted = True
            case ["set", values]:
                self.state |= json.loads(values)
            case ["start", *more]:
                self.start(*more)
            case [name]:
                getattr(self, name)()

    def run(self) -> None:
        def talk() -> None:
            while True:
                time.sleep(EVERY_S)
                with self.lock:
                    self.state["nozzle_temper"] = 200 + (self.state["nozzle_temper"] + 1) % 10
                    if self.state["gcode_state"] == "RUNNING":
                        self.state["mc_percent"] = min(90, self.state["mc_percent"] + 1)
                self.push(whole=False)

        threading.Thread(target=talk, daemon=True).start()
        print("ready", flush=True)
        for line in sys.stdin:
            with self.lock:
                self.order(line.strip().split(" ", 1))
            self.push(whole=False)
            print("done", flush=True)


class PrinterProcess:
    """Starts the printer, and tells it what happens to it."""

    def __init__(self, port: int, ca: Path) -> None:
        command = [sys.executable, "-m", "tests.contract.firmware.bambu_peer", str(port), str(ca)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._await("ready")

    def _await(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == word, "the scripted printer ended"

    def tell(self, order: str, **values: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order} {json.dumps(values)}\n" if values else f"{order}\n")
        self._process.stdin.flush()
        self._await("done")

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=READY_S)


if __name__ == "__main__":
    Printer(int(sys.argv[1]), sys.argv[2]).run()
