"""A Fab-O-Matic board serves a station over a real broker, and its known faults do no harm."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from floor.access import BadgeStanding, Lease, MemberStanding
from floor.errors import MachineFault
from floor.ids import badge_reference
from floor.policy import MachinePolicy
from floor.session import Free, LockedOut, Running
from floor.wire.messages import LockOut, Stop
from floor.words import BadgeKind
from gateway.boxes import answer
from gateway.cli import main
from gateway.station import Station
from gateway.wiring import Devices, Ordered, Tick
from hardware.events import BadgeAsked
from hardware.nodes.fabomatic_node import FabomaticNode
from hardware.nodes.question import Question, Verdict
from hardware.registry import build_node
from tests.kit.fabomatic import FabomaticBoard
from tests.kit.gateway import BADGE_KEY, Bench
from tests.kit.mosquitto import Mosquitto, mosquitto

ADA, BEN, STRANGER = "a0000001", "b0000002", "eeeeeeee"
PATIENCE_S = 20
IDS = itertools.count(1)


class Floor:
    """A station whose reader, relay and panel is a board; time goes by itself only for the board."""

    def __init__(self, folder: Path, broker: Mosquitto, board_id: int) -> None:
        self.url = broker.url
        self.bench = Bench(folder)
        self.roster(2)
        self.board = FabomaticBoard(broker.port, board_id)
        node = build_node("fabomatic", {"broker": broker.url, "id": board_id, "name": "box"}, "bench")
        assert isinstance(node, FabomaticNode)
        self.node = node
        self.station = Station("laser", Devices(node, node, node, node=node), self.bench.services())

    def roster(self, n: int, policy: MachinePolicy | None = None, *, suspended: bool = False) -> None:
        members = {
            "ada": MemberStanding("ada", "Ada", "standard", "ada", allowed={"laser": 0}, suspended=suspended),
            "ben": MemberStanding("ben", "Ben", "standard", "ben"),
        }
        badges = {
            badge_reference(BADGE_KEY, bytes.fromhex(uid)): BadgeStanding(member, BadgeKind.UID_13MHZ)
            for uid, member in ((ADA, "ada"), (BEN, "ben"))
        }
        changes = {"members": members, "badges": badges, "policy": policy or MachinePolicy()}
        self.bench.roster.take(self.bench.server.roster(n=n, **changes))

    async def tap(self, uid: str) -> None:
        await asyncio.to_thread(self.board.tap, uid)

    async def refresh(self) -> None:
        await asyncio.to_thread(self.board.refresh)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await asyncio.sleep(0.02)

    async def alarms(self) -> list[str]:
        return [fact.code for fact in await self.bench.facts() if fact.type == "alarm_raised"]

    async def sessions(self) -> list[str]:
        return [one for one in await self.bench.kinds() if one.startswith("session_") and "meter" not in one]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("boxes")) as running:
        yield running


@pytest.fixture
async def floor(tmp_path: Path, broker: Mosquitto) -> AsyncIterator[Floor]:
    made = Floor(tmp_path, broker, next(IDS))

    async def listen() -> None:
        async for event in made.node.events():
            await made.station.put(event)

    tasks = [asyncio.create_task(listen()), asyncio.create_task(made.station.run())]
    await made.refresh()
    await made.until(lambda: made.node.feedback() is False and 0 < made.board.ordered == made.board.obeyed)
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(made.node.close)
        made.board.stop()
        made.bench.journal.close()


async def test_a_tap_gives_power_and_another_takes_it(floor: Floor) -> None:
    await floor.tap(ADA)
    assert floor.board.relay
    assert isinstance(floor.station.state, Running)
    (answer,) = floor.board.answered("missing_auth")
    assert (answer["name"], answer["level"]) == ("Ada", 1)
    assert floor.board.machine["name"] == "Laser"
    assert (floor.board.machine["grace"], floor.board.machine["logoff"]) == (0, 480)
    assert floor.node.feedback() is True
    await floor.tap(ADA)
    assert not floor.board.relay
    await floor.until(lambda: isinstance(floor.station.state, Free))
    assert await floor.sessions() == ["session_started", "session_ended"]
    ended = (await floor.bench.facts())[-1]
    assert ended.stop_type == "tap_out"


@pytest.mark.parametrize("uid", [BEN, STRANGER])
async def test_who_may_not_gets_no_power_and_is_taken_out_of_the_cache(floor: Floor, uid: str) -> None:
    floor.board.cache.add(uid)
    await floor.tap(uid)
    assert not floor.board.relay
    assert uid not in floor.board.cache
    assert await floor.bench.kinds() == ["tap_refused"]


async def test_a_start_that_nobody_granted_is_asked_about_and_stopped(floor: Floor) -> None:
    for uid in (BEN, STRANGER):
        floor.board.relay, floor.board.user = True, uid
        await asyncio.to_thread(floor.board.ask, f'{{"action":"startuse", "uid":"{uid}"}}')
        assert False in [one["request_ok"] for one in floor.board.replies]
        floor.board.replies.clear()
        await floor.until(lambda: not floor.board.relay)
    assert await floor.sessions() == []
    assert "power_not_granted" in await floor.alarms()


async def test_a_member_who_was_disabled_since_gets_no_grant_by_a_start(floor: Floor) -> None:
    floor.roster(3, suspended=True)
    floor.board.relay, floor.board.user = True, ADA
    await asyncio.to_thread(floor.board.ask, f'{{"action":"startuse", "uid":"{ADA}"}}')
    await floor.until(lambda: not floor.board.relay)
    assert await floor.sessions() == []


async def test_a_stop_that_is_said_again_and_again_is_billed_once(floor: Floor) -> None:
    await floor.tap(ADA)
    await floor.tap(ADA)
    again = f'{{"action":"stopuse", "uid":"{ADA}","duration":3600'
    for text in (f"{again}}}", f"{again}}}", f'{again}, "replay":true}}', f'{again}, "replay":true}}'):
        answer = await asyncio.to_thread(floor.board.ask, text)
        assert answer
        assert answer["request_ok"] is True
    await floor.tap(ADA)
    old = await asyncio.to_thread(floor.board.ask, f'{again}, "replay":true}}')
    assert old
    assert isinstance(floor.station.state, Running), "an old stop ends no new session"
    assert await floor.sessions() == ["session_started", "session_ended", "session_started"]


async def test_a_late_answer_grants_nothing(floor: Floor) -> None:
    hangs, real = asyncio.Event(), floor.station.tab.open

    async def slow(lease: object) -> bool:
        await hangs.wait()
        return await real(lease)  # type: ignore[arg-type]

    floor.station.tab.open = slow  # type: ignore[method-assign]
    await floor.tap(ADA)
    assert [one["is_valid"] for one in floor.board.answered("missing_auth")] == [False]
    assert not floor.board.relay
    hangs.set()
    await floor.until(lambda: floor.bench.journal.next_seq > 1)
    await floor.until(lambda: isinstance(floor.station.state, Free))
    assert not floor.board.relay
    assert not floor.node.is_on


async def test_a_question_that_waited_too_long_in_the_queue_begins_no_session(floor: Floor) -> None:
    released = asyncio.Event()
    handle = floor.station.handle

    async def stuck(event: object, since: float) -> None:
        await released.wait()
        await handle(event, since)  # type: ignore[arg-type]

    floor.station.handle = stuck  # type: ignore[method-assign]
    await floor.tap(ADA)
    assert not floor.board.relay
    released.set()
    await floor.station.put(Tick())
    beats = floor.station.beats
    await floor.until(lambda: floor.station.beats > beats)
    assert await floor.sessions() == []


async def test_use_by_the_cache_while_offline_is_stopped_told_and_not_billed(floor: Floor) -> None:
    await floor.tap(ADA)
    await floor.tap(ADA)
    floor.board.online = False
    await floor.tap(ADA)
    assert floor.board.relay, "the box keeps no promise without its server"
    floor.board.online = True
    await floor.refresh()
    await floor.until(lambda: not floor.board.relay)
    assert await floor.sessions() == ["session_started", "session_ended"]
    assert "power_not_granted" in await floor.alarms()


async def test_the_end_of_a_session_by_staff_stops_the_board(floor: Floor) -> None:
    await floor.tap(ADA)
    await floor.station.put(Ordered(LockOut(machine="laser", reason="Belt torn"), "tech"))
    await floor.until(lambda: not floor.board.relay)
    await floor.refresh()
    assert floor.board.machine["allowed"] is False
    await floor.tap(ADA)
    assert not floor.board.relay
    assert isinstance(floor.station.state, LockedOut)


async def test_a_board_that_began_anew_ends_its_session(floor: Floor) -> None:
    await floor.tap(ADA)
    floor.board.reboot()
    for _ in range(4):
        await floor.refresh()
    await floor.until(lambda: isinstance(floor.station.state, Free))
    ended = (await floor.bench.facts())[-1]
    assert ended.stop_type == "power_lost"
    assert not floor.node.is_on


async def test_a_lost_board_is_alarmed_and_its_power_unknown(floor: Floor) -> None:
    await floor.tap(ADA)
    floor.board.obeys = False
    floor.node._silent_s = 0.3
    await asyncio.sleep(1)
    await floor.station.put(Tick())
    await floor.until(lambda: isinstance(floor.station.state, LockedOut))
    assert {"reader_lost", "relay_mismatch"} <= set(await floor.alarms())
    with pytest.raises(MachineFault, match="may still give power"):
        floor.node.feedback()
    assert not floor.node.is_on
    floor.board.obeys = True
    await floor.refresh()
    await floor.until(lambda: not floor.board.relay)


async def test_a_board_that_does_not_obey_is_alarmed_and_locked_out(floor: Floor) -> None:
    await floor.tap(ADA)
    floor.board.obeys = False
    session_id = floor.station.session_id or ""
    await floor.station.put(Ordered(Stop(machine="laser", session_id=session_id), "tech"))
    await floor.until(lambda: isinstance(floor.station.state, Free))
    await floor.refresh()
    assert floor.board.relay
    assert floor.node.feedback() is None, "it may take its time"
    floor.node._ordered_s -= 60
    assert floor.node.feedback() is True
    for _ in range(2):
        floor.bench.clock.pass_s(2)
        await floor.station.handle(Tick(), 0.0)
    assert isinstance(floor.station.state, LockedOut)
    assert {"relay_mismatch", "power_not_granted"} <= set(await floor.alarms())


async def test_a_hazardous_machine_is_refused_and_alarmed(floor: Floor) -> None:
    floor.roster(3, MachinePolicy(hazardous=True))
    for _ in range(2):
        await floor.station.put(Tick())
    await floor.tap(ADA)
    assert not floor.board.relay
    refused = (await floor.bench.facts())[-1]
    assert refused.reason == "machine_not_safe"
    assert (await floor.alarms()).count("box_not_fail_safe") == 1


async def test_what_a_broker_remembers_is_no_tap(broker: Mosquitto) -> None:
    board_id = next(IDS)
    writer = FabomaticBoard(broker.port, board_id)
    asked = json.dumps({"action": "checkuser", "uid": ADA})
    writer._client.publish(writer.topic, asked, qos=1, retain=True).wait_for_publish(PATIENCE_S)
    node = build_node("fabomatic", {"broker": broker.url, "id": board_id}, "bench")
    events = node.events()
    first = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.3)
    writer.say("live")
    heard = [await first, await anext(events)]
    assert [type(event).__name__ for event in heard] == ["ReaderFound", "ReaderNoise"]
    await node.aclose()
    await asyncio.to_thread(node.close)
    writer.stop()


async def test_what_is_no_message_does_nothing(floor: Floor) -> None:
    for nonsense in (b"\xff", b"[]", b'{"action":"checkuser"}', b"x" * 600):
        floor.board._client.publish(floor.board.topic, nonsense)
    await floor.tap(BEN)
    assert not floor.board.relay
    assert floor.bench.metrics.peer_errors.labels("ReaderNoise")._value.get() == 4


def test_yes_is_said_to_the_badge_that_has_the_session_only() -> None:
    told: list[Verdict] = []
    lease = Lease("s", "laser", "ada", "ada", "reference", "standard", "Ada", 0, 90)
    for reference, state in (
        ("reference", Running(lease, 0, 0)),
        ("other", Running(lease, 0, 0)),
        ("", Free()),
    ):
        question = Question(b"", 0, lambda _, verdict: told.append(verdict))
        answer(BadgeAsked(b"", BadgeKind.UID_13MHZ, question=question), reference, state)
    assert told == [Verdict(True, "Ada", 90), Verdict(False), Verdict(False)]


async def test_the_command_off_stops_a_board_that_a_dead_gateway_left(floor: Floor, tmp_path: Path) -> None:
    floor.board.relay, floor.board.user = True, ADA
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'name = "gw"\nbadge_key = "{"00" * 32}"\nserver_key = "{"A" * 43}="\n'
        '[[stations]]\nmachine = "laser"\n'
        f'node = {{kind = "fabomatic", broker = "{floor.url}", id = {floor.board.topic.split("/")[1]}}}\n'
    )
    assert await asyncio.to_thread(main, ["--config", str(file), "off"]) == 0
    await floor.until(lambda: not floor.board.relay)


async def test_without_a_broker_nothing_is_granted(tmp_path: Path) -> None:
    node = build_node("fabomatic", {"broker": "mqtt://127.0.0.1:1", "id": 1}, "bench")
    with pytest.raises(MachineFault, match="no broker"):
        node.on()
    assert not node.is_on
    assert node.feedback() is None
    with pytest.raises(MachineFault, match="whether it gives power is not known"):
        node.close()
    node.close()


async def test_close_leaves_the_board_without_power(floor: Floor) -> None:
    await floor.tap(ADA)
    await asyncio.to_thread(floor.node.close)
    await floor.until(lambda: not floor.board.relay)
    with pytest.raises(AssertionError):
        floor.node.on()
