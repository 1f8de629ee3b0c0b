"""The Bambu Lab driver on a real Mosquitto with TLS, against a scripted printer in a process of its own."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from booking_api.broker.plan import Tls
from firmware_bridge.backoff import Backoff
from firmware_bridge.bambu.driver import BambuDriver, BambuSettings
from firmware_bridge.events import ActivityChanged, Identified, JobEnded, JobStarted
from firmware_bridge.settings import read
from firmware_bridge.transports import Login
from firmware_bridge.transports.ftps import FtpsTransport
from firmware_bridge.transports.tls import TlsPeer
from floor.errors import ConfigError, MachineFault, MachineUnreachable
from floor.meter import Quantity
from floor.words import Activity, JobOutcome
from tests.contract.firmware.bambu_peer import CODE, SERIAL, SIGNED_ONLY, PrinterProcess
from tests.kit.driver_contract import Bench, DriverContract, Lack
from tests.kit.mosquitto import Mosquitto
from tests.kit.printer_certificates import fingerprint, printer_certificates
from tests.kit.sliced_files import gcode_3mf
from tests.kit.watch import Watch, watching

ROOT = Path(__file__).resolve().parents[3]
PYFTPDLIB = ROOT / ".peers" / "pyftpdlib" / "bin" / "python"


class Floor:
    """A printer with its broker, its files and its certificate."""

    def __init__(self, folder: Path) -> None:
        self.tls = printer_certificates(folder / "tls", SERIAL)
        self.broker = Mosquitto(folder, self.tls, ("bblp", CODE))
        self.printer = PrinterProcess(self.broker.port, self.tls.cafile)
        self.files = folder / "sdcard"
        self.files.mkdir()
        self.ftps, port = serve_files(self.files, self.tls)
        self.files_url = f"ftps://127.0.0.1:{port}"

    def settings(self, **more: object) -> BambuSettings:
        given: dict[str, object] = {
            "url": f"mqtts://127.0.0.1:{self.broker.port}",
            "serial": SERIAL,
            "access_code": CODE,
            "ca": str(self.tls.cafile),
            "commands": "yes",
            "silence_s": 2.0,
            "deadline_s": 10.0,
        }
        return read(BambuSettings, given | more, "gateway.toml")

    def driver(self, **more: object) -> BambuDriver:
        return BambuDriver(self.settings(**more), backoff=Backoff(0.1, 0.3))

    def close(self) -> None:
        self.printer.stop()
        self.broker.stop()
        self.ftps.kill()
        self.ftps.communicate(timeout=30)


def serve_files(folder: Path, tls: Tls) -> tuple[subprocess.Popen[str], int]:
    assert PYFTPDLIB.is_file(), "pyftpdlib is missing: install it with `python scripts/peers.py pyftpdlib`"
    script = ROOT / "tests" / "peers" / "implicit_ftps.py"
    command = [PYFTPDLIB, script, folder, "bblp", CODE, tls.certfile, tls.keyfile]
    served = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert served.stdout is not None
    return served, int(served.stdout.readline())


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    made = Floor(tmp_path_factory.mktemp("bambu"))
    yield made
    made.close()


class PrinterBench(Bench):
    kind = "bambu"
    quantity = Quantity.JOB_TIME_MS
    lacks = frozenset({Lack.USER, Lack.COUNTERS})

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    async def _tell(self, order: str, **values: object) -> None:
        await asyncio.to_thread(self._floor.printer.tell, order, **values)

    def driver(self) -> BambuDriver:
        return self._floor.driver()

    async def start(self) -> None:
        await self._tell("start")

    async def finish(self) -> None:
        await self._tell("finish")

    async def abort(self) -> None:
        await self._tell("abort")

    async def fault(self) -> None:
        await self._tell("fault")

    async def clear(self) -> None:
        await self._tell("set", print_error=0)

    async def power_cut(self) -> None:
        await asyncio.to_thread(self._floor.broker.stop)

    async def power_up(self) -> None:
        await self._tell("power")
        await self.plug_in()

    async def unplug(self) -> None:
        await asyncio.to_thread(self._floor.broker.stop)

    async def plug_in(self) -> None:
        await asyncio.to_thread(self._floor.broker.start)

    async def mute(self) -> None:
        await self._tell("mute")

    async def unmute(self) -> None:
        await self._tell("power")

    async def noise(self) -> None:
        await self._tell("noise")

    async def wrong_clock(self) -> None:
        await self._tell("set", gcode_start_time="86400")


class TestContract(DriverContract):
    @pytest.fixture(autouse=True)
    def _floor(self, floor: Floor) -> None:
        self.floor = floor

    @asynccontextmanager
    async def bench(self, tmp_path: Path) -> AsyncIterator[PrinterBench]:
        await asyncio.to_thread(self.floor.printer.tell, "power")
        yield PrinterBench(self.floor)


@asynccontextmanager
async def idle(floor: Floor, **more: object) -> AsyncIterator[Watch]:
    """Switch the printer on, and read it until it is idle."""
    await asyncio.to_thread(floor.printer.tell, "power")
    async with watching(floor.driver(**more)) as watch:
        await watch.activity(Activity.IDLE)
        yield watch


async def set_to(floor: Floor, **values: object) -> None:
    await asyncio.to_thread(floor.printer.tell, "set", **values)


async def test_a_job_costs_the_slicers_filament_and_says_its_spool(floor: Floor) -> None:
    (floor.files / "bracket.gcode.3mf").write_bytes(gcode_3mf(used_m="5.45", used_g="17.32"))
    async with idle(floor, files=floor.files_url) as watch:
        began_s = time.monotonic()
        named = next(event for event in watch.seen if isinstance(event, Identified))
        assert (named.name, named.firmware) == (f"Bambu Lab P1S {SERIAL}", "01.08.02.00")
        await asyncio.to_thread(floor.printer.tell, "start")
        started = await watch.next(JobStarted)
        assert started.name == "bracket"
        await set_to(floor, layer_num=11)
        assert await watch.counted(Quantity.FILAMENT_MG, 17_320 // 2) < 17_320
        await asyncio.to_thread(floor.printer.tell, "finish")
        ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
        assert ended.words == "17.32 g PLA of spool D99401E841C14828BF2E1B859AF2F770 in tray 2"
        assert watch.counter(Quantity.FILAMENT_MG) == 17_320
        assert watch.counter(Quantity.FILAMENT_UM) == 5_450_000
        assert watch.counter(Quantity.JOBS) == 1
        assert watch.counter(Quantity.JOB_TIME_MS) == ended.job_time_ms
        assert 0 < ended.job_time_ms <= (time.monotonic() - began_s) * 1000


async def test_a_cancelled_job_costs_what_its_gcode_extruded_by_then(floor: Floor) -> None:
    (floor.files / "cache").mkdir(exist_ok=True)
    (floor.files / "older.gcode.3mf").write_bytes(gcode_3mf(layers=7))  # of that name, but another
    (floor.files / "cache" / "older.3mf").write_bytes(gcode_3mf(layers=20, used_m="1.00", used_g="3.00"))
    async with idle(floor, files=floor.files_url) as watch:
        await asyncio.to_thread(floor.printer.tell, "start older")
        await set_to(floor, layer_num=11)
        await watch.counted(Quantity.FILAMENT_MG, 1500)
        await watch.driver.cancel()
        ended = await watch.next(JobEnded)
        assert ended.outcome is JobOutcome.CANCELLED
        # ten of twenty layers of 50 mm, and the 0.8 mm of the first unretraction
        assert 1500 <= watch.counter(Quantity.FILAMENT_MG) <= 1502
        assert (await watch.activity(Activity.IDLE)).words.startswith("FAILED")


async def test_a_job_without_a_file_is_counted_by_time_and_says_what_is_missing(floor: Floor) -> None:
    async with idle(floor, files=floor.files_url) as watch:
        await asyncio.to_thread(floor.printer.tell, "start nowhere")
        await watch.counted(Quantity.JOB_TIME_MS, 1)
        await asyncio.to_thread(floor.printer.tell, "finish")
        assert (await watch.next(JobEnded)).outcome is JobOutcome.DONE
        said = " ".join(str(event) for event in watch.seen)
        assert "the filament of nowhere is not metered: there is none of /nowhere.gcode.3mf" in said


async def test_a_line_that_breaks_in_a_job_ends_it_once_with_what_the_printer_says_then(floor: Floor) -> None:
    async with idle(floor) as watch:
        await asyncio.to_thread(floor.printer.tell, "start")
        started = await watch.next(JobStarted)
        await asyncio.to_thread(floor.broker.stop)
        await watch.activity(Activity.UNREACHABLE)
        with pytest.raises(MachineUnreachable, match="not connected"):
            await watch.driver.hold()
        await asyncio.to_thread(floor.printer.tell, "finish")
        await asyncio.to_thread(floor.broker.start)
        ended = await watch.next(JobEnded)
        assert (ended.job_id, ended.outcome) == (started.job_id, JobOutcome.DONE)
        assert "no connection" in ended.words


@pytest.mark.parametrize(
    ("settings", "says", "words"),
    [
        ({"commands": "no"}, {"fun": "0"}, 'its setting is commands = "no"'),
        ({}, {"fun": SIGNED_ONLY}, "signed commands only"),
        ({}, {"refuses": True}, r"\(0502-4007\)"),
    ],
)
async def test_a_printer_that_takes_no_orders_is_given_none(
    floor: Floor, settings: dict[str, object], says: dict[str, object], words: str
) -> None:
    async with idle(floor, **settings) as watch:
        await set_to(floor, **says)
        await asyncio.to_thread(floor.printer.tell, "start")
        await watch.counted(Quantity.JOB_TIME_MS, 1)
        orders = [watch.driver.hold, watch.driver.cancel]
        if "refuses" not in says:  # a printer that prints is not told to go on, and has nothing to refuse
            orders.append(watch.driver.resume)
        for order in orders:
            with pytest.raises(MachineFault, match=f"cannot be told to .*{words}"):
                await order()
        assert not [e for e in watch.seen if isinstance(e, ActivityChanged) and e.activity is Activity.HELD]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("access_code", "00000000", "(?i)not authorized"),
        ("ca", "stranger", "(?i)certificate verify failed"),
        ("serial", "01P00A000000000", "(?i)certificate verify failed.*mismatch"),
        ("fingerprint", "00" * 32, "another fingerprint"),
    ],
)
async def test_whoever_is_not_the_printer_is_not_spoken_to(
    floor: Floor, tmp_path: Path, key: str, value: str, words: str
) -> None:
    if key == "ca":
        value = str(printer_certificates(tmp_path, SERIAL).cafile)
    async with watching(floor.driver(**{key: value})) as watch:
        lost = await watch.activity(Activity.UNREACHABLE)
    assert re.search(words, lost.words), lost.words


async def test_a_fingerprint_alone_is_enough(floor: Floor) -> None:
    await asyncio.to_thread(floor.printer.tell, "power")
    pinned = floor.settings(fingerprint=fingerprint(floor.tls.certfile), ca="/nowhere.pem")
    async with watching(BambuDriver(pinned)) as watch:
        await watch.activity(Activity.IDLE)


async def test_files_are_bounded_verified_and_refused(floor: Floor, tmp_path: Path) -> None:
    (floor.files / "long.3mf").write_bytes(bytes(range(256)) * 400)
    peer = TlsPeer(name=SERIAL, ca=str(floor.tls.cafile))
    transport = FtpsTransport(floor.files_url, Login("bblp", CODE), peer, "test")
    found = await transport.fetch(["/nowhere.3mf", "/long.3mf"], 1 << 20)
    assert found is not None
    with found[1] as file:
        assert (found[0], file.read()) == ("/long.3mf", bytes(range(256)) * 400)
    assert await transport.fetch(["/nowhere.3mf"], 1 << 20) is None
    with pytest.raises(MachineFault, match="more than 1000 bytes"):
        await transport.fetch(["/long.3mf"], 1000)
    with pytest.raises(MachineUnreachable):
        await transport.fetch(["/a\r\nDELE /long.3mf"], 1000)
    await transport.aclose()
    pinned = TlsPeer(name="another", sha256=fingerprint(floor.tls.certfile))
    for whose in (pinned, TlsPeer(name=SERIAL, sha256="0" * 64)):
        other = FtpsTransport(floor.files_url, Login("bblp", CODE), whose, "test")
        if whose is pinned:
            assert await other.fetch(["/long.3mf"], 1 << 20) is not None
        else:
            with pytest.raises(MachineUnreachable, match="another fingerprint"):
                await other.fetch(["/long.3mf"], 1 << 20)
        await other.aclose()
    for login, whose, kind in (
        (Login("bblp", "wrong"), peer, MachineFault),
        (Login("bblp", CODE), TlsPeer(name="another", ca=peer.ca), MachineUnreachable),
    ):
        other = FtpsTransport(floor.files_url, login, whose, "test")
        with pytest.raises(kind):
            await other.fetch(["/long.3mf"], 1 << 20)
        await other.aclose()


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"commands": "yesterday"}, "commands"),
        ({"serial": "01P/#"}, "serial"),
        ({"ca": "", "fingerprint": ""}, "ca"),
        ({"ca": "/nowhere.pem"}, "ca"),
        ({"fingerprint": "12:34"}, "fingerprint"),
        ({"url": "mqtts://"}, "url"),
        ({"files": "ftps://h/x"}, "files"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(tmp_path: Path, wrong: dict[str, str], key: str) -> None:
    ca = printer_certificates(tmp_path, SERIAL).cafile
    right = {"url": "mqtts://h", "serial": SERIAL, "access_code": CODE, "ca": str(ca)}
    with pytest.raises(ConfigError) as caught:
        BambuDriver(BambuSettings(**right | wrong))  # type: ignore[arg-type] # texts, all of them
    assert caught.value.key == key
