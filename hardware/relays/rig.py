"""Relays in a process of their own, which keep their level when their owner dies, as a Pi's kernel does.

`python -m hardware.relays.rig SOCKET_PATH [--levels-file PATH]` serves datagrams on a Unix socket:
`on NAME`, `off NAME`, `weld NAME` (its contact stays closed), `stick NAME` (stays open), `repair NAME`.
It keeps `{"NAME": {"coil": bool, "contact": bool}}` in a JSON file, by default SOCKET_PATH with `.json`
added, which appears once the rig listens. It ends on SIGTERM or SIGINT. For tests and demos, not machines.
"""

import argparse
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from floor.errors import MachineFault

_AWAKE_S = 1.0
"""A signal that comes just before the process waits is heard when it wakes."""
_LONGEST_COMMAND = 512
_MOST_RELAYS = 256
_CONTACT_FAULTS = {"weld": True, "stick": False, "repair": None}


class RigRelay:
    """A relay of a running rig. Implements hardware.ports.Relay and, built to `keep`, Keeps."""

    def __init__(
        self, name: str, socket_path: Path, levels_file: Path | None = None, *, keep: bool = False
    ) -> None:
        self.name = name
        self._path = str(socket_path)
        self._levels_file = levels_file or levels_file_of(socket_path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._closed = False
        try:
            self._on = keep and self.feedback() is True
            if not self._on:
                self.off()
        except MachineFault:
            self._socket.close()
            raise

    @property
    def is_on(self) -> bool:
        """What was commanded last."""
        return self._on

    def on(self) -> None:
        """Command the contact closed."""
        assert not self._closed, f"relay {self.name} is closed"
        self._command(True)

    def off(self) -> None:
        """Command the contact open."""
        if not self._closed:
            self._command(False)

    def feedback(self) -> bool | None:
        """Return whether the contact is closed, as the rig wrote it last; None before its first command."""
        try:
            relay = json.loads(self._levels_file.read_bytes()).get(self.name)
        except (OSError, ValueError) as error:
            raise MachineFault(f"relay {self.name}: the rig's levels cannot be read: {error}") from error
        return None if relay is None else bool(relay["contact"])

    def close(self) -> None:
        """Switch off for good."""
        try:
            self.off()
        finally:
            self._closed = True
            self._socket.close()

    def leave(self) -> None:
        """Give the relay up as it is."""
        self._closed = True
        self._socket.close()

    def _command(self, on: bool) -> None:
        self._on = on
        try:
            self._socket.sendto(f"{'on' if on else 'off'} {self.name}".encode(), self._path)
        except OSError as error:
            raise MachineFault(
                f"relay {self.name}: the rig at {self._path} does not listen: {error}"
            ) from error


class Rig:
    """What the rig's process holds: coils, and contacts with their faults."""

    def __init__(self, levels_file: Path) -> None:
        self._levels_file = levels_file
        self._coils: dict[str, bool] = {}
        self._faults: dict[str, bool | None] = {}

    def obey(self, command: bytes) -> None:
        """Carry out one command and write the levels; ValueError when it is none."""
        if len(command) > _LONGEST_COMMAND:
            raise ValueError(f"a command has at most {_LONGEST_COMMAND} bytes")
        verb, _, name = command.decode("utf-8").partition(" ")
        if verb not in {"on", "off", *_CONTACT_FAULTS} or not name:
            raise ValueError(f"not a command: {verb!r}")
        if name not in self._coils and len(self._coils) >= _MOST_RELAYS:
            raise ValueError(f"a rig has at most {_MOST_RELAYS} relays")
        if verb in _CONTACT_FAULTS:
            self._coils.setdefault(name, False)
            self._faults[name] = _CONTACT_FAULTS[verb]
        else:
            self._coils[name] = verb == "on"
        self.write()

    def write(self) -> None:
        """Write the levels in one step: a reader sees the file before or after, never half of it."""
        levels = {}
        for name, coil in self._coils.items():
            fault = self._faults.get(name)
            levels[name] = {"coil": coil, "contact": coil if fault is None else fault}
        fresh = self._levels_file.with_name(self._levels_file.name + ".new")
        fresh.write_text(json.dumps(levels), encoding="utf-8")
        os.replace(fresh, self._levels_file)


def levels_file_of(socket_path: Path) -> Path:
    """Return where the rig on this socket keeps its levels unless told otherwise."""
    return socket_path.with_name(socket_path.name + ".json")


def serve(socket_path: Path, levels_file: Path) -> NoReturn:
    """Obey commands until SystemExit; OSError when the socket or the file cannot be made."""
    for stale in (socket_path, levels_file):
        stale.unlink(missing_ok=True)
    rig = Rig(levels_file)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as commands:
        commands.bind(str(socket_path))
        commands.settimeout(_AWAKE_S)
        try:
            rig.write()
            while True:
                try:
                    rig.obey(commands.recv(_LONGEST_COMMAND + 1))
                except TimeoutError:
                    continue
                except ValueError as error:
                    print(f"rig: {error}", file=sys.stderr, flush=True)
        finally:
            socket_path.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the rig in this process."""
    parser = argparse.ArgumentParser(prog="python -m hardware.relays.rig", description=__doc__)
    parser.add_argument("socket", type=Path, help="the Unix socket to listen on (at most 107 bytes)")
    parser.add_argument("--levels-file", type=Path, help="where to keep the levels (default: SOCKET.json)")
    given = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        serve(given.socket, given.levels_file or levels_file_of(given.socket))
    except OSError as error:
        parser.exit(1, f"rig: {given.socket}: {error}\n")


if __name__ == "__main__":
    main()
