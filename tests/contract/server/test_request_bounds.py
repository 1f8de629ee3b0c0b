"""What is too long, too large or too slow is refused in a sentence, at the real server's own socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from booking_api.patience import HEAD_MAX, Patient
from booking_api.web import limits
from booking_api.web.limits import BODY_MAX, HEADERS_MAX, URL_MAX, Bounded
from tests.kit.web import WebFloor, build

API = "/api/v1"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    return build(tmp_path_factory.mktemp("bounds"))


class Hasty(Patient):
    """The server's protocol, with less patience."""

    head_within_s = 0.3


@pytest.fixture
async def port(web: WebFloor) -> AsyncIterator[int]:
    config = uvicorn.Config(web.app, "127.0.0.1", 0, http=Hasty, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True


async def said(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Send pieces to a server, and return all that it says until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(pause_s)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


async def test_a_large_body_is_refused_wherever_it_goes(web: WebFloor) -> None:
    large = b"x" * (BODY_MAX + 1)
    async with web.program("olga") as client:
        kind = {"content-type": "application/json"}
        told = await client.post(f"{API}/members", content=large, headers=kind)
        assert (told.status_code, told.json()["code"]) == (413, "body_too_large")

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"y" * BODY_MAX

        untold = await client.post(f"{API}/members", content=pieces(), headers=kind)
        assert untold.status_code == 413, "a length that nobody declared is counted"
    page = await web.browser().post("/sign-in", content=large, headers={"content-type": "text/plain"})
    assert page.status_code in {413, 422}
    form = await web.browser().post("/sign-in", data={"login": "x", "password": "y" * BODY_MAX})
    assert (form.status_code, "too large" in form.text) == (413, True)


async def test_long_addresses_and_heads_are_refused(web: WebFloor) -> None:
    client = web.browser()
    assert (await client.get("/?q=" + "a" * URL_MAX)).status_code == 414
    assert (await client.get("/", headers={"x-long": "a" * HEADERS_MAX})).status_code == 431
    assert (await client.get("/?unknown=" + "a" * 4_000)).status_code == 200


async def test_a_body_that_never_ends_is_given_up() -> None:
    async def app(scope: object, receive: limits.Receive, send: limits.Send) -> None:
        while (await receive()).get("more_body"):
            pass

    async def never() -> dict[str, object]:
        await asyncio.sleep(0.03)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def nothing(message: object) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "path": "/x", "raw_path": b"/x", "query_string": b"", "headers": []}
    with pytest.raises(limits.HTTPException) as caught:
        await Bounded(app, within_s=0.2)(scope, never, nothing)  # type: ignore[arg-type] # a bare application
    assert caught.value.status_code == 408


async def test_a_head_that_comes_slowly_or_without_end_is_cut_off(port: int) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    whole = head + b"Connection: close\r\n\r\n"
    assert (await said(port, whole)).endswith(b"ok\n")
    assert await said(port) == b"", "who says nothing"
    assert await said(port, head, b"X-Slow: 1\r\n", pause_s=0.05) == b"", "who never ends"
    with contextlib.suppress(ConnectionError):  # who is cut off may learn it by a reset
        assert await said(port, head + b"X-Long: " + b"a" * (HEAD_MAX + 10)) == b""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(2):
            assert (await client.get("/healthz")).text == "ok\n"
            await asyncio.sleep(0.35)  # longer than a head may take: between requests it is not counted
