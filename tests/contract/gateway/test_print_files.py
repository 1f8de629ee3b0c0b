"""Files of queued prints come to the gateway: from a server that fails, lies or is somebody else's."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from booking_api.broker.certificates import make_certificates
from floor.wire.roster import QueuedPrint, RosterMachine
from gateway import print_files
from gateway.config import ServerConfig
from gateway.print_files import FOLDER, PrintFiles
from tests.kit.gateway import TARIFF, Bench, MachinePolicy

TOKEN = "5c" * 16
GCODE = b"G1 X1 E1\n" * 40_000


def queued(id: str, content: bytes = GCODE, size: int = 0) -> QueuedPrint:
    return QueuedPrint(
        id=id,
        member="ada",
        account="ada",
        name="gear.gcode",
        sha256=hashlib.sha256(content).hexdigest(),
        size=size or len(content),
        token=TOKEN,
    )


class Files:
    """The server as a gateway sees it: answers each id with its queued answers, the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        self.asked.append(id)
        if request.headers.get("X-Print-Token") != TOKEN:
            return web.Response(status=404)
        answers = self.answers.get(id, [(404, b"")])
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        headers = {"Location": "/api/print-files/elsewhere"} if status == 302 else {}
        return web.Response(status=status, body=body, headers=headers)


@asynccontextmanager
async def serving(files: Files, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/api/print-files/{id}", files.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Shop(Bench):
    """A gateway's folder and roster; `queue` says what waits."""

    n = 2

    def queue(self, *prints: QueuedPrint) -> None:
        entry = RosterMachine(
            id="laser", name="Laser", policy=MachinePolicy(), tariffs=[TARIFF], prints=list(prints)
        )
        self.n += 1
        self.roster.take(self.server.roster(n=self.n, machines=[entry]))
        self.prints.roster_came()

    def names(self) -> set[str]:
        return {path.name for path in (self.folder / FOLDER).glob("*")}


@asynccontextmanager
async def fetching(folder: Path, server: ServerConfig, *prints: QueuedPrint) -> AsyncIterator[Shop]:
    shop = Shop(folder, files_from=server)
    shop.queue(*prints)
    task = asyncio.create_task(shop.prints.run())
    try:
        yield shop
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        shop.journal.close()


async def until(holds: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(what) from None


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(print_files, "BACKOFF_S", (0.05, 0.1))


async def test_what_is_queued_comes_and_what_is_not_goes(tmp_path: Path) -> None:
    files = Files()
    files.answers = {"a": [(200, GCODE)], "b": [(200, GCODE)]}
    async with serving(files) as url, fetching(tmp_path, ServerConfig(url), queued("a")) as shop:
        await until(lambda: shop.prints.path(queued("a")), "the file")
        assert (shop.prints.path(queued("a")) or tmp_path).read_bytes() == GCODE
        shop.queue(queued("a"), queued("b"))
        await until(lambda: shop.prints.path(queued("b")), "the second file")
        shop.queue(queued("b"))
        await until(lambda: shop.names() == {"b.gcode"}, "the first goes")
        assert files.asked == ["a", "b"], "each once"
        await shop.prints.sent(queued("b"))
        await until(lambda: shop.names() == {"b.sent"}, "what was printed goes, and is remembered")
        again = PrintFiles(tmp_path, ServerConfig(url), shop.roster, shop.metrics)
        assert again.first("laser", "ada") is None
        shop.queue()
        await until(lambda: not shop.names(), "nothing is remembered of what the roster has no more")


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param((200, GCODE[:-1] + b"!"), id="another content"),
        pytest.param((200, GCODE[:-9]), id="cut short"),
        pytest.param((200, GCODE + b"!"), id="longer"),
        pytest.param((404, b""), id="unknown"),
        pytest.param((500, b""), id="out of order"),
        pytest.param((302, b""), id="sent elsewhere"),
    ],
)
async def test_what_is_wrong_is_never_kept_and_tried_again(tmp_path: Path, bad: tuple[int, bytes]) -> None:
    files = Files()
    files.answers = {"a": [bad, bad, (200, GCODE)], "elsewhere": [(200, GCODE)]}
    async with serving(files) as url, fetching(tmp_path, ServerConfig(url), queued("a")) as shop:
        await until(lambda: len(files.asked) >= 2, "a second trial")
        assert "a.gcode" not in shop.names()
        await until(lambda: shop.prints.path(queued("a")), "the right file at last")
        assert files.asked == ["a", "a", "a"]


async def test_one_that_does_not_come_keeps_none_waiting_and_a_restart_keeps_what_is_here(
    tmp_path: Path,
) -> None:
    files = Files()
    files.answers = {"b": [(200, GCODE)]}
    async with serving(files) as url:
        async with fetching(tmp_path, ServerConfig(url), queued("a"), queued("b")) as shop:
            await until(lambda: shop.prints.path(queued("b")), "the second file")
        (tmp_path / FOLDER / "stray.part").write_bytes(b"cut by a power failure")
        files.asked.clear()
        again = Shop(tmp_path, files_from=ServerConfig(url))
        assert again.prints.path(queued("b"))
        again.journal.close()


async def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path) -> None:
    big = b"G1 X1 E1\n" * 100_000
    files = Files()
    files.answers = {id: [(200, big)] for id in "abc"}
    prints = [queued("a", big), queued("b", big), queued("c", GCODE)]
    files.answers["c"] = [(200, GCODE)]
    async with serving(files) as url, fetching(tmp_path, ServerConfig(url, cache_mib=1), *prints) as shop:
        await until(lambda: shop.prints.path(prints[0]), "the first")
        await asyncio.sleep(0.1)
        assert shop.names() == {"a.gcode"}
        shop.queue(*prints[1:])
        await until(lambda: shop.prints.path(prints[1]), "the second in its place")


async def test_a_server_is_believed_by_its_certificate_alone(tmp_path: Path) -> None:
    for name in ("known", "unknown"):
        (tmp_path / name).mkdir()
    made = make_certificates(tmp_path / "tls", ["gw"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.server.certfile, made.server.keyfile)
    files = Files()
    files.answers = {"a": [(200, GCODE)]}
    async with serving(files, tls) as url:
        async with fetching(tmp_path / "unknown", ServerConfig(url), queued("a")) as shop:
            failed = ("makerfloor_peer_errors_total", {"source": "print_file"})
            registry = shop.metrics.registry
            await until(lambda: (registry.get_sample_value(*failed) or 0) >= 2, "nobody knows its authority")
            assert files.asked == []
        async with fetching(tmp_path / "known", ServerConfig(url, str(made.cafile)), queued("a")) as shop:
            await until(lambda: shop.prints.path(queued("a")), "the file")
