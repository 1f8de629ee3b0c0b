"""A Marlin 2.1 of ours, from its sources alone; it shares no line with the driver that it is to prove.

Sources, all MarlinFirmware/Marlin src/: gcode/queue.cpp (line numbers, checksums, ok, Resend),
core/language.h (words), gcode/gcode.cpp host_keepalive (busy), gcode/sd/M23 to M27, M524, M1001.cpp (card),
gcode/stats/M31.cpp, gcode/temp (targets, T: while waiting), MarlinCore.cpp kill; an Ender 3 for TF.
The planner holds 16 moves; a line is acknowledged as it is planned. Acceleration is left out, heating takes
0.6 s. `extruded_mm` is the oracle: what went through the nozzle.

As a process: `python -m tests.contract.firmware.marlin_sim pty|tcp` prints where it listens; its input takes
`card NAME G-CODE|…`, `pause`, `stop` (at its display), `corrupt` (the next line), `kill`, `power`, `wait` and
`go` (paused for user), `clock N` (its print timer shows N), `tf` (it says TF for SD), `mute`, `unmute`,
`say TEXT`; each is answered in JSON: `mm` extruded, the sum of `targets`, moves `planned`, `lines` received,
its print `timer`.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import socket
import sys
import time
import tty
from collections import deque
from dataclasses import dataclass
from typing import Any

PLANNER, BUSY_S, HEAT_S = 16, 0.3, 0.6
M115 = (
    "FIRMWARE_NAME:Marlin 2.1.2.4 (Aug  1 2024 12:00:00) SOURCE_CODE_URL:github.com/MarlinFirmware "
    "PROTOCOL_VERSION:1.0 MACHINE_TYPE:Ender-3 Pro EXTRUDER_COUNT:1 UUID:cede2a2f-41a2-4748-9b12\n"
    "Cap:SERIAL_XON_XOFF:0\nCap:EEPROM:1\nCap:AUTOREPORT_TEMP:0\nCap:AUTOREPORT_SD_STATUS:0\n"
)
WORD = re.compile(r"([A-Z])\s*([-+]?[\d.]+)?")


@dataclass
class Move:
    left_s: float
    e_mm_s: float


class MarlinSim:
    """The firmware. `advance` brings it to an instant (seconds), `receive` hands it bytes."""

    def __init__(self, resend_ok: bool = True) -> None:
        self.resend_ok = resend_ok
        self.now = 0.0
        self.extruded_mm = 0.0
        self.muted = self.corrupt = self.tf = False
        self.texts: list[str] = []
        self.out = bytearray()
        self.reset()

    def reset(self) -> None:
        self.rx = bytearray()
        self.last_n = 0
        self.plan: deque[Move] = deque()
        self.targets = {"T": 0.0, "B": 0.0}
        self.blocked: str = ""
        self.blocked_s = self.busy_in_s = 0.0
        self.then = b""
        self.dead = False
        self.absolute_e = True
        self.at = {"X": 0.0, "Y": 0.0, "Z": 0.0, "E": 0.0, "F": 600.0}
        self.file: tuple[str, list[str]] | None = None
        self.position = 0
        self.printing = False
        self.timer_s: float = 0.0
        self.out += b"start\nMarlin 2.1.2.4\n\necho: Last Updated: 2024\necho:TF init fail\n"

    def say(self, text: str) -> None:
        self.out += f"{text.replace('SD ', 'TF ') if self.tf else text}\n".encode()

    def receive(self, data: bytes) -> None:
        if not self.dead:
            self.rx += data
            self.work()

    def work(self) -> None:
        """Take lines, of the port first, and none while the planner is full or it is blocked."""
        while not self.dead:
            if (b"M108" in self.rx or b"M524" in self.rx) and self.blocked == "heat":
                self.blocked_s = 0.0  # the emergency parser sees it in the stream
            if self.blocked or len(self.plan) >= PLANNER:
                return
            text, end, rest = self.rx.partition(b"\n")
            if end:
                self.rx = bytearray(rest)
                if text.strip():
                    self.line(text.decode("latin-1").strip())
            elif self.printing and self.file:
                self.read_card(*self.file)
            else:
                return

    def read_card(self, name: str, lines: list[str]) -> None:
        if self.position >= len(lines):
            if not self.plan:
                self.printing, self.file = False, None
                self.say("Done printing file")
            else:
                self.blocked = "sync"
            return
        self.position += 1
        self.then = b""
        self.do(lines[self.position - 1], b"")

    def line(self, text: str) -> None:
        self.texts.append(text)
        numbered = re.fullmatch(r"N(-?\d+)\s*(.*)\*(\d+)", text)
        if text.startswith("N"):
            body = text.rpartition("*")[0].encode()
            checksum = 0
            for byte in body:
                checksum ^= byte
            reset = "M110" in text
            if numbered and not reset and int(numbered[1]) != self.last_n + 1:
                return self.bad("Line Number is not Last Line Number+1, Last Line: ")
            if not numbered or int(numbered[3]) != checksum or self.corrupt:
                self.corrupt = False
                return self.bad("checksum mismatch, Last Line: ")
            self.last_n = int((re.search(r"M110\s*N(-?\d+)", text) or numbered)[1])
            text = numbered[2].strip()
        self.do(text, b"ok\n")

    def bad(self, words: str) -> None:
        self.rx.clear()
        self.say(f"Error:{words}{self.last_n}")
        self.say(f"Resend: {self.last_n + 1}")
        self.out += b"ok\n" if self.resend_ok else b""

    def block(self, why: str, seconds: float, then: bytes) -> None:
        self.blocked, self.blocked_s, self.busy_in_s, self.then = why, seconds, BUSY_S, then

    def do(self, text: str, ok: bytes) -> None:
        """Do one command, and acknowledge it, now or when it is done."""
        found = re.match(r"([GMT])\s*(\d+)", text.upper())
        code = f"{found[1]}{int(found[2])}" if found else ""
        words = {a: float(b) for a, b in WORD.findall(text.upper()[len(code) :]) if b and b not in "+-."}
        self.last_n = int(words.get("N", self.last_n)) if code == "M110" else self.last_n
        match code:
            case "G0" | "G1":
                self.move(words)
            case "G28" | "G4":
                seconds = words.get("P", 0) / 1000 + words.get("S", 0) if code == "G4" else 0.2
                return self.block("work", seconds, ok)
            case "G92":
                self.at |= {axis: value for axis, value in words.items() if axis in self.at}
            case "M82" | "M83" | "G90" | "G91":
                self.absolute_e = code in ("M82", "G90")
            case "M104" | "M140" | "M109" | "M190":
                target = words.get("S", words.get("R", 0.0))
                self.targets["T" if code in ("M104", "M109") else "B"] = target
                if code in ("M109", "M190") and target:
                    return self.block("heat", HEAT_S, ok)
            case "M105":
                self.out += f"ok {self.heat()}\n".encode()
                return None
            case "M112":
                return self.kill("M112 Shutdown")
            case "M115":
                self.out += M115.encode()
            case "M110" | "M108" | "M117" | "M84" | "M107" | "M21" | "M75" | "M77" | "M400":
                pass
            case _ if code in ("M23", "M24", "M25", "M27", "M31", "M524"):
                self.card(code, text)
            case _:
                self.say(f'echo:Unknown command: "{text}"')
        self.out += ok
        return None

    def heat(self) -> str:
        both = (f"{name}:{goal or 25.0:.2f} /{goal:.2f}" for name, goal in self.targets.items())
        return " ".join(both) + " @:0 B@:0"

    def move(self, words: dict[str, float]) -> None:
        self.at["F"] = words.get("F", self.at["F"])
        way = max([abs(words[axis] - self.at[axis]) for axis in "XYZ" if axis in words], default=0.0)
        e = 0.0
        if "E" in words:
            e = words["E"] - (self.at["E"] if self.absolute_e else 0.0)
            self.at["E"] += e
        self.at |= {axis: words[axis] for axis in "XYZ" if axis in words}
        seconds = max(way, abs(e), 1e-9) / self.at["F"] * 60
        self.plan.append(Move(seconds, e / seconds))

    def card(self, code: str, text: str) -> None:
        size = sum(len(line) + 1 for line in self.file[1]) if self.file else 0
        match code:
            case "M24":
                self.printing = self.file is not None
            case "M25":
                self.printing = False
            case "M524":
                self.stop()
            case "M31":
                self.say(f"echo:Print time: {int(self.timer_s)}s")
            case "M27" if text.endswith("C"):
                self.say(f"Current file: {'PART~1.GCO ' + self.file[0] if self.file else '(no file)'}")
            case "M27" if self.printing and self.file:
                done = sum(len(line) + 1 for line in self.file[1][: self.position])
                self.say(f"SD printing byte {done}/{size}")
            case "M27":
                self.say("Not SD printing")

    def stop(self) -> None:
        self.printing, self.file = False, None
        self.plan.clear()
        self.targets = {"T": 0.0, "B": 0.0}

    def kill(self, why: str) -> None:
        self.say(f"Error:{why}")
        self.say("Error:Printer halted. kill() called!")
        self.plan.clear()
        self.dead = True

    def advance(self, until: float) -> None:
        span, self.now = until - self.now, until
        if self.dead:
            return
        self.timer_s += span if self.printing else 0.0
        left = span
        while self.plan and left > 0:
            part = min(left, self.plan[0].left_s)
            self.extruded_mm += part * self.plan[0].e_mm_s
            self.plan[0].left_s -= part
            left -= part
            if self.plan[0].left_s <= 1e-12:
                self.plan.popleft()
        if self.blocked:
            self.unblock(span)
        self.work()

    def unblock(self, span: float) -> None:
        self.blocked_s -= span
        self.busy_in_s -= span
        over = not self.plan if self.blocked == "sync" else self.blocked_s <= 0
        if over and self.blocked != "user":
            self.blocked, self.out = "", self.out + self.then
        elif self.busy_in_s <= 0:
            self.busy_in_s = BUSY_S
            if self.blocked == "heat":
                self.say(f" {self.heat()} W:?")
            self.say("echo:busy: " + ("paused for user" if self.blocked == "user" else "processing"))

    def take(self) -> bytes:
        said, self.out = bytes(self.out), bytearray()
        return b"" if self.muted else said

    def state(self) -> dict[str, object]:
        targets = sum(self.targets.values())
        said = {"mm": self.extruded_mm, "targets": targets, "planned": len(self.plan)}
        return said | {"lines": self.texts, "timer": self.timer_s}

    def command(self, text: str) -> None:
        name, _, rest = text.strip().partition(" ")
        match name:
            case "card":
                file, _, code = rest.partition(" ")
                self.file, self.position, self.printing = (file, code.split("|")), 0, True
                self.timer_s = 0.0
                self.say(f"File opened: {file} Size: {len(code) + 1}")
                self.say("File selected")
            case "pause":
                self.printing = False
            case "stop":
                self.stop()
            case "wait":
                self.block("user", 0.0, b"")
            case "go":
                self.blocked = ""
            case "kill":
                self.kill("Thermal Runaway, system stopped! Heater_ID: 0")
            case "power":
                self.reset()
            case "clock":
                self.timer_s = float(rest)
            case "say":
                self.say(rest)
            case "corrupt" | "tf":
                setattr(self, name, True)
            case "mute" | "unmute":
                self.muted = name == "mute"


def main(kind: str) -> None:
    """Serve one line for ever, at the pace of the clock on the wall; each order is answered by the oracle."""
    server, line = None, -1
    if kind == "pty":
        line, slave = pty.openpty()
        tty.setraw(slave)
        print(f"serial://{os.ttyname(slave)}?baud=115200", flush=True)
    else:
        server = socket.create_server(("127.0.0.1", 0))
        print(f"tcp://127.0.0.1:{server.getsockname()[1]}", flush=True)
    sim, begin = MarlinSim(), time.monotonic()
    while True:
        port: Any = server if line < 0 else line
        ready, _, _ = select.select([port, 0], [], [], 0.005)
        sim.advance(time.monotonic() - begin)
        if 0 in ready:
            order = os.read(0, 1 << 16).decode()
            if not order:
                return
            for text in order.splitlines():
                sim.command(text)
                print(json.dumps(sim.state()), flush=True)
        if port in ready and line < 0 and server:
            line = server.accept()[0].detach()
        elif port in ready:
            data = os.read(line, 4096)
            sim.receive(data)
            if not data:
                os.close(line)
                line = -1
        if (said := sim.take()) and line >= 0:
            os.write(line, said)


if __name__ == "__main__":
    main(sys.argv[1])
