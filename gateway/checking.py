"""`makerfloor-gateway check`: what is wired is looked at, and what is missing is said by name.

What is wired and missing counts (status 1). What comes by itself later, and without which the gateway runs on
(broker, roster, time), is told and does not count; a broker that refuses does.
"""

from __future__ import annotations

import getpass
import grp
import os
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from firmware_bridge.driver import TakesFiles
from floor.errors import ConfigError, MachineFault
from floor.wire.brokers import Address
from floor.words import InputRole
from gateway import boxes, card, devices
from gateway.click import Click, refuse_unclickable
from gateway.clock import SystemClock
from gateway.config import GatewayConfig, StationConfig
from gateway.roster import RosterStore
from gateway.wiring import Devices
from hardware.broker import BrokerAddress, mqtt_client
from hardware.ports import Input, Keeps, Proves

BROKER_S = 5.0
LET_IN = "it lets this gateway in"
REFUSED = ". Is the password the enrolment's? Was the broker told of it (makerfloor broker files)?"
PROVE_S = 5.0
INPUT_STATES = {
    InputRole.EMERGENCY_STOP: ("released", "pressed"),
    InputRole.INTERLOCK: ("closed", "open"),
    InputRole.DOOR: ("closed", "open"),
    InputRole.END: ("not pressed", "pressed"),
    InputRole.OOPS: ("not pressed", "pressed"),
    InputRole.HAND_OVER: ("not pressed", "pressed"),
    InputRole.SIGN_OFF: ("not pressed", "pressed"),
    InputRole.EXTRACTION: ("not proven", "proven to run"),
    InputRole.CHILLER: ("not proven", "proven to run"),
    InputRole.CLOSING: ("the building is open", "the building closes"),
    InputRole.FIRE_ALARM: ("quiet", "alarm"),
}
"""What `check` calls an input that is inactive, and one that is active."""


class Report:
    """Prints what was found, a line each; `missing` counts what must be mended, `wrong` wrong settings."""

    def __init__(self, say: Callable[[str], None] = print) -> None:
        self._say = say
        self.missing = 0
        self.wrong = 0

    def fine(self, words: str) -> None:
        """Something is as it should be."""
        self._say(f"ok       {words}")

    def later(self, words: str) -> None:
        """Something is not there, and the gateway runs without it."""
        self._say(f"not yet  {words}")

    def lacks(self, words: str) -> None:
        """Something must be mended."""
        self.missing += 1
        self._say(f"MISSING  {words}")

    def sum_up(self) -> None:
        """Say how it stands."""
        count = self.missing + self.wrong
        self._say(f"{count} to mend" if count else "nothing that is wired is missing")

    def fault(self, error: ConfigError) -> None:
        """A device cannot be built as the settings say."""
        self.wrong += 1
        print(f"makerfloor-gateway: {error}", file=sys.stderr)


def check(config: GatewayConfig, report: Report, click: Click | None) -> None:
    """Look at everything, and click the relays that `click` names. The caller holds the gateway's lock."""
    if click:
        refuse_unclickable(config, click)
    card.report(config.data, report.fine, report.lacks)
    _clock(report)
    roster = _roster(config, report)
    _broker(config, report)
    kept = boxes.may_keep(config)
    for name in sorted({one.machine for one in config.stations if one.keeps} - kept):
        say = report.lacks if roster.version else report.later
        say(f'{name}: on_process_loss = "keep" is refused: hazardous, or unknown to the roster on disk')
    if config.server.url:
        report.fine(f"queued prints are fetched from {config.server.url}")
    shared = devices.shared_inputs(config)
    for one in shared:
        _input("all stations", one, report)
    for station in config.stations:
        try:
            built = devices.build(config, station, shared, keep=station.machine in kept)
        except ConfigError as error:
            report.fault(error)
            continue
        with ExitStack() as stack:
            switched = [relay for relay in (built.relay, built.extraction) if relay]
            if built.keeps and isinstance(built.relay, Keeps):
                switched.remove(built.relay)
                stack.callback(built.relay.leave)
                report.fine(f'{station.machine}: its relay is left as it is (on_process_loss = "keep")')
            stack.callback(devices.switch_off, switched)
            _station(config, station, built, report)
            if roster.version and station.machine not in roster.machines:
                report.later(
                    f"{station.machine}: the roster does not know this machine; see its id on the server"
                )
            if click:
                click.station(station.machine, built, report.fine, report.lacks)


def _station(config: GatewayConfig, station: StationConfig, built: Devices, report: Report) -> None:
    machine = station.machine
    switched = [relay for relay in (built.relay, built.extraction) if relay]
    names = [part.name for part in (built.reader, *switched, built.panel, built.driver) if part]
    report.fine(f"{machine}: {', '.join(names)}: can be built")
    if port := station.reader.get("port"):
        _port(machine, str(port), report)
    if isinstance(built.panel, Proves):
        _prove(machine, built.panel, report)
    if built.node and not built.node.fail_safe:
        report.later(f"{machine}: the box {built.node.name} {boxes.UNFIT}")
        if machine in boxes.hazardous(config):
            report.lacks("refused: a machine above is hazardous by the roster; give it a relay on a wire")
    for one in built.inputs:
        if not one.role.shared:  # told already
            _input(machine, one, report)
    if isinstance(built.driver, TakesFiles) and not config.server.url:
        report.later(f"{machine}: no [server] url is written, so no queued print can be fetched")


def _input(machine: str, one: Input, report: Report) -> None:
    try:
        state = INPUT_STATES[one.role][one.read()]
    except MachineFault as error:
        report.lacks(f"{machine}: {error}")
        return
    report.fine(f"{machine}: input {one.name} ({one.role}): {state}")


def _port(machine: str, port: str, report: Report) -> None:
    """Whether a reader's device is there and may be opened; it is not opened, which restarts some boards."""
    if problem := unusable(Path(port)):
        report.lacks(f"{machine}: reader: {problem}")
    else:
        report.fine(f"{machine}: reader: {port} is there, and may be opened")


def unusable(path: Path) -> str:
    """Return why a device file cannot be used, with what to do, "" where it can."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return f"there is no {path}: is it plugged in, and its port enabled?"
    except OSError as error:
        return f"{path}: {error.strerror}"
    if os.access(path, os.R_OK | os.W_OK):
        return ""
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    user = getpass.getuser()
    return f"{user} may not open {path}: sudo usermod -aG {group} {user}, and the group in the service's unit"


def _prove(machine: str, device: Proves, report: Report) -> None:
    """Ask a device, which may hang, within a deadline."""
    found: list[str] = []

    def ask() -> None:
        try:
            device.prove()
            found.append("")
        except MachineFault as error:
            found.append(str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PROVE_S)
    problem = found[0] if found else f"the display does not answer within {PROVE_S:.0f} s"
    if problem:
        report.lacks(f"{machine}: {problem}")
    else:
        report.fine(f"{machine}: the display answers")


def _clock(report: Report) -> None:
    clock = SystemClock()
    error_ms = clock.error_ms()
    if error_ms is None:
        report.later("clock: nothing keeps it yet (timedatectl); sessions are undated until something does")
    else:
        report.fine(f"clock: kept, at most {error_ms} ms wrong")


def _roster(config: GatewayConfig, report: Report) -> RosterStore:
    path, clock = config.data / "roster.jsonl", SystemClock()
    roster = RosterStore(path, config.name, config.badge_key, config.server_key, clock)
    problem = roster.load()
    if problem:
        report.later(f"roster: {problem}; until it comes every tap is refused")
    else:
        machines, hours = len(roster.machines), roster.age_s() // 3600
        report.fine(f"roster: {machines} machines, {hours} h old")
    return roster


def _broker(config: GatewayConfig, report: Report) -> None:
    for node in config.broker.nodes:
        _node(config, node, report)


def _node(config: GatewayConfig, node: Address, report: Report) -> None:
    broker, (host, port) = config.broker, node
    where = f"broker {host}:{port}"
    try:
        security = ssl.create_default_context(cafile=broker.ca) if broker.ca else None
        answer = greet(BrokerAddress(host, port, config.name, broker.password, security))
    except ssl.SSLError as error:
        report.lacks(f"{where}: no TLS with it: {error.reason or error}")
    except OSError as error:
        report.later(f"{where}: {error.strerror or error}; taps go on without it")
    else:
        (report.lacks if answer else report.fine)(f"{where}: {answer + REFUSED if answer else LET_IN}")


def greet(address: BrokerAddress) -> str:
    """Sign in at a broker and leave again; returns why it refuses, "" where it does not. Raises OSError."""
    client = mqtt_client(address)
    answers: list[str] = []
    client.on_connect = lambda _c, _d, _f, reason, _p: answers.append(
        str(reason) if reason.is_failure else ""
    )
    client.connect(address.host, address.port, keepalive=10)
    client.loop_start()
    try:
        deadline = time.monotonic() + BROKER_S
        while not answers:
            if time.monotonic() > deadline:
                raise TimeoutError(None, f"it does not answer within {BROKER_S:.0f} s")
            time.sleep(0.01)
    finally:
        client.disconnect()
        client.loop_stop()
    return f"it refuses this gateway: {answers[0]}" if answers[0] else ""
