"""What earlier versions wrote means the same today, and what today is written earlier versions read."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jsonschema_rs
import pytest

from floor.wire.base import Message
from floor.wire.examples import ALL
from floor.wire.journal import JournalBatch, UnreadFact, entry_hash
from floor.wire.messages import Command, Signed
from floor.wire.topics import DELIVERY
from scripts.golden_wire import GOLDEN, SUMS

SETS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
LIMIT = max(how.limit_bytes for how in DELIVERY.values())
SHAPES = {type(message).__name__: type(message) for message in ALL}
Json = Any

NO_MORE = {
    # a station's own setting since then, in gateway.toml: who wires a relay knows what may be left on
    "0.1.0.dev1": {"on_process_loss", "OnProcessLoss"}
}
"""What a version wrote and today's reads no more: each needs a reason, and a word in the changelog."""
NEWER: dict[str, set[str]] = {
    "0.1.0.dev1": {"read_badge", "end_reading", "phone_tapped", "server_keys"},
    "0.1.0.dev2": {"read_badge", "end_reading", "phone_tapped"},
    "0.1.0.dev3": set(),
}
"""Orders and kinds of envelope that a version does not know: it counts and drops them."""


def frozen(version: str, name: str) -> Json:
    return json.loads((GOLDEN / version / f"{name}.json").read_text())


def messages(version: str) -> list[tuple[str, str]]:
    return [(one["shape"], one["payload"]) for one in frozen(version, "messages")]


def lost(before: Json, after: Json, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return where a document says something that the other does not; what is empty need not be said."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [gone for key, one in before.items() for gone in lost(one, after.get(key), (*path, key))]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [gone for place, (one, other) in pairs for gone in lost(one, other, (*path, str(place)))]
    return [] if before == after or not (before or after) else [path]


def parts(schemas: Json) -> dict[str, Json]:
    """Return every object and every list of words that schemas tell of, by its name."""
    return {name: part for one in schemas.values() for name, part in one.get("$defs", {}).items()} | schemas


def of_today() -> dict[str, Json]:
    return parts({name: shape.model_json_schema() for name, shape in SHAPES.items()})


def test_nobody_edits_what_an_earlier_version_said() -> None:
    listed = dict(reversed(line.split("  ")) for line in (GOLDEN / SUMS).read_text().splitlines())
    found = {
        str(path.relative_to(GOLDEN)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in GOLDEN.glob("*/*")
    }
    assert found == listed, "a frozen message was edited: freeze a set of its own (scripts/golden_wire.py)"
    assert set(SETS) == set(NEWER)
    assert len(SETS) >= 3


@pytest.mark.parametrize("version", SETS)
def test_today_reads_every_message_of_an_earlier_version_and_loses_nothing_of_it(version: str) -> None:
    for shape, payload in messages(version):
        read = SHAPES[shape].decode(payload.encode(), LIMIT)
        gone = lost(json.loads(payload), json.loads(read.encode()))
        assert [path for path in gone if path[-1] not in NO_MORE.get(version, set())] == [], shape
        if isinstance(read, Signed):
            assert json.loads(read.body)["v"] == read.message().v


@pytest.mark.parametrize("version", SETS)
def test_the_hashes_of_an_earlier_gateways_journal_hold(version: str) -> None:
    kinds = set()
    for shape, payload in messages(version):
        if shape == "JournalBatch":
            batch = JournalBatch.decode(payload.encode(), LIMIT)
            for entry in batch.entries:
                assert entry_hash(entry.previous, batch.epoch, entry) == entry.hash, entry.fact
                assert not isinstance(entry.fact, UnreadFact), entry.fact
                kinds.add(type(entry.fact))
    assert len(kinds) >= 10


@pytest.mark.parametrize("version", SETS)
def test_what_a_message_leaves_out_means_what_it_meant_and_nothing_new_must_be_said(version: str) -> None:
    today, gone = of_today(), NO_MORE.get(version, set())
    for name, before in parts(frozen(version, "schemas")).items():
        if name in gone:
            continue
        now = today[name]
        assert set(before.get("enum", ())) <= set(now.get("enum", ())), f"{name} lost a word"
        assert set(now.get("required", ())) <= set(before.get("required", ())), name
        for field, told in before.get("properties", {}).items():
            if field not in gone:
                assert now["properties"][field].get("default") == told.get("default"), f"{name}.{field}"


def kind(message: Message) -> str:
    """Return what decides whether an earlier version knows a message."""
    if isinstance(message, Command):
        return message.order.type
    return message.kind if isinstance(message, Signed) else type(message).__name__


@pytest.mark.parametrize("version", SETS)
def test_an_earlier_gateway_reads_what_the_server_says_today(version: str) -> None:
    """By the schema that its own code wrote: keys that it does not know are no error there."""
    schemas = frozen(version, "schemas")
    down = [message for message in ALL if type(message).__name__ in {"JournalAck", "Roster", "RosterDelta"}]
    down += [message for message in ALL if isinstance(message, Command | Signed)]
    assert len(down) >= 12
    for message in down:
        validator = jsonschema_rs.validator_for(schemas[type(message).__name__])
        known = kind(message) not in NEWER[version]
        assert validator.is_valid(json.loads(message.encode())) == known, message


def test_the_measures_see_what_they_are_for() -> None:
    assert lost({"a": 1, "b": [{"c": 2}]}, {"b": [{"c": 3}]}) == [("a",), ("b", "0", "c")]
    assert lost({"a": "", "b": None}, {"x": 1}) == []
