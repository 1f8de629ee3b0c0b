"""A Ruida controller of ours, from public documents alone; it shares no line with the driver under test.

Sources, per exchange:
- swizzle, 16-bit sum, ACK 0xCC and NAK 0xCF: edutechwiki.unige.ch/en/Ruida, "Swizzling" and "UDP:50200";
- `DA 00 hi lo` answered with an ACK, then `DA 01 hi lo` and five groups of seven bits; a mainboard's name as
  text: log of MeerK40t's `ruidacontrol -v` (meerk40t issue 2352) and ens1/ruida-re, docs/protocol.md, "First
  live controller observation"; 04 11 in seconds: a captured answer in a makerspace's logger, DA 01 04 11
  00 00 25 16 38, which it reads as 609080 s;
- 04 00 bits 0x1, 0x01000000 and 0x2: MeerK40t, ruida/rdjob.py; ruida-pa, protocols/ruida/ruida_protocol.py;
- 04 01 to 04 08 in seconds: MeerK40t, ruida/emulator.py, "Total Open Time (s)", "Total Work Time (s)";
- D8 01 stop, D8 02 pause, D8 03 restore: edutechwiki, "Commands"; MeerK40t, ruida/rdjob.py;
- a file in packets, cut anywhere, named by E7 01, ended by D7, stored after E8 02, else run: edutechwiki,
  ibid.; jnweiger/ruida-laser, doc/protocol.md; while it comes every packet is of it: the same, RuidaProxy.py;
- answers go to one fixed port of the client: the same (CLIENT_PORT).
That counters of jobs rise when a job is done, and the times while it runs, is assumed: no source says when.

As a process: `python -m tests.contract.firmware.ruida_sim REPLY_PORT` prints where it listens; its standard
input takes the words of `command`, each answered with a line. Its clock for jobs is SPEED times too fast.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections.abc import Callable

SPEED = 10.0
CARD, BOARD = 0x65106510, b"RDC6442S-V15.01.22\0"


def swizzle(data: bytes, magic: int) -> bytes:
    out = bytearray()
    for byte in data:
        first, last = byte & 0x80, byte & 0x01
        byte = (byte & 0x7E) | (last << 7) | (first >> 7)
        out.append(((byte ^ magic) + 1) % 256)
    return bytes(out)


def unswizzle(data: bytes, magic: int) -> bytes:
    out = bytearray()
    for byte in data:
        byte = ((byte - 1) % 256) ^ magic
        first, last = byte & 0x80, byte & 0x01
        out.append((byte & 0x7E) | (last << 7) | (first >> 7))
    return bytes(out)


def groups(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (28, 21, 14, 7, 0))


class RuidaSim:
    """The controller. `advance` brings it to an instant (seconds), `receive` answers a packet."""

    def __init__(self) -> None:
        self.magic = 0x88
        self.state = "idle"
        self.now = self.job_s = 0.0
        self.open_s, self.work_s, self.tube_s = 1_000_000.0, 609_080.0, 300_040.0
        self.count, self.last_s = 812, 0
        self.tube_at = b"\x04\x11"
        self.counts = True
        self.lose = self.nak = 0
        self.muted = False
        self.file: bytearray | None = None
        self.stored = b""

    def advance(self, until: float) -> None:
        span, self.now = (until - self.now) * SPEED, until
        self.open_s += span
        if self.state == "running":
            self.job_s += span
            if self.counts:
                self.work_s += span
                self.tube_s += span / 2

    def memory(self, place: bytes) -> bytes:
        status = {"idle": 0, "running": 0x01000001, "paused": 0x3, "moving": 0x01000000}[self.state]
        table = {
            b"\x04\x00": status,
            b"\x04\x01": int(self.open_s),
            b"\x04\x02": int(self.work_s),
            b"\x04\x03": self.count,
            b"\x04\x08": self.last_s,
            b"\x04\x21": 12_500,
            b"\x04\x31": 30_000,
            b"\x05\x7e": CARD,
            self.tube_at: int(self.tube_s),
        }
        return BOARD if place == b"\x05\x7f" else groups(table.get(place, 0))

    def receive(self, data: bytes) -> list[bytes]:
        if self.muted:
            return []
        if self.lose:
            self.lose -= 1
            return []
        if self.nak or sum(data[2:]) % 65536 != int.from_bytes(data[:2], "big"):
            self.nak = max(0, self.nak - 1)
            return [swizzle(b"\xcf", self.magic)]
        return [swizzle(answer, self.magic) for answer in self.take(unswizzle(data[2:], self.magic))]

    def take(self, plain: bytes) -> list[bytes]:
        head = plain[:2]
        if self.file is None and head == b"\xda\x00":
            return [b"\xcc", b"\xda\x01" + plain[2:4] + self.memory(plain[2:4])]
        if self.file is None and head in (b"\xd8\x01", b"\xd8\x02", b"\xd8\x03"):
            self.command({1: "abort", 2: "pause", 3: "resume"}[plain[1]])
            return [b"\xcc"]
        begins = head in (b"\xe8\x02", b"\xd8\x10", b"\xd8\x11", b"\xd8\x12")
        of_file = begins or (plain[0] >= 0x80 and plain[0] not in (0xCE, 0xD8, 0xD9, 0xDA))
        if self.file is not None or of_file:
            self.file = bytearray() if self.file is None else self.file
            self.file += plain
            if plain.endswith(b"\xd7"):
                self.stored, self.file = bytes(self.file), None
                if not self.stored.startswith(b"\xe8\x02"):
                    self.command("start")
        return [b"\xcc"]

    def command(self, text: str) -> str:
        name, _, rest = text.strip().partition(" ")
        if name == "state":
            return f"{self.state} {self.count} {self.work_s:.1f} {self.tube_s:.1f} {self.stored.hex()}"
        if name in CHANGES:
            setattr(self, *CHANGES[name](rest))
        if name == "finish" and self.state != "idle":
            self.last_s, self.count = int(self.job_s), self.count + 1
        if self.state in STEPS.get(name, {}):
            self.state = STEPS[name][self.state]
        if name == "start":
            self.job_s = 0.0
        if name == "power_cut":
            self.file, self.work_s = None, self.work_s - 3  # what it had not saved
        if name == "reset":
            self.work_s = self.tube_s = float(rest or 0)
        return "done"


ANY = ("idle", "running", "paused", "moving")
STEPS = {
    "start": dict.fromkeys(ANY, "running"),
    "pause": {"running": "paused"},
    "resume": {"paused": "running"},
    "moving": {"idle": "moving"},
    **dict.fromkeys(("finish", "abort", "power_cut"), dict.fromkeys(ANY, "idle")),
}
CHANGES: dict[str, Callable[[str], tuple[str, object]]] = {
    "mute": lambda _: ("muted", True),
    "unmute": lambda _: ("muted", False),
    "counts": lambda rest: ("counts", rest == "1"),
    "lose": lambda rest: ("lose", int(rest)),
    "nak": lambda rest: ("nak", int(rest)),
    "magic": lambda rest: ("magic", int(rest, 16)),
    "tube": lambda rest: ("tube_at", bytes.fromhex(rest)),
}
JUNK = (b"", b"\x00", bytes(range(256)) * 6, os.urandom(40), swizzle(b"\xda\x01", 0x88))


def main(reply_port: int) -> None:
    """Serve for ever, at the pace of the clock on the wall times SPEED."""

    def plugged(port: int) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("127.0.0.1", port))
        return opened

    line: socket.socket | None = plugged(0)
    assert line
    port = line.getsockname()[1]
    print(f"udp://127.0.0.1:{port}", flush=True)
    sim, begin, client, waiting = RuidaSim(), time.monotonic(), ("127.0.0.1", reply_port), b""
    while True:
        ready, _, _ = select.select([0, line] if line else [0], [], [])
        sim.advance(time.monotonic() - begin)
        if line in ready and line:
            data, sender = line.recvfrom(2048)
            client = (sender[0], reply_port)
            for answer in sim.receive(data):
                line.sendto(answer, client)
        if 0 in ready:
            waiting += os.read(0, 4096)
            if not waiting:
                return
            *orders, waiting = waiting.split(b"\n")
            for order in orders:
                text = order.decode()
                if text in ("unplug", "power_cut") and line:
                    line.close()
                    line = None
                elif text in ("plug_in", "power_up") and line is None:
                    line = plugged(port)
                elif text == "noise" and line:
                    for junk in JUNK:
                        line.sendto(junk, client)
                print(sim.command(text), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
