"""The proxies of deploy/ before a real server: what people, live pages and uploads meet."""

from __future__ import annotations

import hashlib
import re
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from booking_api.web.limits import BODY_MAX, LARGE, MIB
from tests.kit import proxies
from tests.kit.proxies import DEPLOY, Space

ELSEWHERE = "127.0.0.2"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    with proxies.space(tmp_path_factory.mktemp("space")) as space:
        yield space


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def space(request: pytest.FixtureRequest, served: Space) -> Iterator[Space]:
    with getattr(proxies, request.param)(served):
        yield served


def counted_at(space: Space, address: str) -> int:
    """Return how many wrong passwords the server has counted of an address."""
    (path,) = (space.folder / "space").rglob("makerfloor.db")
    key = hashlib.sha256(f"place\0{address}".encode()).hexdigest()
    books = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        found = books.execute("SELECT tries FROM throttled WHERE key = ?", (key,)).fetchone()
    finally:
        books.close()
    return int(found[0]) if found else 0


def sign_in(browser: httpx.Client, password: str, **headers: str) -> httpx.Response:
    form = {"login": "admin", "password": password}
    return browser.post("/sign-in", data=form, headers=headers)


def test_a_wrong_password_counts_where_it_came_from_whatever_the_client_claims(space: Space) -> None:
    before = counted_at(space, ELSEWHERE)
    with space.browser(ELSEWHERE) as browser:
        claimed = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
        assert sign_in(browser, "wrong", **claimed).status_code == 401
    assert counted_at(space, ELSEWHERE) == before + 1
    assert counted_at(space, "203.0.113.9") == 0
    assert counted_at(space, "127.0.0.1") == 0


def test_whoever_passes_by_the_proxy_is_not_believed_either(served: Space) -> None:
    transport = httpx.HTTPTransport(local_address="127.0.0.3", trust_env=False)
    with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{served.port}", timeout=60) as browser:
        sign_in(browser, "wrong", **{"X-Forwarded-For": "203.0.113.9"})
    assert counted_at(served, "127.0.0.3") == 1
    assert counted_at(served, "203.0.113.9") == 0


def test_signing_in_gives_a_cookie_for_tls_only_and_browsers_are_told_to_stay_with_it(space: Space) -> None:
    with space.browser() as browser:
        answer = sign_in(browser, space.password)
        assert answer.status_code == 303
        cookies = answer.headers.get_list("set-cookie")
        assert any(cookie.startswith("__Host-makerfloor=") for cookie in cookies)
        assert all("Secure" in cookie for cookie in cookies)
        assert answer.headers["location"].startswith("/")
        assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
        assert "First" in browser.get("/").text
        stranger = sign_in(browser, space.password, **{"Sec-Fetch-Site": "cross-site"})
        assert stranger.status_code == 403


def test_a_live_page_is_not_held_back(space: Space) -> None:
    with space.browser() as browser, browser.stream("GET", "/live/board") as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert next(stream.iter_text()).startswith(("data: ", ": "))


def test_what_the_server_takes_comes_through_and_what_is_too_large_is_refused(space: Space) -> None:
    with space.browser() as browser:
        large = browser.post("/api/v1/prints?name=a.gcode&machine=x", content=bytes(5 * MIB))
        assert large.status_code == 401, "a file comes through, and the server says who may"
    with space.browser() as browser:  # anew: what was answered before its end is closed by the proxy
        within = browser.post("/api/v1/members", content=bytes(BODY_MAX + 1))
        assert (within.status_code, within.json()["status"]) == (413, 413)


@pytest.mark.parametrize("space", ["nginx"], indirect=True)
def test_nginx_refuses_what_no_path_takes_before_it_comes(space: Space) -> None:
    most = max(most for _, most in LARGE)
    head = f"POST /api/v1/prints HTTP/1.1\r\nHost: localhost\r\nContent-Length: {most + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", space.https), 60) as line:
        line = space.trusted().wrap_socket(line, server_hostname="localhost")
        line.sendall(head.encode())
        assert line.recv(1000).split()[1] == b"413"


def test_assets_are_asked_for_again_and_not_sent_again(space: Space) -> None:
    with space.browser() as browser:
        style = browser.get("/static/base.css")
        assert (style.status_code, style.headers["cache-control"]) == (200, "no-cache")
        again = browser.get("/static/base.css", headers={"If-None-Match": style.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert browser.get("/").headers["cache-control"] == "no-store"


def test_figures_stay_on_the_machine_and_its_health_is_told(space: Space) -> None:
    with space.browser() as browser:
        assert browser.get("/metrics").status_code == 404
        assert browser.get("/healthz").text == "ok\n"
    own = httpx.get(f"http://127.0.0.1:{space.port}/metrics", trust_env=False, timeout=60)
    assert own.status_code == 200


def test_http_leads_to_https_and_no_log_names_a_badges_address(space: Space) -> None:
    with space.browser() as browser:
        plain = httpx.get(f"http://localhost:{space.http}/machines?x=1", trust_env=False, timeout=60)
        assert plain.status_code in {301, 308}
        assert plain.headers["location"] == f"{space.url}/machines?x=1"
        assert browser.get("/b?uid=04958CAA5C5E80&ctr=000001&cmac=0").status_code < 500
    assert not [log for log in space.folder.glob("*.log") if "04958CAA5C5E80" in log.read_text()]


def test_what_asks_after_the_servers_health_is_answered(served: Space) -> None:
    (container,) = next(
        one["spec"]["template"]["spec"]["containers"]
        for one in yaml.safe_load_all((DEPLOY / "kubernetes" / "server.yaml").read_text())
        if one["kind"] == "Deployment"
    )
    asked = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    assert asked["livenessProbe"] != asked["readinessProbe"], "a lost database starts no process anew"
    of_compose = re.findall(r"http://127.0.0.1:8080(/[a-z/]+)", (DEPLOY / "compose.yaml").read_text())
    for path in {*asked.values(), *of_compose}:
        answer = httpx.get(f"http://127.0.0.1:{served.port}{path}", trust_env=False, timeout=60)
        assert (answer.status_code, answer.text) == (200, "ok\n"), path


@pytest.mark.parametrize("file", ["nginx/makerfloor.conf", "caddy/Caddyfile"])
def test_their_limit_is_the_servers(file: str) -> None:
    most = max(most for _, most in LARGE) // MIB
    text = Path(DEPLOY, file).read_text()
    assert f"client_max_body_size {most}m;" in text or f"max_size {most}MiB" in text
