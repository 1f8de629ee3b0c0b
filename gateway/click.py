"""Clicking a relay: a machine gets its power for a second, so that a person hears it and feedback is proven.

It is refused wherever a tap would be unsafe: a session is open in the journal, the machine is out of order, a
safety contact is not proven to be well, or the relay's contact is closed before it should be.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from floor.errors import ConfigError, MachineError
from gateway.config import GatewayConfig
from gateway.journal_store import JournalStore
from gateway.wiring import Devices
from hardware.ports import Relay

ON_S = 1.0
MOVES_S = 5.0
WELDED = "welded, or `feedback_active` is wrong"
Say = Callable[[str], None]


def ask_person(question: str) -> bool:
    """Ask on the terminal; whoever is not there says no."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


@dataclass(frozen=True, slots=True)
class Click:
    """The machines whose relays are to be clicked, and who is asked; `ask` None: nobody (`--yes`)."""

    machines: Sequence[str]
    ask: Callable[[str], bool] | None = ask_person

    def station(self, machine: str, built: Devices, fine: Say, lacks: Say) -> None:
        """Click a station's relays, where it is named."""
        if machine not in self.machines:
            return
        if built.node:
            lacks(f"{machine}: a box in the field is not clicked from here; tap at it")
            return
        if unsafe := _unsafe(built):
            lacks(f"{machine}: not clicked: {unsafe}")
            return
        if self.ask and not self.ask(
            f"{machine} gets power for a second. May it start, and is nobody near it?"
        ):
            lacks(f"{machine}: not clicked: nobody said yes")
            return
        for what, relay in (("relay", built.relay), ("extraction", built.extraction)):
            if relay:
                self._relay(f"{machine}: {what} {relay.name}", relay, fine, lacks)

    def _relay(self, what: str, relay: Relay, fine: Say, lacks: Say) -> None:
        try:
            problem = _on_and_off(relay)
            read_back = relay.feedback() is not None
        except MachineError as error:
            problem, read_back = str(error), False
        if problem:
            lacks(f"{what}: {problem}")
        elif self.ask and not self.ask(f"{what}: did it click twice, on and off?"):
            lacks(f"{what}: nobody heard it click; see the wire, the supply of the board, and `active`")
        else:
            how = "feedback followed both ways" if read_back else "there is no feedback to prove it"
            heard = "it was heard" if self.ask else "nobody was asked"
            fine(f"{what}: clicked; {how}, {heard}")


def _unsafe(built: Devices) -> str:
    for one in built.inputs:
        if one.role.safety:
            try:
                if one.read():
                    return f"{one.name} is active"
            except MachineError as error:
                return str(error)
    try:
        closed = built.relay.feedback()
    except MachineError as error:
        return str(error)
    return (
        "the contact is closed although the relay is off: welded, or `feedback_active` is wrong"
        if closed
        else ""
    )


def _on_and_off(relay: Relay) -> str:
    """Close, look, open, look; returns what did not happen. The relay is off afterwards, whatever happens."""
    try:
        relay.on()
        begun = time.monotonic()
        closed = _moved(relay, True)
        time.sleep(max(0.0, begun + ON_S - time.monotonic()))
    finally:
        relay.off()
    if not _moved(relay, False):
        return f"the contact did not open again: {WELDED}"
    return "" if closed else "the contact did not close: see the coil, its supply, the feedback's wire"


def _moved(relay: Relay, closed: bool) -> bool:
    """Wait until feedback says so; where there is none, it is believed."""
    deadline = time.monotonic() + MOVES_S
    while time.monotonic() < deadline:
        if (relay.feedback() or False) is closed:
            return True
        if relay.feedback() is None and time.monotonic() > deadline - MOVES_S + ON_S / 2:
            return True
        time.sleep(0.02)
    return False


def refuse_unclickable(config: GatewayConfig, click: Click) -> None:
    """Raise ConfigError for a machine that is no station, that is in a session, or that is out of order."""
    known = [station.machine for station in config.stations]
    for machine in click.machines:
        if machine not in known:
            raise ConfigError(
                config.file, "stations", f"{machine} is none", f"Use one of: {', '.join(known)}."
            )
    busy, locked = _journal(config)
    for machine in click.machines:
        if machine in busy:
            remedy = "Start the gateway once, which ends it, and stop it again."
            raise ConfigError(config.file, machine, "the journal has a session that is open there", remedy)
        if machine in locked:
            raise ConfigError(
                config.file, machine, f"it is out of order: {locked[machine]}", "Clear it first."
            )


def _journal(config: GatewayConfig) -> tuple[set[str], dict[str, str]]:
    """Return the machines with an open session, and those that are out of order, by the journal."""
    path = config.data / "journal.db"
    if not path.exists():
        return set(), {}
    try:
        store = JournalStore(path)
        try:
            at = store.position()
            records = store.sessions(at.epoch, at.acknowledged)
            busy = {record.started.machine for record in records if record.ended is None}
            return busy, store.lockouts()
        finally:
            store.close()
    except sqlite3.Error as error:
        problem = f"the journal cannot be read: {error}"
        raise ConfigError(str(path), "", problem, "Run this as the gateway's own user.") from error
