"""A Prusa i3 MK3 of ours on a pty with a real PrusaLink before it, in a network namespace of their own.

PrusaLink also binds every address (mDNS): in the namespace nobody sees it. A socket that was opened outside
is handed in as the first argument; what connects there is carried to PrusaLink. The orders on standard input:
`unplug`, `mute` and `plug` for that line, `say TEXT` for one line of the firmware. The printer moves in no
time, and waits in G4 P only. What it was told stands in `printed.txt`. An answer takes as long as at
115,200 baud: PrusaLink sometimes waits for ever for an `ok` that came in less.

The firmware's words are those that PrusaLink 0.8.1 expects (prusa/link/printer_adapter/structures/
regular_expressions.py) and that Prusa-Firmware 3.14 prints (Marlin_main.cpp, Dcodes.cpp).
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path
from typing import IO

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
INNER = ("127.0.0.1", 8080)
EEPROM = {0x0D05: bytes(4), 0x0FBB: b"\0", 0x0FFF: b"\0", 0x0DA1: b"\0", 0x0FF1: bytes(4), 0x0FED: bytes(4)}
EEPROM[0x0D49] = (b"Smooth1\0\0\0\0" * 8)[:88]
ANSWERS = {
    "PRUSA Fir": ["3.14.1-8237"],
    "PRUSA SN": ["CZPX4720X004XC34242"],
    "M862.1 Q": ["0.40"],
    "M862.2 Q": ["302"],
    "M220": ["100%"],
    "M221": ["100%"],
    "M420": ["Mesh bed leveling not active."],
    "M27 P": ["Not SD printing"],
    "M20 LT": ["Begin file list", "End file list"],
    "M21": ["echo:SD init fail"],
    "M601": ["// action:paused"],
    "M602": ["// action:resumed"],
}
HEAT = "T:24.6 /0.0 B:60.2 /60.0 T0:24.6 /0.0 @:0 B@:31 P:0.0 A:31.4"
BYTE_S, LATENCY_S = 10 / 115_200, 0.001
NUMBERED = re.compile(r"N\d+ (.*?) ?\*\d+$")


class Printer(threading.Thread):
    """Reads lines from its pty and answers each, as the firmware does."""

    def __init__(self, log: IO[str]) -> None:
        super().__init__(daemon=True)
        self._log = log
        self.line, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._eeprom = dict(EEPROM)
        self._progress = "-1", "-1"
        self._speaking = threading.Lock()

    def run(self) -> None:
        rest = os.read(self.line, 4096)
        threading.Thread(target=self._report, daemon=True).start()
        while True:
            *lines, rest = rest.split(b"\n")
            for line in lines:
                for answer in self._answer(line.decode("ascii", "replace").strip()):
                    self.say(answer)
            rest += os.read(self.line, 4096)

    def say(self, text: str) -> None:
        with self._speaking:
            time.sleep((len(text) + 1) * BYTE_S + LATENCY_S)
            os.write(self.line, f"{text}\n".encode())

    def _report(self) -> None:
        """Say the temperatures every 2 s, as a printer that was told `M155 S2`.

        PrusaLink's own may be lost in its start, and comes again after a minute only (auto_telemetry.py).
        """
        while True:
            time.sleep(2)
            self.say(HEAT)

    def _answer(self, command: str) -> list[str]:
        numbered = NUMBERED.match(command)
        command = numbered[1] if numbered else command
        self._log.write(f"{time.monotonic():.3f} {command}\n")
        if command.startswith("D3 "):
            return [*self._d3(command), "ok"]
        if command.startswith("M73"):
            return [*self._m73(command), "ok"]
        waits = re.match(r"G4 P(\d+)", command)
        if waits:
            time.sleep(int(waits[1]) / 1000)
        return [*ANSWERS.get(command, []), "ok"]

    def _d3(self, command: str) -> list[str]:
        asked = re.match(r"D3 Ax([0-9A-F]+) ([CX])(\w+)", command)
        if not asked:
            return []
        address = int(asked[1], 16)
        if asked[2] == "X":
            self._eeprom[address] = bytes.fromhex(asked[3])
            return []
        kept = self._eeprom.get(address, bytes(int(asked[3])))
        return [f"{address + at:04x}  {kept[at : at + 16].hex(' ')}" for at in range(0, len(kept), 16)]

    def _m73(self, command: str) -> list[str]:
        percent, left = re.search(r" P(\d+)", command), re.search(r" R(\d+)", command)
        if percent:
            self._progress = percent[1], left[1] if left else "-1"
        done, minutes = self._progress
        tail = f"Percent done: {done}; print time remaining in mins: {minutes}; Change in mins: -1"
        return [f"SILENT MODE: {tail}", f"NORMAL MODE: {tail}"]


class Gate:
    """Carries TCP connections to PrusaLink, while the line is whole."""

    def __init__(self, outer: socket.socket) -> None:
        self._outer = outer
        self._open: set[socket.socket] = set()
        self.line = "plug"
        threading.Thread(target=self._accept, daemon=True).start()

    def order(self, line: str) -> None:
        self.line = line
        if line == "unplug":
            for one in list(self._open):
                one.close()

    def _accept(self) -> None:
        while True:
            client, _ = self._outer.accept()
            if self.line == "unplug":
                client.close()
                continue
            try:
                server = socket.create_connection(INNER)
            except OSError:
                client.close()
                continue
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        self._open.add(one)
        try:
            while data := one.recv(65536):
                while self.line == "mute":
                    time.sleep(0.02)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            other.close()
        self._open.discard(one)


def main(outer_fd: int, program: str, home: Path) -> None:
    """Start all three, then take orders."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
    printer = Printer((home / "printed.txt").open("w", buffering=1))
    printer.start()
    gate = Gate(socket.socket(fileno=outer_fd))
    with (home / "output.txt").open("ab") as output:
        where = ["-a", INNER[0], "-t", str(INNER[1]), "-s", printer.path]
        link = subprocess.Popen(
            # whoever kills this process leaves no PrusaLink behind
            ["setpriv", "--pdeathsig", "KILL", program, "-f", "-c", home / "prusalink.ini", *where, "-i"],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    for order in sys.stdin:
        verb, _, rest = order.strip().partition(" ")
        if verb == "say":
            printer.say(rest)
        else:
            gate.order(verb)
    link.kill()
    link.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
