"""A plain Mosquitto for machines: no users, any topic; and scripted plugs on it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from booking_api.broker.plan import Tls
from booking_api.broker.process import find_mosquitto

READY_S = 20.0


class Mosquitto:
    """A broker that can be stopped and started again on its port."""

    def __init__(self, folder: Path, tls: Tls | None = None, user: tuple[str, str] | None = None) -> None:
        program = find_mosquitto()
        assert program, "Mosquitto is missing: apt-get install mosquitto (make setup does, as root)"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        anybody = "false" if user else "true"
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {anybody}", "set_tcp_nodelay true"]
        lines += ["persistence false", "user root"]
        if user:
            passwords = folder / f"passwords-{self.port}"
            subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), *user], check=True)
            lines.append(f"password_file {passwords}")
        if tls:
            lines += [f"certfile {tls.certfile}", f"keyfile {tls.keyfile}"]
        self._config = folder / f"mosquitto-{self.port}.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._command = [program, "-c", str(self._config)]
        self.start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert time.monotonic() < deadline, "Mosquitto did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(READY_S)


@contextlib.contextmanager
def mosquitto(
    folder: Path, tls: Tls | None = None, user: tuple[str, str] | None = None
) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, tls, user)
    try:
        yield broker
    finally:
        broker.stop()


class PlugProcess:
    """A scripted plug in a process of its own; what it switches is kept in `outputs`, oldest first."""

    def __init__(self, broker: Mosquitto, kind: str, name: str) -> None:
        self._command = [sys.executable, "-m", "tests.kit.plugs", "127.0.0.1", str(broker.port), kind, name]
        self.name = name
        self.outputs: list[str] = []
        self._bench = paho.Client(CallbackAPIVersion.VERSION2)
        self._ready = ""
        self._bench.on_connect = lambda client, *_: client.subscribe(f"bench/{name}/+", qos=1)
        self._bench.on_message = self._told
        self._bench.reconnect_delay_set(1, 1)
        self._bench.connect("127.0.0.1", broker.port)
        self._bench.loop_start()
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)
        self.until(lambda: self._ready == str(self._process.pid))
        self.outputs.clear()

    def _told(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload).decode()
        if message.topic.endswith("/ready"):
            self._ready = payload
        elif not message.retain:
            self.outputs.append(payload)

    @property
    def connected(self) -> bool:
        return self._bench.is_connected()

    @staticmethod
    def until(condition: object, deadline_s: float = READY_S) -> None:
        deadline = time.monotonic() + deadline_s
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < deadline, "what was awaited did not come"
            time.sleep(0.01)

    def tell(self, order: str) -> None:
        self._bench.publish(f"bench/{self.name}", order, qos=1).wait_for_publish(READY_S)

    def say(self, topic: str, payload: str) -> None:
        """As somebody else on the same broker."""
        self._bench.publish(topic, payload, qos=1).wait_for_publish(READY_S)

    def die(self) -> None:
        """Without a word: only the last will tells."""
        self._process.kill()
        self._process.wait(READY_S)

    def stop(self) -> None:
        self.die()
        self._bench.disconnect()
        self._bench.loop_stop()


@contextlib.contextmanager
def plug(broker: Mosquitto, kind: str, name: str) -> Iterator[PlugProcess]:
    started = PlugProcess(broker, kind, name)
    try:
        yield started
    finally:
        started.stop()
