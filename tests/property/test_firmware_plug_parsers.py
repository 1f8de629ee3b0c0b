"""Plugs and mapped machines may say anything: no error, no counter that falls, no energy out of noise."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.events import JobEnded, JobStarted, MachineEvent, Noise, ReadingTaken
from firmware_bridge.json_values import load
from firmware_bridge.mapping.mapping import ActivityRule, JobRule, Mapping, OnlineRule, ReadingRule
from firmware_bridge.mapping.tracker import MappedMachine
from firmware_bridge.mapping.values import Place, as_word, parse_path
from firmware_bridge.plugs.facts import Dialect
from firmware_bridge.plugs.tracker import Limits, PlugTracker
from firmware_bridge.shelly.parser import Shelly
from firmware_bridge.tasmota.parser import Tasmota
from firmware_bridge.transports import Told
from firmware_bridge.zigbee2mqtt.parser import Zigbee2Mqtt
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

DIALECTS: list[Dialect] = [Shelly("p", 0, "s"), Tasmota("p", 1), Zigbee2Mqtt("z", "p", "")]
scalar = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.none(),
    st.booleans(),
    st.sampled_from(["ON", "OFF", "12 W"]),
)
leaf = st.one_of(scalar, st.text(max_size=9), st.lists(scalar, max_size=3))
KEYS = "id result error switch:0 output apower aenergy total ENERGY Total Power POWER StatusSNS state energy"
keys = st.sampled_from([*KEYS.split(), "params", "power", "progress"])
bodies = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"true", b"Offline", b"online", b"1e999999999999999999999", b"[" * 9000, b"9" * 5000]),
    st.recursive(leaf, lambda inner: st.dictionaries(keys, inner, max_size=5), max_leaves=12).map(
        lambda body: json.dumps(body).encode()
    ),
)
passing = st.floats(0, 1000)


def check(events: list[MachineEvent], before: dict[Quantity, int]) -> None:
    for event in events:
        if isinstance(event, ReadingTaken):
            assert all(event.counters[name] >= amount for name, amount in before.items())
            before |= event.counters
        if isinstance(event, Noise):
            assert len(event.detail) < 300


@given(st.sampled_from(DIALECTS), st.lists(st.tuples(st.integers(0, 9), bodies, st.booleans(), passing)))
def test_plugs_may_say_anything(dialect: Dialect, said: list[tuple[int, bytes, bool, float]]) -> None:
    tracker, at_s, before = PlugTracker(Limits(20, 10, 5, 3680, 30)), 0.0, dict[Quantity, int]()
    for topic, body, retained, passed_s in said:
        at_s += passed_s
        for fact in dialect.parse(Told(dialect.topics[topic % len(dialect.topics)], body, retained)):
            check(tracker.receive(fact, at_s), before)
        check(tracker.tick(at_s), before)
    assert before.get(Quantity.ENERGY_MWH, 0) <= 3_680_000 * (at_s + 120 * len(said)) / 3600
    assert before.get(Quantity.BUSY_TIME_MS, 0) <= at_s * 1000


def place(path: str) -> Place:
    return Place("t", parse_path(path) or ())


MAPPING = Mapping(
    name="m",
    firmware="",
    activity=ActivityRule(place("state"), {"ON": Activity.BUSY, "OFF": Activity.IDLE}, words=place("error")),
    online=OnlineRule(Place("online"), frozenset({"true"}), frozenset({"Offline"})),
    job=JobRule(
        id=place("id"), progress=place("progress"), outcome=place("result"), outcomes={"ON": JobOutcome.DONE}
    ),
    readings=(ReadingRule(Quantity.ENERGY_MWH, place("energy"), Decimal(1000), 3_680_000.0),),
)


@given(st.lists(st.tuples(st.sampled_from(["t", "online"]), bodies, passing)))
def test_mapped_machines_may_say_anything(said: list[tuple[str, bytes, float]]) -> None:
    machine, at_s, before, running = MappedMachine(MAPPING, 30, "x"), 0.0, dict[Quantity, int](), None
    machine.connected(0)
    for topic, body, passed_s in said:
        at_s += passed_s
        events = [*machine.receive({topic: body}, at_s), *machine.tick(at_s)]
        check(events, before)
        for event in events:
            if isinstance(event, JobStarted):
                assert running is None
                running = event.job_id
            elif isinstance(event, JobEnded):
                assert event.job_id == running
                running = None
    assert before.get(Quantity.BUSY_TIME_MS, 0) <= at_s * 1000


@given(st.text(max_size=30), bodies)
def test_paths_and_bodies_may_be_anything(path: str, body: bytes) -> None:
    steps: Any = parse_path(path)
    found = Place("t", steps or ()).find(body)
    assert found is None or isinstance(found, str | bool | int | Decimal)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("0.0", "0"),
        ("-0.0", "0"),
        ("1.50", "1.5"),
        ("1e3", "1000"),
        ("1e400", ""),
        ("1e-400", ""),
        ("1e999999999", ""),
        ("-1e999999999", ""),
        ("0e999999999", "0"),
    ],
)
def test_a_number_that_stands_for_a_word_has_its_bounds(text: str, word: str) -> None:
    assert as_word(load(text)) == word
