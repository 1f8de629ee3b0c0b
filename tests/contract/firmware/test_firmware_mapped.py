"""Machines by a mapping file: over a real Mosquitto and over HTTP; the examples of the documentation hold."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from aiohttp import web

from firmware_bridge.driver import Driver
from firmware_bridge.events import Identified, JobEnded, JobProgressed, JobStarted, Noise, ReadingTaken
from firmware_bridge.mapping.mapping import load_mapping
from firmware_bridge.registry import build
from floor.errors import ConfigError
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.kit.cable import Cable, cable
from tests.kit.driver_contract import Bench, DriverContract, Lack, OnCable
from tests.kit.mosquitto import Mosquitto, PlugProcess, mosquitto, plug
from tests.kit.watch import watching

DOCS = Path(__file__).resolve().parents[3] / "docs" / "drivers" / "mapping.md"
KILN, COMPRESSOR = re.findall(r"```toml\n(.+?)```", DOCS.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("mapped")) as running:
        yield running


@pytest.fixture
def bench(broker: Mosquitto) -> Iterator[PlugProcess]:
    with plug(broker, "tasmota", "only-to-publish") as peer:
        yield peer


def status(state: str, jobs: int = 7, **program: object) -> str:
    return json.dumps({"state": state, "error": "E7" if state == "error" else None, "program": program,
                       "counters": [0, 0, jobs]})  # fmt: skip


Answer = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """Answer every GET on the port that this yields."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_the_kiln_of_the_documentation(broker: Mosquitto, bench: PlugProcess, tmp_path: Path) -> None:
    file = tmp_path / "kiln.toml"
    file.write_text(KILN)

    async def say(topic: str, payload: str) -> None:
        await asyncio.to_thread(bench.say, topic, payload)

    settings = {"broker": broker.url, "mapping": str(file), "silence_s": 2.0}
    async with watching(build("mqtt", settings, "gateway.toml")) as watch:
        assert await watch.next(Identified) == Identified("Kiln 1", "controller 2.4")
        await say("kiln/online", "true")
        await say("kiln/meter", "100.5")
        await say("kiln/status", status("ready"))
        await watch.activity(Activity.IDLE)
        await say(
            "kiln/status", status("firing", id=4, name="cone 6", user="ada", percent=25, seconds_left=90)
        )
        await watch.activity(Activity.BUSY)
        started = await watch.next(JobStarted)
        assert (started.name, started.user) == ("cone 6", "ada")
        progress = await watch.next(JobProgressed)
        assert (progress.fraction, progress.left_s) == (0.25, 90)
        await say("kiln/meter", "100.75")
        await say("kiln/status", "{")
        await watch.next(Noise)
        await say("kiln/status", status("ready", id=4, name="cone 6", result="ok"))
        ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
        last = watch.counters()
        assert last[Quantity.ENERGY_MWH] == 250_000
        assert last[Quantity.BUSY_TIME_MS] == last[Quantity.JOB_TIME_MS] == ended.job_time_ms > 0
        await say("kiln/status", status("firing", id=5))
        await watch.next(JobStarted)
        await say("kiln/status", status("error"))
        assert (await watch.next(JobEnded)).outcome is JobOutcome.FAILED
        assert (await watch.settled(Activity.FAULTED)).words == "E7"
        await say("kiln/online", "false")
        assert (await watch.activity(Activity.UNREACHABLE)).words == "it says false"
        await say("kiln/online", "true")
        await say("kiln/status", status("ready"))
        await watch.activity(Activity.IDLE)
        assert "silent" in (await watch.activity(Activity.UNREACHABLE)).words


async def test_the_compressor_of_the_documentation(tmp_path: Path) -> None:
    file = tmp_path / "compressor.toml"
    file.write_text(COMPRESSOR.replace("after_s = 10 ", "after_s = 0.3 "))
    shown: dict[str, Any] = {"Power": 3, "Total": 12.5, "status": 200}

    async def answer(request: web.Request) -> web.Response:
        code = 401 if request.headers.get("Authorization") != "Bearer t" else shown["status"]
        return web.json_response({"StatusSNS": {"ENERGY": shown}}, status=code)

    async with serving(answer) as port:
        url = f"http://127.0.0.1:{port}"
        settings: Mapping[str, object] = {"url": url, "mapping": str(file), "poll_s": 0.1}
        async with watching(build("http", settings, "gateway.toml")) as watch:
            assert "refuses the authorization" in (await watch.activity(Activity.UNREACHABLE)).words
        async with watching(
            build("http", {**settings, "authorization": "Bearer t"}, "gateway.toml")
        ) as watch:
            await watch.activity(Activity.IDLE)
            shown.update(Power=900, Total=12.75)
            await watch.activity(Activity.BUSY)
            shown.update(Power=0)
            await watch.activity(Activity.IDLE)
            reading = watch.counters()
            assert reading[Quantity.ENERGY_MWH] == 250_000
            assert reading[Quantity.BUSY_TIME_MS] > 0
            shown.update(status=500)
            assert "answers 500" in (await watch.activity(Activity.UNREACHABLE)).words
            shown.update(status=200, Total=0.25)  # its counter was reset meanwhile
            await watch.next(ReadingTaken, lambda one: one.counters[Quantity.ENERGY_MWH] == 500_000)


ACTIVITY = '[machine]\nname = "m"\n[activity]\nvalue = {topic = "t"}\n'


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("x", "", "it is no TOML"),
        ("", "machine", "is missing"),
        ("[machine]\n", "machine.name", "is missing"),
        ('[machine]\nname = "m"\n', "activity", "is missing"),
        (ACTIVITY, "activity.busy_above", "is missing"),
        (ACTIVITY + 'means = {on = "works"}', "activity.means.on", "idle, busy, held, faulted"),
        (ACTIVITY + "busy_above = 5\nidle_below = 9", "activity.idle_below", "above busy_above"),
        (ACTIVITY + 'busy_above = 5\nmeans = {on = "busy"}', "activity.means", "beside busy_above"),
        (ACTIVITY + "busy_above = 5\nbusy = 1", "activity.busy", "unknown here"),
        (ACTIVITY.replace('"t"', '"t/#"') + "busy_above = 5", "activity.value.topic", "many topics"),
        (ACTIVITY.replace('"t"', '"t", path = "a..b"') + "busy_above = 5", "activity.value.path", "no path"),
        (ACTIVITY.replace("topic", "url") + "busy_above = 5", "activity.value.url", "Known are: topic, path"),
        (ACTIVITY + "busy_above = 5\n[online]\nvalue = {topic = 't'}", "online.yes", "no list of texts"),
        (ACTIVITY + "busy_above = 5\n[job]\noutcome = {topic = 't'}", "job.outcome", "goes with outcomes"),
        (ACTIVITY + "busy_above = 5\n[job]\nwhole = 0", "job.whole", "is no whole"),
        (ACTIVITY + "busy_above = 5\n[[reading]]\nquantity = 'kWh'", "reading[0].quantity", "energy_mwh"),
        (
            ACTIVITY + "busy_above = 5\n[[reading]]\nquantity = 'energy_mwh'\nunit = 'g'",
            "reading[0].unit",
            "mWh, Wh, kWh",
        ),
        (ACTIVITY + "busy_above = 5\n[reading]\nquantity = 'jobs'", "reading", "[[reading]]"),
    ],
)
def test_a_wrong_mapping_names_file_key_and_remedy(tmp_path: Path, text: str, key: str, words: str) -> None:
    file = tmp_path / "m.toml"
    # the keys of [activity] stand before any other table
    file.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        load_mapping(str(file), "topic")
    assert (caught.value.file, caught.value.key) == (str(file), key)
    assert caught.value.remedy


def test_a_mapping_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_mapping("/nowhere.toml", "topic")


QUICK_KILN = KILN.replace("most_per_h = 11 ", "most_per_h = 1e6 ")


class Kiln(OnCable):
    """The controller of docs/drivers/mapping.md; it uses 10 Wh each time that it is asked while it fires."""

    quantity = Quantity.ENERGY_MWH
    lacks = frozenset({Lack.HOLD, Lack.CANCEL, Lack.CLOCK})
    member = "ada"

    def __init__(self, line: Cable, mapping: Path, broker: Mosquitto | None) -> None:
        self.kind = "mqtt" if broker else "http"
        self.kind = "mqtt" if broker else "http"
        self.cable, self.mapping, self.broker = line, mapping, broker
        self.state, self.program, self.jobs = "ready", {}, 7
        self.kwh, self.garbled = Decimal(100), 0
        self.powered, self.over = True, False

    def driver(self) -> Driver:
        quick = {"mapping": str(self.mapping), "deadline_s": 1.0}
        if self.broker:
            quick |= {"broker": f"mqtt://127.0.0.1:{self.cable.port}", "silence_s": 1.0}
        else:
            quick |= {"url": f"http://127.0.0.1:{self.cable.port}", "poll_s": 0.1}
        return build(self.kind, quick, "gateway.toml")

    def says(self) -> dict[str, str]:
        """Return what it says now, by topic or path."""
        if self.garbled:
            self.garbled -= 1
            return {"kiln/online": "true", "kiln/status": '{"state": [', "kiln/meter": "NaN"}
        if self.state == "firing":
            self.kwh += Decimal("0.01")
        shown = status(self.state, self.jobs, **self.program)
        return {"kiln/online": "true", "kiln/status": shown, "kiln/meter": str(self.kwh)}

    async def answer(self, request: web.Request) -> web.Response:
        return web.Response(text=self.says()[request.path.removeprefix("/")])

    async def publish(self) -> None:
        assert self.broker
        async with aiomqtt.Client("127.0.0.1", self.broker.port) as client:
            while not self.over:
                for topic, payload in self.says().items() if self.powered else ():
                    await client.publish(topic, payload, qos=1)
                await asyncio.sleep(0.1)  # here it ends: aiomqtt may forget that it was cancelled

    async def start(self) -> None:
        self.program = {"id": self.jobs, "name": "cone 6", "user": "ada", "percent": 25, "seconds_left": 90}
        self.state = "firing"

    async def finish(self) -> None:
        self.state, self.program, self.jobs = "ready", self.program | {"result": "ok"}, self.jobs + 1

    async def abort(self) -> None:
        self.state, self.program, self.jobs = "ready", self.program | {"result": "aborted"}, self.jobs + 1

    async def fault(self) -> None:
        self.state = "error"

    async def clear(self) -> None:
        self.state, self.program = "ready", {}

    async def power_cut(self) -> None:
        self.powered = False
        await self.clear()
        if not self.broker:
            self.cable.cut()

    async def power_up(self) -> None:
        self.powered = True
        self.cable.mend()

    async def noise(self) -> None:
        self.garbled = 3

    async def reset_counters(self) -> None:
        self.kwh = Decimal(0)


class TestMqtt(DriverContract):
    kind = "mqtt"

    @pytest.fixture(autouse=True)
    def _broker(self, broker: Mosquitto) -> None:
        self.broker = broker

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Bench]:
        file = tmp_path / "kiln.toml"
        file.write_text(QUICK_KILN)
        async with cable(self.broker.port) as line:
            kiln = Kiln(line, file, self.broker)
            publishing = asyncio.create_task(kiln.publish())
            try:
                yield kiln
            finally:
                kiln.over = True
                await publishing


class TestHttp(DriverContract):
    kind = "http"

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[Bench]:
        file = tmp_path / "kiln.toml"
        file.write_text(
            KILN.replace('topic = "', 'url = "/').replace("most_per_h = 11 ", "most_per_h = 1e6 ")
        )
        kiln: list[Kiln] = []

        async def answer(request: web.Request) -> web.Response:
            return await kiln[0].answer(request)

        async with serving(answer) as port, cable(port) as line:
            kiln.append(Kiln(line, file, None))
            yield kiln[0]
