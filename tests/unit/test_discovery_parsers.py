"""DNS, announcements and answers on ports become machines, and machines a configuration."""

from __future__ import annotations

import json
import struct
import tomllib

import pytest

from firmware_bridge.discovery import dns, network
from firmware_bridge.discovery.announced import Announcements
from firmware_bridge.discovery.dns import Service
from firmware_bridge.discovery.found import Found, Sure, proposal
from firmware_bridge.discovery.serial_talk import who
from firmware_bridge.transports import Told

BROKER = {"broker": "mqtt://10.0.0.1"}


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, 120, len(data)) + data


def answer(*records: bytes, questions: int = 0) -> bytes:
    return struct.pack("!6H", 0, 0x8400, questions, len(records), 0, 0) + b"".join(records)


def test_records_are_read_and_joined() -> None:
    # the names in PTR and SRV point back: RFC 1035, 4.1.4
    kind = name("_octoprint._tcp.local")
    to_kind = struct.pack("!H", 0xC000 | 12)
    instance = bytes([8]) + b"workshop" + to_kind
    packet = answer(
        record(kind, dns.PTR, instance),
        record(instance, dns.SRV, struct.pack("!3H", 0, 0, 5000) + name("octopi.local")),
        record(instance, dns.TXT, b"\x06path=/\x0eversion=1.11.8\x01x\x00"),
        record(name("octopi.local"), dns.A, bytes([10, 0, 0, 9])),
        record(name("OCTOPI.local"), dns.AAAA, bytes(15) + b"\1"),
        record(name("octopi.local"), 47, b"nsec"),
    )
    [found] = dns.services(dns.parse(packet), ["_octoprint._tcp"])
    assert found == Service(
        "workshop",
        "_octoprint._tcp",
        "octopi.local",
        5000,
        ("10.0.0.9", "::1"),
        {"path": "/", "version": "1.11.8", "x": ""},
    )
    assert dns.unplaced(dns.parse(packet)) == []


@pytest.mark.parametrize(
    "owner",
    [
        struct.pack("!H", 0xC000 | 12),  # points to itself
        struct.pack("!H", 0xC000 | 500),  # points out of the packet
        struct.pack("!H", 0xC000 | 2),  # points into the header
        b"\x01a" + struct.pack("!H", 0xC000 | 12),  # a loop that would grow for ever
        b"\x80ab\0",  # a kind of label that there is not
        b"\x3f" + b"a" * 20,  # longer than the packet
        b"\x3f" + b"a" * 63 + (b"\x3f" + b"a" * 63) * 4 + b"\0",  # longer than a name may be
    ],
)
def test_names_that_loop_or_lie_are_refused(owner: bytes) -> None:
    assert dns.parse(answer(record(owner, dns.A, bytes(4)))) == []


def test_what_is_no_answer_gives_nothing() -> None:
    assert dns.parse(dns.query([(("_http", "_tcp", "local"), dns.PTR)])) == []
    assert dns.parse(b"") == dns.parse(bytes(9001)) == []
    lying = struct.pack("!6H", 0, 0x8400, 0, 65535, 0, 0)
    assert dns.parse(lying) == []


def service(instance: str, kind: str, port: int = 80, **text: str) -> Service:
    return Service(instance, kind, f"{instance.lower()}.local", port, ("10.0.0.9",), text)


@pytest.mark.parametrize(
    ("services", "kind", "key", "value", "sure"),
    [
        (
            [service("Fab", "_octoprint._tcp", 5000, path="/op/")],
            "octoprint",
            "url",
            "http://10.0.0.9:5000/op",
            Sure.CERTAIN,
        ),
        ([service("MK4", "_prusalink._tcp")], "prusalink", "url", "http://10.0.0.9:80", Sure.CERTAIN),
        (
            [service("Voron", "_moonraker._tcp", 7125)],
            "moonraker",
            "url",
            "http://10.0.0.9:7125",
            Sure.CERTAIN,
        ),
        (
            [service("ShellyPlugSG3-A1", "_shelly._tcp", gen="3")],
            "shelly",
            "prefix",
            "shellyplugsg3-a1",
            Sure.LIKELY,
        ),
        ([service("fluidnc", "_http._tcp")], "grbl", "url", "tcp://10.0.0.9:23", Sure.GUESS),
        (
            [service("fluidnc", "_http._tcp"), service("fluidnc", "_telnet._tcp", 2323)],
            "grbl",
            "url",
            "tcp://10.0.0.9:2323",
            Sure.LIKELY,
        ),
    ],
)
def test_services_are_machines(services: list[Service], kind: str, key: str, value: str, sure: Sure) -> None:
    [found] = network.found(services)
    assert found.driver
    assert (found.driver["kind"], found.driver[key], found.sure) == (kind, value, sure)


def test_others_are_no_machines() -> None:
    assert network.found([service("nas", "_http._tcp"), service("x", "_telnet._tcp")]) == []
    assert network.found([service("shelly1", "_shelly._tcp", gen="1")])[0].driver is None
    assert network.found([service("esp3d", "_http._tcp")])[0].driver is None


def tell(told: Announcements, topic: str, body: object, retained: bool = True) -> list[tuple[str, str]]:
    payload = body if isinstance(body, str) else json.dumps(body)
    return told.receive(Told(topic, payload.encode(), retained))


def test_a_shelly_is_asked_once_and_named_by_its_answer() -> None:
    told = Announcements("me")
    [(topic, question)] = tell(told, "plug-7/online", "true")
    assert (topic, json.loads(question)["method"]) == ("plug-7/rpc", "Shelly.GetDeviceInfo")
    assert tell(told, "plug-7/online", "true") == tell(told, "esp/online", "maybe") == []
    assert told.found(BROKER)[0].sure is Sure.GUESS
    tell(told, "me/rpc", {"src": "plug-7", "result": {"app": "PlugSG3", "name": "Laser"}}, retained=False)
    [found] = told.found(BROKER)
    assert (found.what, found.sure) == ("Shelly PlugSG3 “Laser”", Sure.CERTAIN)
    assert found.driver == found.relay == {"kind": "shelly", **BROKER, "prefix": "plug-7"}


def test_a_shelly_of_the_first_generation_is_told_but_not_proposed() -> None:
    told = Announcements("me")
    tell(told, "shellies/announce", {"id": "shelly1pm-84CCA8", "model": "SHSW-PM", "mac": "84CCA8"})
    [found] = told.found(BROKER)
    assert (found.what, found.driver) == ("Shelly SHSW-PM “shelly1pm-84CCA8”", None)
    assert proposal([found]) == ""


def test_a_tasmota_is_proposed_for_each_relay() -> None:
    told = Announcements("me")
    config = {
        "t": "saw",
        "dn": "Saw",
        "md": "Nous A1T",
        "ft": "%prefix%/%topic%/",
        "tp": ["cmnd", "stat", "tele"],
        "rl": [1, 0, 1],
    }
    tell(told, "tasmota/discovery/A1B2/config", config)
    assert "no energy meter" in told.found(BROKER)[0].notes[0]
    tell(told, "tasmota/discovery/A1B2/sensors", {"sn": {"ENERGY": {"Power": 1}}, "ver": 1})
    first, second = told.found(BROKER)
    assert (first.sure, first.notes) == (Sure.CERTAIN, ())
    assert (first.driver or {})["relay"], (second.driver or {})["relay"] == (1, 3)
    tell(told, "tasmota/discovery/A1B2/config", config | {"ft": "home/%topic%/%prefix%/"})
    assert "full topic" in told.found(BROKER)[0].notes[0]


def test_a_zigbee_plug_measures_and_does_not_switch() -> None:
    told = Announcements("me")
    exposes = [{"type": "switch"}, {"name": "power"}, {"name": "energy"}]
    plug = {
        "friendly_name": "kiln plug",
        "definition": {"vendor": "Nous", "model": "A1Z", "exposes": exposes},
    }
    lamp = {"friendly_name": "lamp", "definition": {"exposes": [{"name": "brightness"}]}}
    tell(told, "z2m/bridge/devices", [plug, lamp, {"friendly_name": "Coordinator", "definition": None}])
    [found] = told.found(BROKER)
    assert found.driver == {"kind": "zigbee2mqtt", **BROKER, "device": "kiln plug", "base": "z2m"}
    assert found.relay is None


@pytest.mark.parametrize(
    ("data", "kind", "sure"),
    [
        (b"\r\nGrbl 1.1h ['$' for help]\r\n", "grbl", True),
        (b"[VER:1.1h.20190830:]\r\n[OPT:V,15,128]\r\nok\r\n", "grbl", True),
        (b"Grbl 3.7 [FluidNC v3.7.8 (wifi) '$' for help]\r\n", "grbl", True),
        (b"error:8\r\n", "grbl", False),
        (b"start\necho:Marlin 2.1\n", "marlin", False),
        (b"FIRMWARE_NAME:Marlin 2.1.2 (Aug) SOURCE_CODE_URL:x PROTOCOL_VERSION:1.0\nok\n", "marlin", True),
        (b'echo:Unknown command: "$I"\nok\n', "marlin", False),
    ],
)
def test_who_answers_on_a_port(data: bytes, kind: str, sure: bool) -> None:
    talk = who(data)
    assert talk
    assert (talk.kind, talk.sure) == (kind, sure)


@pytest.mark.parametrize("data", [b"", b"\x0262E3086CED08\x03", b"login: ", b"\xff\x00\xf0" * 9])
def test_others_are_unknown(data: bytes) -> None:
    assert who(data) is None


def test_a_hostile_name_is_only_a_name() -> None:
    evil = 'x"]\n[broker]\nhost = "evil" \x7f\u2028 # “'
    driver = {"kind": "shelly", **BROKER, "prefix": evil}
    found = Found(evil, evil, "MQTT", Sure.GUESS, evil, driver, driver, notes=(evil, "two\nlines"))
    table = tomllib.loads(proposal([found, found]))
    assert set(table) == {"stations"}
    assert [station["machine"] for station in table["stations"]] == [
        "x-broker-host-evil",
        "x-broker-host-evil-2",
    ]
