"""OctoPrint's VirtualPrinter on a pty: a process of OctoPrint's Python; tests start it and never import it.

`.peers/octoprint/bin/python marlin_peer.py FOLDER [JSON]` makes FOLDER/port a link to its line and prints its
URL; JSON changes settings of the printer. Its standard input takes `card FILE` (a print from FOLDER/card; its
name must be longer than 8.3), `card_stop`, `card_end`, `unplug`, `plug_in`, `power_cut`, `power_up`, `mute`,
`unmute`, `noise`, `debug ORDER` (the printer's own); each is answered by the sum of its targets in °C.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import sys
import threading
import time
import tty
from pathlib import Path
from typing import Any

DEFAULTS: dict[str, Any] = {"sendBusy": True, "busyInterval": 0.3, "simulated_errors": []}


class Settings:
    """What the plugin reads: its own defaults, changed where a test wants it."""

    def __init__(self, values: dict[str, Any], card: Path) -> None:
        self.values, self.card = values, card

    def get(self, path: list[str], merged: bool = False) -> Any:
        found: Any = self.values
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def get_boolean(self, path: list[str]) -> bool:
        return bool(self.get(path))

    def get_int(self, path: list[str]) -> int:
        return int(self.get(path) or 0)

    def get_float(self, path: list[str]) -> float:
        return float(self.get(path) or 0)

    def global_get_basefolder(self, name: str) -> str:
        return str(self.card)


class Profiles:
    def get_current_or_default(self) -> dict[str, Any]:
        return {}


def goes_on(printer: Any) -> None:
    """Have M24 go on after M25, as Marlin does: OctoPrint 1.11.8's ends its print a move later."""
    begin = printer._startSdPrint

    def start() -> None:
        if printer._sdPrinter is None:
            begin()
        printer._sdPrintingSemaphore.set()

    printer._startSdPrint = start


class Bench:
    """A printer, and a line to it that can be pulled out."""

    def __init__(self, folder: Path, changed: dict[str, Any]) -> None:
        import octoprint.plugins.virtual_printer as plugin
        from octoprint.plugin import plugin_manager
        from octoprint.plugins.virtual_printer.virtual import VirtualPrinter

        plugin_manager(init=True, plugin_folders=[], plugin_bases=[], plugin_entry_points=[])
        self.folder = folder
        (folder / "card").mkdir(exist_ok=True)
        defaults = plugin.VirtualPrinterPlugin.get_settings_defaults(None)
        self.settings = Settings(defaults | DEFAULTS | changed, folder / "card")
        self.make = lambda: VirtualPrinter(
            self.settings, Profiles(), data_folder=str(folder), read_timeout=0.05, write_timeout=5.0
        )
        self.printer: Any = None
        self.line = -1
        self.muted = False

    def power_up(self) -> None:
        self.printer = self.make()
        goes_on(self.printer)
        threading.Thread(target=self.speak, args=(self.printer,), daemon=True).start()
        self.plug_in()

    def power_cut(self) -> None:
        self.unplug()
        printer, self.printer = self.printer, None
        printer._killed = True
        printer._sdPrintingSemaphore.set()

    def plug_in(self) -> None:
        line, slave = pty.openpty()
        tty.setraw(slave)
        port = self.folder / "port"
        fresh = self.folder / "port.new"
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(port)
        os.close(slave)
        self.line = line

    def unplug(self) -> None:
        line, self.line = self.line, -1
        os.close(line)

    def speak(self, printer: Any) -> None:
        while printer is self.printer:
            said = printer.readline()
            if said and not self.muted and self.line >= 0:
                with contextlib.suppress(OSError):
                    os.write(self.line, said if said.endswith(b"\n") else said + b"\n")

    def hear(self) -> None:
        """Carry what the driver says to the printer; a pty that nobody has open only says EIO."""
        try:
            data = os.read(self.line, 4096)
        except OSError:
            time.sleep(0.02)
            return
        if self.printer is not None and not self.muted:
            for line in data.splitlines(keepends=True):  # a second line in one piece waits for a third
                while line:  # its queue takes 64 bytes
                    line = line[self.printer.write(line) :]

    def order(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        match name:
            case "card":
                self.printer._debugTrigger(f"start_sd {rest}")
            case "card_stop":
                self.printer._cancelSdPrint()
            case "card_end":
                self.printer._setSdPos(self.printer._selectedSdFileSize - 40)
            case "mute" | "unmute":
                self.muted = name == "mute"
            case "noise":
                os.write(self.line, b"\x00\xff\xfe{[<ok?\n" + b"x" * 3000 + b"\nT:nan /nan\n")
            case "debug":
                self.printer._debugTrigger(rest)
            case "power_up" | "power_cut" | "plug_in" | "unplug":
                getattr(self, name)()

    def targets(self) -> float:
        return self.printer.targetTemp[0] + self.printer.bedTargetTemp if self.printer else 0.0

    def serve(self) -> None:
        print(f"serial://{self.folder / 'port'}?baud=115200", flush=True)
        while True:
            ready, _, _ = select.select([0] + [self.line] * (self.line >= 0), [], [], 0.2)
            if 0 in ready:
                said = os.read(0, 4096).decode()
                if not said:
                    os._exit(0)  # the printer's own threads are no daemons
                for text in said.splitlines():
                    self.order(text)
                    print(json.dumps(self.targets()), flush=True)
            elif ready:
                self.hear()


if __name__ == "__main__":
    bench = Bench(Path(sys.argv[1]), json.loads(sys.argv[2]) if len(sys.argv) > 2 else {})
    bench.power_up()
    bench.serve()
