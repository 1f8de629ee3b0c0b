"""Whatever the network, a broker or a port says: an answer of ours, within bounds, and never an error."""

from __future__ import annotations

import json
import struct
import tomllib

from hypothesis import example, given
from hypothesis import strategies as st

from firmware_bridge.discovery import dns, network
from firmware_bridge.discovery.announced import MAX_DEVICES, TOPICS, Announcements
from firmware_bridge.discovery.found import proposal
from firmware_bridge.discovery.serial_talk import who
from firmware_bridge.transports import Told

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=3), one, max_size=3),
    max_leaves=6,
)
HEADERS = st.builds(
    lambda counts: struct.pack("!6H", 0, 0x8400, *counts), st.tuples(*[st.integers(0, 5)] * 4)
)
PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"\x04_tcp\x05local\0", b"\xc0\x0c", b"\xc0\x0d", b"\0\x0c\0\x01\0\0\0\x78\0\x04", b"\0\x21\0\x01"]
    ),
)


@given(HEADERS, st.lists(PIECES, max_size=12))
@example(b"", [])
def test_any_packet_gives_records_within_bounds(header: bytes, pieces: list[bytes]) -> None:
    records = dns.parse(header + b"".join(pieces))
    assert len(records) <= dns.MAX_RECORDS
    assert all(sum(len(label) for label in record.name) <= dns.MAX_NAME for record in records)
    assert len(network.found(dns.services(records, ["_tcp.local"]))) <= dns.MAX_SERVICES


@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=15), min_size=1, max_size=5
    )
)
def test_a_question_is_well_formed(labels: list[str]) -> None:
    packet = dns.query([(tuple(labels), dns.PTR)])
    as_answer = packet[:2] + b"\x84\0" + packet[4:] + b""
    assert dns.parse(as_answer) == []  # its one question is passed over, and nothing is left
    assert packet.endswith(struct.pack("!HH", dns.PTR, dns.IN))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "t",
                    "dn",
                    "rl",
                    "ft",
                    "tp",
                    "sn",
                    "ENERGY",
                    "friendly_name",
                    "definition",
                    "exposes",
                    "name",
                    "src",
                    "result",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*(topic.replace("+", "p") for topic in TOPICS), "me/rpc", "p", ""]),
            st.one_of(st.binary(max_size=30), JSON.map(lambda value: json.dumps(value).encode())),
        ),
        max_size=12,
    )
)
def test_any_messages_give_stations_that_are_toml(messages: list[tuple[str, bytes]]) -> None:
    told = Announcements("me")
    for topic, payload in messages:
        assert len(told.receive(Told(topic, payload))) <= 1
    found = told.found({"broker": "mqtt://b"})
    stations = tomllib.loads(proposal(found)).get("stations", [])
    assert len(stations) == len([one for one in found if one.driver])


def test_devices_are_bounded() -> None:
    told = Announcements("me")
    for number in range(2 * MAX_DEVICES):
        told.receive(Told(f"plug{number}/online", b"true"))
    assert len(told.found({"broker": "mqtt://b"})) == MAX_DEVICES


@given(st.binary(max_size=300))
def test_any_bytes_on_a_port(data: bytes) -> None:
    talk = who(data)
    assert talk is None or (talk.kind in ("grbl", "marlin") and len(talk.words) <= 300)


@given(
    st.dictionaries(st.sampled_from(["t", "dn", "md", "ft", "tp", "rl"]), JSON),
    st.dictionaries(st.sampled_from(["sn", "ver"]), JSON),
    st.dictionaries(st.sampled_from(["friendly_name", "definition"]), JSON),
)
@example({"t": "plug", "tp": 5}, {}, {})
def test_what_a_plug_says_of_itself_may_be_of_any_shape(
    config: dict[str, object], sensors: dict[str, object], device: dict[str, object]
) -> None:
    heard = Announcements("us")
    for topic, body in (
        ("tasmota/discovery/A1/config", config),
        ("tasmota/discovery/A1/sensors", sensors),
        ("zigbee2mqtt/bridge/devices", [device]),
    ):
        heard.receive(Told(topic, json.dumps(body).encode(), retained=True))
    assert len(heard.found({"broker": "mqtt://b"})) <= 9
