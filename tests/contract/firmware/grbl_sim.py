"""A GRBL 1.1h of ours, from its documents alone; it shares no line with the driver that it is to prove.

Sources, all gnea/grbl v1.1: doc/markdown/interface.md (greeting, ok and error, push messages, reports),
commands.md (realtime commands), laser_mode.md (S and G0), settings.md ($$). The planner holds 15 blocks, the
receive buffer 128 bytes. Moves have the programmed feed at once: acceleration is left out. `laser_s` is the
oracle: seconds in which the PWM pin would have had S > 0.

As a process: `python -m tests.contract.firmware.grbl_sim pty|tcp` prints where it listens; its standard input
takes `run G-CODE` (a job from its own card), `alarm N`, `door 0|1`, `power` (off and on), `finish` (the rest
of the job takes no time), `mute`, `unmute`, and `say run_s|laser_s|moved_mm`, which it prints.
"""

from __future__ import annotations

import math
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

GREETING = b"\r\nGrbl 1.1h ['$' for help]\r\n"
SETTINGS = {10: "1", 13: "0", 22: "0", 30: "1000", 31: "0", 32: "1", 110: "6000.000", 111: "6000.000"}
PLANNER, RX_BYTES, RAPID = 15, 128, 6000.0
WORD = re.compile(r"([A-Z])([-+]?[\d.]+)")


@dataclass
class Block:
    left_s: float
    feed: float
    power: float
    unit: tuple[float, float]


class GrblSim:
    """The firmware. `advance` brings it to an instant (seconds), `receive` hands it bytes."""

    def __init__(self, laser: bool = True) -> None:
        self.settings = SETTINGS | {32: str(int(laser))}
        self.now = 0.0
        self.laser_s = self.moved_mm = self.run_s = 0.0
        self.muted = False
        self.overflows = 0
        self.out = bytearray()
        self.reset(None)

    def reset(self, alarm: int | None) -> None:
        if alarm is not None:
            self.out += b"ALARM:%d\r\n" % alarm
        self.rx = bytearray()
        self.card: deque[str] = deque()
        self.plan: deque[Block] = deque()
        self.hold = self.door = False
        self.reports = 0
        self.locked = alarm is not None
        self.dwell_s: float | None = None
        self.modes = {"G": 0.0, "M": 5.0, "S": 0.0, "F": 0.0}
        self.absolute = True
        self.at = [0.0, 0.0]
        self.target = [0.0, 0.0]
        self.out += GREETING + (b"[MSG:'$H'|'$X' to unlock]\r\n" if self.locked else b"")

    def alarm(self, code: int) -> None:
        self.plan.clear()
        self.rx.clear()
        self.card.clear()
        self.locked = True
        self.out += b"ALARM:%d\r\n[MSG:Reset to continue]\r\n" % code

    def receive(self, data: bytes) -> None:
        for byte in data:
            match byte:
                case 0x3F:
                    self.out += b"" if self.muted else self.report()
                case 0x21:
                    self.hold = bool(self.plan) or self.dwell_s is not None
                case 0x7E:
                    self.hold = self.hold and self.door
                case 0x18:
                    self.reset(3 if self.plan and not self.hold else None)
                case _ if byte < 0x80:
                    self.rx.append(byte)
                    self.overflows += len(self.rx) > RX_BYTES
        self.work()

    def report(self) -> bytes:
        running = bool(self.plan) and not self.hold
        state = "Run" if running else "Hold:0" if self.hold else "Alarm" if self.locked else "Idle"
        if self.door:
            state = "Door:1"
        feed = self.plan[0].feed if running else 0
        # the offset of the work comes with every tenth report, and with the first (interface.md, WCO)
        offset = "" if self.reports % 10 else "|WCO:0.000,0.000,0.000"
        self.reports += 1
        # outside of Run, GRBL still says the power that was programmed
        power = self.plan[0].power if running else self.modes["S"]
        x, y = self.at
        return f"<{state}|MPos:{x:.3f},{y:.3f},0.000|FS:{feed:.0f},{power:.0f}{offset}>\r\n".encode()

    def work(self) -> None:
        """Take lines as the main loop does: in order, and none while the planner is full or it dwells."""
        while self.dwell_s is None and not self.hold and len(self.plan) < PLANNER:
            if self.card:
                answer = self.line(self.card[0].strip())
                if answer is None:
                    return
                self.card.popleft()
                self.out += answer if answer.startswith(b"[") else b""
                continue
            text, end, rest = self.rx.partition(b"\n")
            if not end:
                return
            answer = self.line(text.decode().strip())
            if answer is None:
                return
            self.rx = bytearray(rest)
            self.out += answer

    def line(self, text: str) -> bytes | None:
        """Do one line; None while it has to wait for the planner to run empty."""
        if text.startswith("$"):
            return self.system(text)
        if self.locked:
            return b"error:9\r\n"
        words = [(letter, float(value)) for letter, value in WORD.findall(text.upper())]
        table = {letter: value for letter, value in words if letter != "G"}
        codes = [value for letter, value in words if letter == "G"]
        waits = 4.0 in codes or table.get("M") in (2.0, 30.0, 3.0, 4.0, 5.0)
        if waits and self.plan:
            return None
        if 4.0 in codes:
            self.dwell_s = table.get("P", 0.0)
            return b""
        self.absolute = 91.0 not in codes and (self.absolute or 90.0 in codes)
        self.modes |= {name: table[name] for name in "MSF" if name in table}
        self.modes["G"] = next((code for code in codes if code in (0.0, 1.0)), self.modes["G"])
        if table.get("M") in (2.0, 30.0):
            self.modes |= {"M": 5.0, "G": 1.0}
            return b"[MSG:Pgm End]\r\n" + (b"" if self.card else b"ok\r\n")
        if "X" in table or "Y" in table:
            return self.move(table)
        return b"ok\r\n"

    def move(self, table: dict[str, float]) -> bytes:
        old = list(self.target)
        for index, axis in enumerate("XY"):
            if axis in table:
                self.target[index] = table[axis] + (0 if self.absolute else old[index])
        way = [new - before for new, before in zip(self.target, old, strict=True)]
        length = math.hypot(*way)
        cutting = self.modes["G"] == 1.0
        feed = self.modes["F"] if cutting else RAPID
        if not feed:
            return b"error:22\r\n"
        lit = cutting and self.modes["M"] in (3.0, 4.0)
        if length:
            unit = (way[0] / length, way[1] / length)
            self.plan.append(Block(length / feed * 60, feed, self.modes["S"] if lit else 0.0, unit))
        return b"ok\r\n"

    def system(self, text: str) -> bytes:
        if text in ("$$", "$I") and (self.plan or self.dwell_s is not None):
            return b"error:8\r\n"
        if text == "$$":
            return "".join(f"${key}={value}\r\n" for key, value in self.settings.items()).encode() + b"ok\r\n"
        if text == "$I":
            return b"[VER:1.1h.20190830:]\r\n[OPT:V,15,128]\r\nok\r\n"
        if text == "$G":
            return b"[GC:G0 G54 G17 G21 G90 G94 M5 M9 T0 F0 S0]\r\nok\r\n"
        if text == "$X":
            self.locked = False
            return b"[MSG:Caution: Unlocked]\r\nok\r\n"
        return b"error:3\r\n"

    def advance(self, until: float) -> None:
        while self.now < until:
            self.work()
            span = until - self.now
            if self.hold or self.locked:
                self.now = until
            elif self.plan:
                block = self.plan[0]
                span = min(span, block.left_s)
                block.left_s -= span
                self.run_s += span
                self.laser_s += span if block.power > 0 else 0.0
                way = block.feed / 60 * span
                self.moved_mm += way
                self.at = [at + way * unit for at, unit in zip(self.at, block.unit, strict=True)]
                if block.left_s <= 1e-12:
                    self.plan.popleft()
                self.now += span
            elif self.dwell_s is not None:
                span = min(span, self.dwell_s)
                self.dwell_s -= span
                self.now += span
                if self.dwell_s <= 1e-12:
                    self.dwell_s = None
                    self.out += b"" if self.card else b"ok\r\n"
            else:
                self.now = until
        self.work()

    def take(self) -> bytes:
        said, self.out = bytes(self.out), bytearray()
        return b"" if self.muted else said

    def command(self, text: str) -> None:
        name, _, rest = text.strip().partition(" ")
        match name:
            case "run":
                self.card.extend(rest.split("|"))
            case "alarm":
                self.alarm(int(rest))
            case "door":
                self.door = self.hold = rest == "1"
            case "power":
                self.reset(None)
            case "finish":
                self.plan.clear()
                self.card.clear()
                self.card.append("M2")
            case "say":
                print(getattr(self, rest), flush=True)
            case "mute" | "unmute":
                self.muted = name == "mute"


def main(kind: str) -> None:
    """Serve one line for ever, at the pace of the clock on the wall."""
    server = None
    if kind == "pty":
        line, slave = pty.openpty()
        tty.setraw(slave)
        print(f"serial://{os.ttyname(slave)}?baud=115200", flush=True)
    else:
        server = socket.create_server(("127.0.0.1", 0))
        print(f"tcp://127.0.0.1:{server.getsockname()[1]}", flush=True)
        line = server.accept()[0].detach()
    sim, begin = GrblSim(), time.monotonic()
    while True:
        ready, _, _ = select.select([line, 0], [], [], 0.004)
        sim.advance(time.monotonic() - begin)
        if 0 in ready:
            order = os.read(0, 4096).decode()
            if not order:
                return
            for text in order.splitlines():
                sim.command(text)
        try:
            data = os.read(line, 4096) if line in ready else None
            sim.receive(data or b"")
            if said := sim.take():
                os.write(line, said)
        except OSError:  # the line broke
            data = b""
        if data == b"" and server:
            os.close(line)
            line = server.accept()[0].detach()


if __name__ == "__main__":
    main(sys.argv[1])
