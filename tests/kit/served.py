"""The floor of tests behind a real socket, for a real browser."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from tests.kit.web import WebFloor

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
READY_S = 30.0


class Served:
    """A running server. `tell` changes the live floor in the server's own loop."""

    def __init__(self, web: WebFloor) -> None:
        self.web = web
        config = uvicorn.Config(web.app, "127.0.0.1", 0, log_level="warning", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._server.serve())
            while not self._server.started and not serving.done():
                await asyncio.sleep(0.02)
            sockets = self._server.servers[0].sockets
            self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
            self._ready.set()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(READY_S), "the server did not start"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(READY_S)
        self.web.context.database.close()

    def tell(self, change: Callable[[], None]) -> None:
        """Do something in the server's loop, and wait until it is done."""
        done = threading.Event()

        def act() -> None:
            change()
            done.set()

        assert self._loop is not None
        self._loop.call_soon_threadsafe(act)
        assert done.wait(READY_S)

    def ask(self, doing: Coroutine[None, None, None]) -> None:
        """Await something in the server's loop, until it is done; raises what it raises."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(READY_S)


@contextlib.contextmanager
def serving(web: WebFloor) -> Iterator[Served]:
    served = Served(web)
    served.start()
    try:
        yield served
    finally:
        served.stop()


def chromium_path() -> str:
    """Return the program of Chromium without windows, which needs half the processor of the one with them."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert path, "Chromium is missing: apt-get install chromium-headless-shell"
    return path


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()
