"""Files of a machine over implicit FTPS (TLS from the first byte), by ftplib in a thread of its own."""

from __future__ import annotations

import asyncio
import ftplib
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import urlsplit

from firmware_bridge.transports import Login
from firmware_bridge.transports.tls import TlsPeer, peer_context
from floor.errors import ConfigError, MachineFault, MachineUnreachable

FETCH_S = 900.0
PORT = 990
_BLOCK_BYTES = 1 << 16
_IN_MEMORY_BYTES = 1 << 20
_ON_DISK = "/var/tmp"  # /tmp may be memory


class FtpsTransport:
    """Fetches files; each fetch is one connection. No step of it takes longer than `deadline_s`.

    Raises ConfigError, with `where` as file, for a URL that is none and as `peer_context` does.
    """

    def __init__(self, url: str, login: Login, peer: TlsPeer, where: str, deadline_s: float = 10.0) -> None:
        self._url = url
        self._host, self._port = _address(url, where)
        self._login = login
        self._tls = peer_context(peer, where)
        # a session that the line of data can take up: with TLS 1.3 some servers of printers do not get there
        self._tls.maximum_version = ssl.TLSVersion.TLSv1_2
        self._deadline_s = deadline_s
        # one thread, and not of asyncio's own pool: a slow machine makes no other wait
        self._thread = ThreadPoolExecutor(1, "ftps")

    async def fetch(self, paths: Sequence[str], most_bytes: int) -> tuple[str, IO[bytes]] | None:
        """Bring the first of these files that is there; see Files."""
        order = _Order(paths, most_bytes, time.monotonic() + FETCH_S)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._fetch, order)
        except ftplib.error_perm as error:
            raise MachineFault(f"{self._url} refuses: {error}") from error
        except (OSError, EOFError, ValueError, ftplib.Error) as error:
            raise MachineUnreachable(f"no files from {self._url}: {error or 'it hung up'}") from error
        finally:
            order.stop.set()

    async def aclose(self) -> None:
        """Let go of the thread; what runs in it ends with its next step."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, order: _Order) -> tuple[str, IO[bytes]] | None:
        ftp = _ImplicitFtps(self._tls)
        try:
            ftp.reach(self._host, self._port, self._deadline_s)
            ftp.login(self._login.username, self._login.password)
            ftp.prot_p()
            ftp.voidcmd("TYPE I")
            for path in order.paths:
                if file := ftp.bring(path, order):
                    return path, file
            return None
        finally:
            ftp.close()


@dataclass(slots=True)
class _Order:
    paths: Sequence[str]
    most_bytes: int
    until_s: float
    stop: threading.Event = field(default_factory=threading.Event)

    def check(self, done_bytes: int) -> None:
        if self.stop.is_set() or time.monotonic() > self.until_s:
            raise TimeoutError(f"it took longer than {FETCH_S:g} s")
        if done_bytes > self.most_bytes:
            raise ftplib.error_perm(f"a file of more than {self.most_bytes} bytes")


class _ImplicitFtps(ftplib.FTP_TLS):
    sock: ssl.SSLSocket

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)

    def reach(self, host: str, port: int, deadline_s: float) -> None:
        self.host, self.port, self.timeout = host, port, deadline_s
        plain = socket.create_connection((host, port), deadline_s)
        self.sock = self._seal(plain, None)
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding="utf-8", errors="replace")
        self.welcome = self.getresp()

    def _seal(self, plain: socket.socket, session: ssl.SSLSession | None) -> ssl.SSLSocket:
        try:
            return self.context.wrap_socket(plain, server_hostname=self.host, session=session)
        except BaseException:
            plain.close()
            raise

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        # past FTP_TLS: servers want the session of the control line on the line of data
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self._seal(plain, self.sock.session), size

    def bring(self, path: str, order: _Order) -> IO[bytes] | None:
        """Copy one file into a temporary one; None when the machine has none of that name (550)."""
        order.check(0)
        try:
            data, size = self.ntransfercmd(f"RETR {path}")
        except ftplib.error_perm as error:
            if str(error).startswith("550"):
                return None
            raise
        file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=_ON_DISK)  # noqa: SIM115 # its caller closes it
        try:
            with data:  # closed without a farewell: some printers never answer one
                while block := data.recv(_BLOCK_BYTES):
                    file.write(block)
                    order.check(file.tell())
            if file.tell() != size:  # some printers never say that they have sent it
                self.voidresp()
            file.seek(0)
            return file
        except BaseException:
            file.close()
            raise


def _address(url: str, where: str) -> tuple[str, int]:
    host, port = None, None
    with suppress(ValueError):
        parts = urlsplit(url)
        if not parts.path.strip("/") and not parts.username:
            host, port = parts.hostname, parts.port
    if not host:
        raise ConfigError(where, "files", f"{url!r} is no address", 'Write files = "ftps://192.168.1.30"')
    return host, port or PORT
