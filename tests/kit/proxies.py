"""A server as a space runs it and the proxies of deploy/ before it: processes on ports that were free."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from booking_api.broker.certificates import make_certificates

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PATIENCE_S = 60
MAKERFLOOR = str(Path(sys.executable).with_name("makerfloor"))
NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/makerfloor.conf;
}}
"""
CADDY = "{{\n\tadmin off\n\tgrace_period 1s\n\tauto_https disable_certs\n\thttp_port {http}\n}}\n"


@dataclass(frozen=True)
class Space:
    """A server that runs; `url` is how people reach it, `port` where it listens itself."""

    folder: Path
    port: int
    https: int
    http: int
    password: str

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https}"

    def trusted(self) -> ssl.SSLContext:
        """Believe the certificate of this space only."""
        return ssl.create_default_context(cafile=str(self.folder / "tls" / "ca.crt"))

    def browser(self, address: str = "127.0.0.2") -> httpx.Client:
        """A browser elsewhere, which comes from an address of its own."""
        transport = httpx.HTTPTransport(verify=self.trusted(), local_address=address, trust_env=False)
        return httpx.Client(transport=transport, base_url=self.url, timeout=PATIENCE_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], folder: Path, port: int, **environment: str) -> Iterator[None]:
    """Run a process until it listens, and end it after."""
    name = Path(command[0]).name
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=os.environ | environment)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _listens(port):
            alive = process.poll() is None and time.monotonic() < deadline
            assert alive, f"{name} does not listen:\n{(folder / f'{name}.log').read_text()[-2000:]}"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def space(folder: Path) -> Iterator[Space]:
    """Set a space up by its commands, with a certificate, and serve it."""
    port, https, http = free_port(), free_port(), free_port()
    done = subprocess.run(
        [MAKERFLOOR, "init", str(folder / "space"), "--port", str(port)],
        capture_output=True,
        text=True,
        check=True,
    )
    password = next(line.split()[-1] for line in done.stdout.splitlines() if line.startswith("Sign in:"))
    settings = folder / "space" / "makerfloor.toml"
    written = f'address = "https://localhost:{https}"'
    settings.write_text(settings.read_text().replace('# address = "https://floor.example.org"', written))
    make_certificates(folder / "tls", [])
    with running([MAKERFLOOR, "--config", str(settings), "serve"], folder, port):
        yield Space(folder, port, https, http, password)


@contextlib.contextmanager
def nginx(space: Space) -> Iterator[None]:
    """nginx as deploy/nginx says, with this machine's ports and certificate."""
    places = {
        "listen [::]:": "# listen [::]:",
        "listen 443": f"listen 127.0.0.1:{space.https}",
        "listen 80": f"listen 127.0.0.1:{space.http}",
        "127.0.0.1:8080": f"127.0.0.1:{space.port}",
        "https://floor.example": space.url,
        "floor.example;": "localhost;",
        "/etc/letsencrypt/live/floor.example/fullchain.pem": str(space.folder / "tls" / "server.crt"),
        "/etc/letsencrypt/live/floor.example/privkey.pem": str(space.folder / "tls" / "server.key"),
        "/var/log/nginx/": f"{space.folder}/",
    }
    _put_in(DEPLOY / "nginx" / "makerfloor.conf", places, space.folder / "makerfloor.conf", "")
    whole = space.folder / "nginx.conf"
    whole.write_text(NGINX.format(folder=space.folder))
    command = [_program("nginx"), "-p", str(space.folder), "-e", "stderr", "-c", str(whole)]
    with running(command, space.folder, space.https):
        yield


@contextlib.contextmanager
def caddy(space: Space) -> Iterator[None]:
    """Caddy as deploy/caddy says, with this machine's ports, and a certificate in the place of its own."""
    tls = f"tls {space.folder}/tls/server.crt {space.folder}/tls/server.key"
    places = {
        "\n{$MAKERFLOOR_NAME:floor.example} {": f"\n{{$MAKERFLOOR_NAME}} {{\n\tbind 127.0.0.1\n\t{tls}",
    }
    file = space.folder / "Caddyfile"
    _put_in(DEPLOY / "caddy" / "Caddyfile", places, file, CADDY.format(http=space.http))
    command = [_program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]
    home = str(space.folder / "caddy")
    homes = {"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}
    names = {"MAKERFLOOR_NAME": space.url, "MAKERFLOOR_SERVER": f"127.0.0.1:{space.port}"}
    with running(command, space.folder, space.https, **homes, **names):
        yield


def _put_in(example: Path, places: dict[str, str], file: Path, before: str) -> None:
    text = example.read_text()
    for written, here in places.items():
        assert written in text, f"{example} has no {written!r} any more"
        text = text.replace(written, here)
    file.write_text(before + text)


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is missing: apt-get install {name}"
    return found
