"""What machines say: serial lines, frames, datagrams, files, and what follows them over several messages."""

from __future__ import annotations

import io
import itertools
import re
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile

from firmware_bridge import json_values
from firmware_bridge.bambu import parser as bambu
from firmware_bridge.bambu.sliced import read_sliced
from firmware_bridge.bambu.tracker import Tracker as BambuTracker
from firmware_bridge.discovery import dns
from firmware_bridge.discovery.announced import Announcements
from firmware_bridge.discovery.found import proposal
from firmware_bridge.discovery.network import found as network_found
from firmware_bridge.discovery.serial_talk import who
from firmware_bridge.events import MachineEvent, Noise
from firmware_bridge.grbl.gate import Gate as GrblGate
from firmware_bridge.grbl.gate import is_query, moves_nothing
from firmware_bridge.grbl.parser import GrblParser
from firmware_bridge.grbl.tracker import Tracker as GrblTracker
from firmware_bridge.mapping.mapping import (
    ActivityRule,
    JobRule,
    Mapping,
    OnlineRule,
    ReadingRule,
    load_mapping,
)
from firmware_bridge.mapping.tracker import MappedMachine
from firmware_bridge.mapping.values import Place, parse_path
from firmware_bridge.marlin import lines as marlin_lines
from firmware_bridge.marlin.gate import Gate as MarlinGate
from firmware_bridge.marlin.parser import MarlinParser
from firmware_bridge.marlin.tracker import Tracker as MarlinTracker
from firmware_bridge.moonraker import parser as moonraker
from firmware_bridge.moonraker.tracker import Tracker as MoonrakerTracker
from firmware_bridge.octoprint import parser as octoprint
from firmware_bridge.octoprint.tracker import Tracker as OctoprintTracker
from firmware_bridge.plugs.facts import Dialect
from firmware_bridge.plugs.tracker import Limits, PlugTracker
from firmware_bridge.prusalink import parser as prusalink
from firmware_bridge.prusalink.filament import GcodeReader, said_in_binary
from firmware_bridge.pzem import parser as pzem
from firmware_bridge.recordings.file import load as load_recording
from firmware_bridge.ruida import codec
from firmware_bridge.ruida import parser as ruida
from firmware_bridge.shelly.parser import Shelly
from firmware_bridge.tasmota.parser import Tasmota
from firmware_bridge.transports import Told
from firmware_bridge.zigbee2mqtt.parser import Zigbee2Mqtt
from floor.errors import ConfigError, PeerError
from floor.gcode import Filament, FilamentCounter
from floor.meter import Quantity
from floor.print_estimate import PrintReader
from floor.words import Activity, JobOutcome
from tests.fuzz import machine_seeds as seeds
from tests.fuzz.engine import Target
from tests.fuzz.ways import each, followed, lines, noted, outcome, pieces, stream, sums, text
from tests.kit.sliced_files import gcode_3mf

Receive = Callable[[bytes, float], list[MachineEvent]]
DOCS = Path(__file__).resolve().parents[2] / "docs"
RECORDED = Path(__file__).resolve().parents[1] / "recordings"


def _place(path: str) -> Place:
    return Place("t", parse_path(path) or ())


MAPPING = Mapping(
    name="m",
    firmware="",
    activity=ActivityRule(
        _place("state"), {"ON": Activity.BUSY, "OFF": Activity.IDLE}, words=_place("error")
    ),
    online=OnlineRule(_place("on"), frozenset({"true"}), frozenset({"false"})),
    job=JobRule(
        _place("id"),
        _place("update.state"),
        _place("src"),
        _place("power"),
        left_s=_place("energy"),
        outcome=_place("method"),
        outcomes={"ON": JobOutcome.DONE},
    ),
    readings=(ReadingRule(Quantity.ENERGY_MWH, _place("energy"), Decimal(1000), 3_680_000.0),),
)


def _octoprint() -> Receive:
    tracker = OctoprintTracker()
    return lambda line, _: [
        event for fact in octoprint.parse_frame(text(line)) for event in tracker.receive(fact)
    ]


def _moonraker() -> Receive:
    tracker = MoonrakerTracker(Filament())

    def receive(line: bytes, _: float) -> list[MachineEvent]:
        fact = moonraker.parse_frame(text(line))
        if isinstance(fact, moonraker.Replied):
            moonraker.parse_printer(fact.result)
            moonraker.parse_version(fact.result)
            rows = moonraker.parse_rows(fact.result)
            tracker.remember(rows)
            return [event for row in rows for event in tracker.receive(row)]
        return tracker.receive(fact)

    return receive


def _bambu() -> Receive:
    tracker = BambuTracker("r")
    tracker.connected()

    def receive(line: bytes, at_s: float) -> list[MachineEvent]:
        events: list[MachineEvent] = []
        for fact in bambu.parse(line):
            if isinstance(fact, bambu.Status):
                events += tracker.receive(fact, at_s)
            elif isinstance(fact, bambu.Sent):
                tracker.sent(fact)
        return events + tracker.tick(at_s)

    return receive


def _grbl() -> Receive:
    ids, parser = itertools.count(), GrblParser()
    tracker, gate = GrblTracker(lambda: str(next(ids))), GrblGate()

    def receive(line: bytes, at_s: float) -> list[MachineEvent]:
        events: list[MachineEvent] = []
        gate.from_sender(line + b"\n", at_s)
        for heard in parser.receive_data(line + b"\n"):
            gate.from_machine(heard)
            events += tracker.receive(heard.fact, at_s)
        return events

    return receive


def _marlin() -> Receive:
    ids, parser = itertools.count(), MarlinParser()
    tracker, gate = MarlinTracker(lambda: str(next(ids))), MarlinGate()

    def receive(line: bytes, at_s: float) -> list[MachineEvent]:
        events: list[MachineEvent] = []
        gate.from_host(line + b"\n", at_s)
        if (sent := marlin_lines.read_line(line)) is not None:
            events += tracker.passed(sent, at_s) + tracker.done(sent, at_s)
        for heard in parser.receive_data(line + b"\n"):
            gate.from_machine(heard, at_s)
            events += tracker.receive(heard.fact, at_s)
        return events + tracker.tick(at_s, gate.waiting)

    return receive


def _plug(new: Callable[[], Dialect]) -> Callable[[], Receive]:
    def begin() -> Receive:
        dialect, tracker = new(), PlugTracker(Limits(20, 10, 5, 3680, 30))

        def receive(line: bytes, at_s: float) -> list[MachineEvent]:
            topic = dialect.topics[len(line) % len(dialect.topics)]
            facts = dialect.parse(Told(topic, line, len(line) % 5 == 0))
            return [event for fact in facts for event in tracker.receive(fact, at_s)] + tracker.tick(at_s)

        return receive

    return begin


def _mapped() -> Receive:
    machine = MappedMachine(MAPPING, 30, "t")
    machine.connected(0)
    return lambda line, at_s: machine.receive({"t": line}, at_s) + machine.tick(at_s)


def _prusalink(data: bytes) -> None:
    prusalink.parse_version(data)
    assert len(prusalink.parse_info(data)) <= 300
    prusalink.parse_status(data)
    prusalink.parse_job(data)
    prusalink.parse_storage(data)
    assert len(prusalink.parse_error(data)) <= 400


def _announced(data: bytes) -> None:
    heard = Announcements("us")
    for line in lines(data):
        topic, _, body = line.partition(b" ")
        assert len(heard.receive(Told(text(topic), body))) <= 1
    found = heard.found({"broker": "mqtt://b"})
    assert len(tomllib.loads(proposal(found)).get("stations", [])) == len(
        [one for one in found if one.driver]
    )


def _dns(data: bytes) -> None:
    records = dns.parse(data)
    assert len(records) <= dns.MAX_RECORDS
    proposal(network_found(dns.services(records, ["_http._tcp.local"])))
    dns.unplaced(records)


def _ruida(data: bytes) -> None:
    for magic in (codec.MAGIC, 0x11):
        ruida.parse_answer(data, magic)
        codec.unpacked(data, magic)
    assert b"".join(codec.commands(data)) == data
    ruida.asked_for(data), ruida.answers_more(data), ruida.begins_file(data)


def _estimate(data: bytes) -> None:
    whole, cut = PrintReader(), PrintReader()
    assert outcome(lambda: _read(whole, [data])) == outcome(lambda: _read(cut, pieces(data)))


def _read(reader: PrintReader, some: list[bytes]) -> object:
    for piece in some:
        reader.receive_data(piece)
    return reader.close()


def _json_values(data: bytes) -> None:
    value = json_values.load(data)
    json_values.table(value)
    assert len(json_values.words(value)) <= json_values.MAX_WORDS
    json_values.number(value)
    Place("t", ("a", 0)).find(data)
    parse_path(text(data))


def _recording(data: bytes) -> None:
    with NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        load_recording(Path(file.name))


def _mapping(data: bytes) -> None:
    with NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        for key in ("topic", "url"):
            noted(lambda key=key: load_mapping(file.name, key), ConfigError)  # type: ignore[misc]


def machine(
    name: str,
    run: Callable[[bytes], object],
    seeds: tuple[bytes, ...],
    *covers: str,
    allowed: tuple[type[Exception], ...] = (),
    group: str = "machines",
) -> Target:
    return Target(name, group, run, seeds, allowed, tuple(f"firmware_bridge.{one}" for one in covers))


RECORDINGS = tuple(
    path.read_bytes()[:9_000].rpartition(b"\n")[0] for path in sorted(RECORDED.glob("*.jsonl"))
)
MAPPINGS = tuple(
    block.encode()
    for block in re.findall(r"```toml\n(.*?)```", (DOCS / "drivers/mapping.md").read_text(), re.DOTALL)
)
TARGETS = [
    machine("grbl lines", stream(GrblParser), seeds.GRBL, "grbl.parser"),
    machine("grbl followed", followed(_grbl), seeds.GRBL + seeds.GCODE, "grbl.gate", "grbl.tracker"),
    machine("grbl lines of a sender", each(is_query, moves_nothing, given=text), seeds.GCODE, "grbl.gate"),
    machine("marlin lines", stream(MarlinParser), seeds.MARLIN, "marlin.parser"),
    machine("marlin followed", followed(_marlin), seeds.MARLIN + seeds.GCODE, "marlin.gate", "marlin.lines"),
    machine("octoprint", followed(_octoprint), seeds.OCTOPRINT, "octoprint.parser"),
    machine(
        "octoprint rest",
        each(octoprint.parse_login, octoprint.parse_flags, octoprint.parse_prints, octoprint.parse_error),
        (*seeds.OCTOPRINT, b'{"name":"a","session":"b"}'),
        "octoprint.parser",
    ),
    machine("moonraker", followed(_moonraker), seeds.MOONRAKER, "moonraker.parser"),
    machine(
        "moonraker rest",
        each(moonraker.parse_body, moonraker.parse_error),
        seeds.MOONRAKER,
        "moonraker.parser",
    ),
    machine("bambu", followed(_bambu), seeds.BAMBU, "bambu.parser"),
    machine(
        "bambu 3mf",
        lambda data: read_sliced(io.BytesIO(data), 1, None),
        (gcode_3mf(),),
        "bambu.sliced",
        allowed=(PeerError,),
        group="files",
    ),
    machine("prusalink", _prusalink, seeds.PRUSALINK, "prusalink.parser"),
    machine(
        "prusalink binary g-code", said_in_binary, (seeds.BINARY_GCODE,), "prusalink.filament", group="files"
    ),
    machine(
        "prusalink g-code",
        sums(lambda: GcodeReader(Filament())),
        seeds.GCODE,
        "prusalink.filament",
        group="files",
    ),
    machine("shelly", followed(_plug(lambda: Shelly("p", 0, "s"))), seeds.PLUGS, "shelly.parser"),
    machine("tasmota", followed(_plug(lambda: Tasmota("p", 1))), seeds.PLUGS, "tasmota.parser"),
    machine(
        "zigbee2mqtt", followed(_plug(lambda: Zigbee2Mqtt("z", "p", ""))), seeds.PLUGS, "zigbee2mqtt.parser"
    ),
    machine("mapped machines", followed(_mapped), seeds.PLUGS, "mapping.tracker"),
    machine("mapping files", _mapping, MAPPINGS, "mapping.mapping", group="files"),
    machine("json of machines", _json_values, seeds.PLUGS + seeds.BAMBU, "json_values", "mapping.values"),
    machine("pzem", stream(lambda: pzem.Replies(1), "feed", (Noise,)), (seeds.PZEM,), "pzem.parser"),
    machine("ruida answers", _ruida, (seeds.RUIDA, codec.packet(seeds.RUIDA, codec.MAGIC)), "ruida.parser"),
    machine("ruida files", stream(ruida.FileReader, "receive"), (seeds.RUIDA,), "ruida.parser"),
    machine("announcements", _announced, seeds.ANNOUNCED, "discovery.announced"),
    machine("mdns packets", _dns, seeds.DNS, "discovery.dns", "discovery.network"),
    machine("serial ports", who, seeds.GRBL + seeds.MARLIN, "discovery.serial_talk"),
    machine("recordings", _recording, RECORDINGS, "recordings.file", allowed=(ConfigError,), group="files"),
    Target(
        "g-code filament",
        "files",
        sums(lambda: FilamentCounter(Filament())),
        seeds.GCODE,
        (),
        ("floor.gcode",),
    ),
    Target("g-code estimate", "files", _estimate, seeds.GCODE, (), ("floor.print_estimate",)),
]
