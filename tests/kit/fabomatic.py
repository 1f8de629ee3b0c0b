"""A Fab-O-Matic board on a real broker, as its firmware does it; it knows nothing of what answers it.

Written from the firmware: BoardLogic.cpp (onNewCard, authorize, logout, processBackendRequests), AuthProvider
(tryLogin: server, then cache), FabBackend.cpp (publishWithReply, transmitBuffer), BufferedMsg.hpp (replay).
"""

from __future__ import annotations

import json
import threading
import time
from queue import Empty, Queue
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

REPLY_S = 2.0


class FabomaticBoard:
    """`relay` is what the machine gets; `sent` is what was said, oldest first."""

    def __init__(self, port: int, board_id: int) -> None:
        self.topic = f"machine/{board_id}"
        self.relay = False
        self.user = "00000000"
        self.cache: set[str] = set()
        self.buffer: list[str] = []
        self.machine: dict[str, Any] = {"allowed": True}
        self.online = True
        self.obeys = True
        self.ordered = self.obeyed = 0
        self.sent: list[str] = []
        self.replies: list[dict[str, Any]] = []
        self._since = 0.0
        self._answers: Queue[dict[str, Any]] = Queue()
        self._lock = threading.RLock()
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"{self.topic}/reply", 0), (f"{self.topic}/request", 0)]
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(20)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _heard(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        assert len(message.payload) + len(message.topic) < 300 - 8, "the board's buffer is 300 bytes"
        assert not message.retain
        body = json.loads(message.payload)
        if message.topic.endswith("/reply"):
            self.replies.append(body)
            self._answers.put(body)
        elif body["request_type"] == "stop" and self.obeys:
            self.ordered += 1
            threading.Thread(target=self._obey, daemon=True).start()  # as from the board's own loop

    def _obey(self) -> None:
        self.logout()
        self.obeyed += 1

    def answered(self, key: str) -> list[dict[str, Any]]:
        """The replies that have this key."""
        return [one for one in self.replies if key in one]

    def say(self, text: str) -> None:
        self.sent.append(text)
        self._client.publish(self.topic, text, qos=0)

    def ask(self, text: str, *, kept: bool = False) -> dict[str, Any] | None:
        """Send and wait for the answer; what may be kept is kept while the board is offline."""
        if not self.online:
            if kept:
                self.buffer.append(text)
            return None
        while self.buffer:
            old = self.buffer.pop(0)
            self._exchange(old[:-1] + ', "replay":true}')
        return self._exchange(text)

    def _exchange(self, text: str) -> dict[str, Any] | None:
        self.say(text)
        try:
            return self._answers.get(timeout=REPLY_S)
        except Empty:
            return None

    def tap(self, uid: str) -> None:
        """Lay a card on the reader once."""
        with self._lock:
            if self.relay:
                if self.user == uid:
                    self.logout()
                return
            if self._login_allowed(uid) and self.machine["allowed"]:
                self.relay, self.user, self._since = True, uid, time.monotonic()
                self.ask(f'{{"action":"startuse", "uid":"{uid}"}}', kept=True)
            if self.online:
                self.refresh()

    def _login_allowed(self, uid: str) -> bool:
        answer = self.ask(f'{{"action":"checkuser","uid":"{uid}"}}')
        if answer and answer["request_ok"]:
            if answer["is_valid"] and answer["level"]:
                self.cache.add(uid)
                return True
            self.cache.discard(uid)
            return False
        return uid in self.cache

    def logout(self) -> None:
        with self._lock:
            used = int(time.monotonic() - self._since) if self.relay else 0
            self.relay = False
            text = f'{{"action":"stopuse", "uid":"{self.user}","duration":{used}}}'
            self.ask(text, kept=True)

    def refresh(self) -> None:
        """What it does every 30 s."""
        with self._lock:
            self.machine = self.ask('{"action":"checkmachine"}') or self.machine
            if self.relay:
                used = int(time.monotonic() - self._since)
                self.ask(f'{{"action":"inuse", "uid":"{self.user}","duration":{used}}}', kept=True)

    def reboot(self) -> None:
        """Power went and came back: the relay is off, the session forgotten."""
        with self._lock:
            self.relay, self.user = False, "00000000"
