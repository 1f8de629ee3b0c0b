"""Machines by a mapping file: over a real Mosquitto and over HTTP; the examples of the documentation hold."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from firmware_bridge.driver import Driver
from firmware_bridge.events import Identified, JobEnded, JobProgressed, JobStarted, Noise, ReadingTaken
from firmware_bridge.mapping.mapping import load_mapping
from firmware_bridge.registry import build
from floor.errors import ConfigError
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.test_firmware_plugs import Watch
from tests.kit.mosquitto import Mosquitto, PlugProcess, mosquitto, plug

DOCS = Path(__file__).resolve().parents[3] / "docs" / "drivers" / "mapping.md"
KILN, COMPRESSOR = re.findall(r"```toml\n(.+?)```", DOCS.read_text(), re.DOTALL)


@asynccontextmanager
async def watching(driver: Driver) -> AsyncIterator[Watch]:
    watch = Watch(driver)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await driver.aclose()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("mapped")) as running:
        yield running


@pytest.fixture
def bench(broker: Mosquitto) -> Iterator[PlugProcess]:
    with plug(broker, "tasmota", "only-to-publish") as peer:
        yield peer


def status(state: str, **program: object) -> str:
    return json.dumps({"state": state, "error": "E7" if state == "error" else None, "program": program,
                       "counters": [0, 0, 7]})  # fmt: skip


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
        last = [one for one in watch.seen if isinstance(one, ReadingTaken)][-1].counters
        assert last[Quantity.ENERGY_MWH] == 250_000
        assert last[Quantity.BUSY_TIME_MS] == last[Quantity.JOB_TIME_MS] == ended.job_time_ms > 0
        await say("kiln/status", status("firing", id=5))
        await watch.next(JobStarted)
        await say("kiln/status", status("error"))
        assert (await watch.next(JobEnded)).outcome is JobOutcome.FAILED
        assert [one.words for one in watch.seen if getattr(one, "activity", None) is Activity.FAULTED] == [
            "E7"
        ]
        await say("kiln/online", "false")
        assert (await watch.activity(Activity.UNREACHABLE)).words == "it says false"
        await say("kiln/online", "true")
        await say("kiln/status", status("ready"))
        await watch.activity(Activity.IDLE)
        assert "silent" in (await watch.activity(Activity.UNREACHABLE)).words
        assert watch.never_fell()


async def test_the_compressor_of_the_documentation(tmp_path: Path) -> None:
    file = tmp_path / "compressor.toml"
    file.write_text(COMPRESSOR.replace("after_s = 10 ", "after_s = 0.3 "))
    shown: dict[str, Any] = {"Power": 3, "Total": 12.5, "status": 200}

    async def answer(request: web.Request) -> web.Response:
        code = 401 if request.headers.get("Authorization") != "Bearer t" else shown["status"]
        return web.json_response({"StatusSNS": {"ENERGY": shown}}, status=code)

    app = web.Application()
    app.router.add_get("/cm", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings: Mapping[str, object] = {"url": url, "mapping": str(file), "poll_s": 0.1}
    async with watching(build("http", settings, "gateway.toml")) as watch:
        assert "refuses the authorization" in (await watch.activity(Activity.UNREACHABLE)).words
    async with watching(build("http", {**settings, "authorization": "Bearer t"}, "gateway.toml")) as watch:
        await watch.activity(Activity.IDLE)
        shown.update(Power=900, Total=12.75)
        await watch.activity(Activity.BUSY)
        shown.update(Power=0)
        await watch.activity(Activity.IDLE)
        reading = [one for one in watch.seen if isinstance(one, ReadingTaken)][-1].counters
        assert reading[Quantity.ENERGY_MWH] == 250_000
        assert reading[Quantity.BUSY_TIME_MS] > 0
        shown.update(status=500)
        assert "answers 500" in (await watch.activity(Activity.UNREACHABLE)).words
        shown.update(status=200, Total=0.25)  # its counter was reset meanwhile
        await watch.next(ReadingTaken, lambda one: one.counters[Quantity.ENERGY_MWH] == 500_000)
    await runner.cleanup()


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
