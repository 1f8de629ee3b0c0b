"""What passes any transport is recorded, saved, read again, and played: the same comes, at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from firmware_bridge.recordings import file
from firmware_bridge.recordings.loop import SkippingLoop
from firmware_bridge.recordings.replay import compare, replay
from firmware_bridge.recordings.tape import Tape
from firmware_bridge.transports import Answer, Login, Told, Transports, Upload
from firmware_bridge.transports.mqtt import BrokerSettings
from firmware_bridge.transports.recording import RecordingTransports
from firmware_bridge.transports.replaying import ReplayingTransports
from firmware_bridge.transports.scripted import (
    ScriptedBytes,
    ScriptedDatagrams,
    ScriptedFiles,
    ScriptedHttp,
    ScriptedMqtt,
    ScriptedTransports,
    ScriptedWebSockets,
)
from firmware_bridge.transports.tls import TlsPeer
from floor.errors import MachineError, MachineFault, MachineUnreachable

GONE = MachineUnreachable("it is gone")
BROKER = BrokerSettings(broker="mqtt://b")


async def over_http(reach: Transports) -> list[object]:
    http = reach.http("http://m", {"X-Api-Key": "hush"})
    seen: list[object] = [await http.get("/a"), await http.post("/a", {"x": 1}), await http.ask("PUT", "/b")]
    seen.append(await http.upload("/b", Upload(Path("x.gcode"), "x.gcode")))
    async with aclosing(http.download("/file")) as pieces:
        seen += [piece async for piece in pieces]
    try:
        await http.get("/lost")
    except MachineError as error:
        seen.append((type(error), str(error)))
    await http.aclose()
    return seen


async def over_sockets(reach: Transports) -> list[object]:
    sockets = reach.websockets("http://m", {})
    seen: list[object] = []
    for _ in range(3):
        try:
            async with sockets.open("/push") as socket:
                await socket.send("hello")
                while True:
                    seen.append(await socket.receive())
        except MachineError as error:
            seen.append((type(error), str(error)))
    await sockets.aclose()
    return seen


async def over_a_line(reach: Transports) -> list[object]:
    line = reach.stream("tcp://m:23")
    seen: list[object] = [line.resets]
    try:
        async with line.open() as stream:
            await stream.write(b"\x18?")
            while True:
                seen.append(await stream.read(5.0))
    except MachineError as error:
        seen.append((type(error), str(error)))
    return seen


async def over_a_broker(reach: Transports) -> list[object]:
    seen: list[object] = []
    try:
        async with reach.mqtt(BROKER, "here").open(["a", "b/#"]) as broker:
            await broker.publish("a/set", "on")
            while True:
                if told := await broker.receive(1.0):
                    seen.append(told)
    except MachineError as error:
        seen.append((type(error), str(error)))
    return seen


async def over_packets(reach: Transports) -> list[object]:
    seen: list[object] = []
    try:
        async with reach.datagrams("10.0.0.9", 50200, 40200).open() as packets:
            await packets.send(b"\xd4\x89")
            while True:
                if data := await packets.receive(1.0):
                    seen.append(data)
    except MachineError as error:
        seen.append((type(error), str(error)))
    return seen


async def over_files(reach: Transports) -> list[object]:
    files = reach.files("ftps://m", Login("u", "hush"), TlsPeer(name="m"), "here")
    seen: list[object] = [await files.fetch(["none"], 99)]
    found = await files.fetch(["none", "a.3mf"], 99)
    assert found
    with found[1] as file:
        seen.append((found[0], file.read()))
    try:
        await files.fetch(["lost"], 99)
    except MachineError as error:
        seen.append((type(error), str(error)))
    await files.aclose()
    return seen


def scripted() -> ScriptedTransports:
    answers = {
        "/a": [Answer(200, b"one"), Answer(409, b"two")],
        "/b": [Answer(204, b"")],
        "/file": [Answer(200, b"G1 X1\n\xff\x00")],
        "/lost": [MachineFault("it refuses")],
    }
    return ScriptedTransports(
        requests=ScriptedHttp(answers),
        sockets=ScriptedWebSockets([["a", "é"], [GONE]]),
        line=ScriptedBytes([[b"Grbl", b"\xff\x00", GONE]], resets=True),
        packets=ScriptedDatagrams([[b"\xc6", None, b"\xda\x01", GONE]]),
        store=ScriptedFiles({"a.3mf": b"PK\xff", "lost": MachineFault("it refuses")}),
        broker=ScriptedMqtt([[Told("a", b"1", True), None, Told("b/c", b"\x00\xff"), GONE]]),
    )


@pytest.mark.parametrize(
    "use", [over_http, over_sockets, over_a_line, over_a_broker, over_packets, over_files]
)
def test_a_transport_plays_what_it_recorded(
    tmp_path: Path, use: Callable[[Transports], Awaitable[list[object]]]
) -> None:
    async def record() -> tuple[list[object], Tape]:
        tape = Tape()
        seen = await use(RecordingTransports(scripted(), tape))
        tape.end()
        return seen, tape

    seen, tape = asyncio.run(record())
    path = tmp_path / "r.jsonl"
    file.save(path, "simulated", {}, tape.entries, "now")
    assert "hush" not in path.read_text()
    read = file.load(path)
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        played = ReplayingTransports(read, runner.get_loop().time)
        assert runner.run(use_coroutine(use, played)) == seen
        assert played.differences() == []


async def use_coroutine(
    use: Callable[[Transports], Awaitable[list[object]]], reach: Transports
) -> list[object]:
    return await use(reach)


def test_hours_pass_in_no_time() -> None:
    async def wait() -> tuple[float, str]:
        async with asyncio.timeout(20_000):
            await asyncio.sleep(7200)
            return asyncio.get_running_loop().time(), await asyncio.to_thread(lambda: "a thread")

    began_s = time.monotonic()
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        passed_s, said = runner.run(wait())
    assert (round(passed_s), said) == (7200, "a thread")
    assert time.monotonic() - began_s < 60


def test_a_silence_of_hours_is_replayed(tmp_path: Path) -> None:
    """A plug that says nothing for an hour is lost after its silence_s, in the replay as then."""
    settings: dict[str, object] = {"broker": "mqtt://b", "topic": "saw"}
    entries: list[dict[str, object]] = [
        {"at": 0.0, "on": "mqtt1.1", "opened": ["x"]},
        {
            "at": 30.0,
            "event": {
                "event": "ActivityChanged",
                "activity": "unreachable",
                "words": "it was silent for 30 s",
            },
        },
        {"at": 3600.0, "ended": "as wanted"},
    ]
    path = tmp_path / "r.jsonl"
    file.save(path, "tasmota", settings, entries, "now")
    outcome = replay(file.load(path), str(path))
    assert outcome.difference == ""
    assert 29 < outcome.events[0][0] < 40


def test_what_is_said_after_the_end_is_let_be_and_before_it_is_not() -> None:
    idle = {"event": "ActivityChanged", "activity": "idle", "words": ""}
    lost = {"event": "ActivityChanged", "activity": "unreachable", "words": ""}
    assert compare([(1, idle)], [(1, idle), (5.5, lost)], 5) == ""
    assert "is said now" in compare([(1, idle)], [(1, idle), (4.5, lost)], 5)
    assert "not said any more" in compare([(1, idle), (2, lost)], [(1, idle)], 5)
    assert "activity was 'idle' and is 'unreachable'" in compare([(1, idle)], [(1, lost)], 5)


MAPPING = """
[machine]
name = "Kiln"
[activity]
value = {url = "/state", path = "doing"}
means = {firing = "busy", rest = "idle"}
"""


def test_a_driver_with_a_mapping_is_replayed_with_its_mapping(tmp_path: Path) -> None:
    mapping = tmp_path / "kiln.toml"
    mapping.write_text(MAPPING)
    settings: dict[str, object] = {"url": "http://kiln.local", "mapping": str(mapping)}
    asked: dict[str, object] = {"on": "http1", "asked": "GET /state", "sent": None, "status": 200}
    entries: list[dict[str, object]] = [
        {"at": 0.1, **asked, "body": b'{"doing": "firing"}'},
        {"at": 5.1, **asked, "body": b'{"doing": "rest"}'},
        {"at": 7.0, "ended": "as wanted"},
    ]
    file.save(tmp_path / "r.jsonl", "http", settings, entries, "now")
    mapping.unlink()
    events = replay(file.load(tmp_path / "r.jsonl"), "here").events
    said = [(at_s, event["activity"]) for at_s, event in events if event["event"] == "ActivityChanged"]
    assert said == [(0.1, "busy"), (5.1, "idle")]
