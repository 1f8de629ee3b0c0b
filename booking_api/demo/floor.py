"""The whole floor as one tree of processes: broker, Prometheus, server, gateway, and staff."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from booking_api.broker.plan import Identity, IdentityKind
from booking_api.broker.process import BrokerProcess, run_broker
from booking_api.broker.process import BrokerSettings as BrokerRun
from booking_api.broker.settings import BrokerSettings
from booking_api.child import Child, Door
from booking_api.db import Database
from booking_api.demo import files, seed
from booking_api.demo.cast import GATEWAY, MACHINES
from booking_api.demo.folder import SAVE_EVERY_S, SERVER, SIGN_INS, Folder, held_folder
from booking_api.demo.processes import running, wait_for
from booking_api.demo.staff import Staff
from booking_api.gateways.enrol import Enrolment, passwords, recall
from booking_api.gateways.keys import Signer, open_signer
from booking_api.migrations import upgrade
from booking_api.prometheus.process import (
    HOST,
    HOW_TO_GET,
    PrometheusProcess,
    PrometheusSettings,
    find_prometheus,
)
from booking_api.vault import open_vault
from floor.errors import ConfigError

SCRAPE_S = 5
SPEED_MAX = 600


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How a demonstration runs.

    `speed`: floor seconds in one real second, 1 to 600. Port 0 takes a free one. `fresh` deletes what the
    folder held. `seed` chooses what people do; None: another at each start.
    """

    data: Path
    speed: int = 1
    port: int = 0
    fresh: bool = False
    seed: int | None = None
    prometheus: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.speed <= SPEED_MAX:
            raise ConfigError(
                "makerfloor demo",
                "--speed",
                f"is {self.speed}",
                f"Choose a whole number from 1 to {SPEED_MAX}.",
            )


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the database gave: secrets of programs, and ids for the staff."""

    signer: Signer
    enrolment: Enrolment
    token: str
    payers: dict[str, bool]
    identities: tuple[Identity, ...]
    began: bool


class DemoFloor:
    """A running floor; made by `demo_floor` and `demo_floor_in_background`.

    `address` is that of the server; `sign_ins` maps a name to its password.
    """

    def __init__(self, settings: DemoSettings, folder: Folder, say: Callable[[str], None]) -> None:
        kept = folder.passwords()
        self.settings = settings
        self.folder = folder
        self.scale = folder.time_scale(settings.speed)
        self.sign_ins = {name: kept[name] for name in SIGN_INS}
        self.address = ""
        self.pids: dict[str, int] = {}
        self._server_password = kept[SERVER]
        self._say = say
        self._tasks: list[asyncio.Task[str]] = []

    async def ended(self) -> str:
        """Wait until some part ends by itself, and say which, with its log and its last words."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Start all parts in order; the stack ends them in the opposite one."""
        folder, port = self.folder, Door("makerfloor demo", HOST, self.settings.port, "--port").free_port()
        self.address = f"http://{HOST}:{port}"
        stack.callback(folder.save_time, self.scale)
        prepared = await asyncio.to_thread(self._prepare)
        self._say(f"  data         {folder.path} ({'new' if prepared.began else 'continued'})")
        broker = await stack.enter_async_context(
            run_broker(BrokerRun(folder.path / "broker", prepared.identities))
        )
        self._say(f"  broker       {broker.engine} on {HOST}:{broker.port}")
        self.pids["broker"] = broker.pid
        self._watch("broker", folder.path / "broker" / f"{broker.engine}.log", broker.ended())
        gateway_port = Door("gateway", HOST, 0).free_port()
        prometheus = await self._prometheus(stack, port, gateway_port)
        await self._server(stack, port, broker, prometheus)
        await self._gateway(stack, broker, prepared, gateway_port)
        staff = Staff(self.address, prepared.token, self.settings.speed, prepared.payers)
        self._tasks += [asyncio.create_task(staff.run()), asyncio.create_task(self._save_time())]
        stack.push_async_callback(self._end_tasks)

    def _prepare(self) -> _Prepared:
        data = self.folder.path / "server"
        data.mkdir(exist_ok=True)
        database = Database(f"sqlite:///{data / 'makerfloor.db'}", data)
        try:
            upgrade(database.engine)
            vault = open_vault(data)
            real_ms = time.time_ns() // 1_000_000
            with database.write() as session:
                began = seed.seed(session, vault, self.sign_ins, self.scale.at(real_ms))
                session.flush()
                gateways = passwords(session, vault).items()
                server = Identity(SERVER, self._server_password, IdentityKind.SERVER)
                return _Prepared(
                    open_signer(data),
                    recall(session, vault, GATEWAY),
                    seed.staff_token(session, real_ms),
                    seed.payers(session),
                    (server, *(Identity(name, word, IdentityKind.GATEWAY) for name, word in gateways)),
                    began,
                )
        finally:
            database.close()

    async def _prometheus(self, stack: contextlib.AsyncExitStack, port: int, gateway_port: int) -> str | None:
        if not self.settings.prometheus or find_prometheus() is None:
            if self.settings.prometheus:
                self._say(f"  prometheus   {HOW_TO_GET}; without it there is no utilisation page")
            return None
        settings = PrometheusSettings(
            self.folder.path / "prometheus",
            {GATEWAY: f"{HOST}:{gateway_port}"},
            f"{HOST}:{port}",
            scrape_interval_s=SCRAPE_S,
        )
        prometheus = await stack.enter_async_context(PrometheusProcess(settings))
        self._say(f"  prometheus   {prometheus.url}")
        self._watch("Prometheus", settings.directory / "prometheus.log", prometheus.ended())
        return prometheus.url

    async def _server(
        self, stack: contextlib.AsyncExitStack, port: int, broker: BrokerProcess, prometheus: str | None
    ) -> None:
        file = self.folder.path / "makerfloor.toml"
        files.write_server(file, HOST, port, self._reach(broker, self._server_password), prometheus)
        arguments = ["--config", str(file), "serve", "--time-scale", str(self.scale)]
        child = await stack.enter_async_context(
            running("makerfloor", arguments, self.folder.logs / "server.log")
        )
        async with httpx.AsyncClient(base_url=self.address, trust_env=False) as client:

            async def ready() -> bool:
                with contextlib.suppress(httpx.HTTPError):
                    return (await client.get("/healthz")).status_code == httpx.codes.OK
                return False

            await wait_for("server", child, ready)
        self._watch_child("server", child)
        self._say(f"  server       {self.address}")

    async def _gateway(
        self, stack: contextlib.AsyncExitStack, broker: BrokerProcess, prepared: _Prepared, port: int
    ) -> None:
        folder = self.folder.path / "gateway"
        folder.mkdir(exist_ok=True)
        file = folder / "gateway.toml"
        chosen = self.settings.seed if self.settings.seed is not None else self.scale.real_ms // 1000
        reach = self._reach(broker, prepared.enrolment.password)
        enrolment, speed = prepared.enrolment, self.settings.speed
        files.write_gateway(file, enrolment, prepared.signer, reach, self.address, port, speed, chosen)
        arguments = ["--config", str(file), "simulate", "--time-scale", str(self.scale)]
        child = await stack.enter_async_context(
            running("makerfloor-gateway", arguments, self.folder.logs / "gateway.log")
        )
        headers = {"Authorization": f"Bearer {prepared.token}"}
        async with httpx.AsyncClient(base_url=self.address, headers=headers, trust_env=False) as client:

            async def ready() -> bool:
                with contextlib.suppress(httpx.HTTPError):
                    machines = (await client.get("/api/v1/machines")).raise_for_status().json()
                    return all(machine["state"] != "offline" for machine in machines)
                return False

            await wait_for("gateway", child, ready)
        self._watch_child("gateway", child)
        self._say(f"  gateway      {len(MACHINES)} machines, and people who use them")

    @staticmethod
    def _reach(broker: BrokerProcess, password: str) -> BrokerSettings:
        return BrokerSettings(broker.host, broker.port, SERVER, password, None)

    def _watch_child(self, name: str, child: Child) -> None:
        self.pids[name] = child.pid
        self._watch(name, child.log, child.ended())

    def _watch(self, name: str, log: Path, ended: Coroutine[None, None, str]) -> None:
        async def sentence() -> str:
            return f"the {name} ended by itself: {await ended}. Its log is {log}"

        self._tasks.append(asyncio.create_task(sentence()))

    async def _save_time(self) -> str:
        """Save ahead of time: a start after a power cut must not go back."""
        while True:
            self.folder.save_time(self.scale, 2 * SAVE_EVERY_S)
            await asyncio.sleep(SAVE_EVERY_S)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def demo_floor(
    settings: DemoSettings, say: Callable[[str], None] = lambda _: None
) -> AsyncIterator[DemoFloor]:
    """Run a floor for as long as the block lasts; when it begins, machines are on the board.

    `say` is given a line on each step. Raises ConfigError for what keeps it from starting.
    """
    with held_folder(settings.data, fresh=settings.fresh) as folder:
        floor = DemoFloor(settings, folder, say)
        async with contextlib.AsyncExitStack() as stack:
            await floor.start(stack)
            yield floor


@contextlib.contextmanager
def demo_floor_in_background(settings: DemoSettings) -> Iterator[DemoFloor]:
    """Run a floor from code without an event loop of its own, such as a browser's test."""
    started: Future[DemoFloor] = Future()
    stop: list[Callable[[], object]] = []

    async def live() -> None:
        end = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(end.set))
        async with demo_floor(settings) as floor:
            started.set_result(floor)
            await end.wait()

    def told(done: Future[None]) -> None:
        if not started.done():
            started.set_exception(done.exception() or AssertionError("the floor ended before it began"))

    with ThreadPoolExecutor(1, thread_name_prefix="demo") as thread:
        living = thread.submit(asyncio.run, live())
        living.add_done_callback(told)
        floor = started.result()
        try:
            yield floor
        finally:
            stop[0]()
            living.result()
