"""How bytes reach a machine. Drivers know these shapes; each has a real and a scripted form.

Every wait in a transport has a deadline; what does not come in time raises MachineUnreachable.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from firmware_bridge.transports.mqtt import BrokerSettings
    from firmware_bridge.transports.tls import TlsPeer


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: its status, and its body of at most MAX_BODY_BYTES."""

    status: int
    body: bytes


MAX_BODY_BYTES = 1 << 20
MAX_FRAME_BYTES = 4 << 20
UPLOAD_S = 600.0


@dataclass(frozen=True, slots=True)
class Upload:
    """A file for a machine: as the part `part` of a form beside `fields`, or as the whole body ("")."""

    file: Path
    name: str
    method: str = "POST"
    part: str = "file"
    fields: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Http(Protocol):
    """Requests to one machine. Nothing raises for a status: the driver knows what it means."""

    async def get(self, path: str) -> Answer:
        """Ask for a short body. Raises MachineUnreachable without an answer within the deadline."""
        ...

    async def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """Send a JSON body. Raises as `get` does."""
        ...

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Send any request, with a JSON body or none. Raises as `get` does."""
        ...

    async def upload(self, path: str, upload: Upload) -> Answer:
        """Send a file of any size within UPLOAD_S. Raises as `get` does; MachineFault without the file."""
        ...

    def download(self, path: str) -> AsyncGenerator[bytes, None]:
        """Yield a file of any size, each piece within the deadline. Raises MachineFault unless it is 200."""
        ...

    async def aclose(self) -> None:
        """Close the connections; the transport is of no use afterwards."""
        ...


class Socket(Protocol):
    """One open websocket that carries text."""

    async def send(self, text: str) -> None:
        """Send one frame. Raises MachineUnreachable when the socket is closed."""
        ...

    async def receive(self) -> str:
        """Wait for the next text frame. Raises MachineUnreachable on loss, silence or an oversized frame."""
        ...


class WebSockets(Protocol):
    """Opens websockets to one machine."""

    def open(self, path: str) -> AbstractAsyncContextManager[Socket]:
        """Open a socket for the length of a `with`. Raises MachineUnreachable when it cannot be had."""
        ...

    async def aclose(self) -> None:
        """Close the connections; the transport is of no use afterwards."""
        ...


class Stream(Protocol):
    """One open line of bytes to a machine, in both directions."""

    async def read(self, deadline_s: float) -> bytes:
        """Wait for the next bytes, at least one. Raises MachineUnreachable on loss, or at the deadline."""
        ...

    async def write(self, data: bytes) -> None:
        """Hand bytes over, whole. Raises MachineUnreachable on loss, or when the line takes no more."""
        ...


class Bytes(Protocol):
    """Opens lines of bytes to one machine: a serial port, a TCP connection."""

    resets: bool
    """Whether opening may reset the machine, which then greets after a while."""

    def open(self) -> AbstractAsyncContextManager[Stream]:
        """Open a line for the length of a `with`. Raises MachineUnreachable when it cannot be had."""
        ...


class Datagram(Protocol):
    """One open socket for packets to and from one machine; packets of others are never received."""

    async def send(self, data: bytes) -> None:
        """Send one packet; it may be lost. Raises MachineUnreachable when nothing can be sent."""
        ...

    async def receive(self, within_s: float) -> bytes | None:
        """Wait for the next packet; None when none came in time, for packets may be lost.

        Raises MachineUnreachable when the machine's host says that nobody listens.
        """
        ...


class Datagrams(Protocol):
    """Opens sockets for packets to one machine."""

    def open(self) -> AbstractAsyncContextManager[Datagram]:
        """Open a socket for the length of a `with`. Raises MachineUnreachable when it cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """A message of a broker. One that was `retained` is of the past: it proves nothing of now."""

    topic: str
    payload: bytes
    retained: bool = False


class Subscription(Protocol):
    """An open connection to a broker, with its topics subscribed."""

    async def publish(self, topic: str, payload: str, sure: bool = False) -> None:
        """Send one message, never retained; `sure` at QoS 1, and gives the broker a moment to say so.

        Raises MachineUnreachable when the connection is lost. Whether it was heeded, only an answer tells.
        """
        ...

    async def receive(self, within_s: float) -> Told | None:
        """Wait for the next message; None when none came in time, for a broker may be quiet.

        Raises MachineUnreachable when the broker is lost. A payload is cut at MAX_BODY_BYTES.
        """
        ...


class Mqtt(Protocol):
    """Connects to one broker."""

    def open(self, topics: Sequence[str]) -> AbstractAsyncContextManager[Subscription]:
        """Connect and subscribe for the length of a `with`. Raises MachineUnreachable when that fails."""
        ...


class Files(Protocol):
    """Files that lie on one machine."""

    async def fetch(self, paths: Sequence[str], most_bytes: int) -> tuple[str, IO[bytes]] | None:
        """Bring the first of these files that is there, with its path; the caller closes it. Else None.

        Raises MachineUnreachable, or MachineFault when the machine refuses or the file is longer than that.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections; the transport is of no use afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password: for HTTP digest access authentication (RFC 7616), or for files."""

    username: str
    password: str = field(repr=False)


class Transports(Protocol):
    """Makes the transports of one driver. Drivers get theirs from here, so that all can be recorded."""

    def http(
        self,
        url: str,
        headers: Mapping[str, str],
        deadline_s: float = 10.0,
        digest: Login | None = None,
    ) -> Http:
        """Make a transport for requests to `url`."""
        ...

    def websockets(self, url: str, headers: Mapping[str, str], silence_s: float = 60.0) -> WebSockets:
        """Make a transport for websockets below `url`."""
        ...

    def stream(self, url: str, baud: int = 115200) -> Bytes:
        """Make a line of bytes to `serial://…` or `tcp://…`. Raises ValueError for any other URL."""
        ...

    def mqtt(self, settings: BrokerSettings, where: str, peer: TlsPeer | None = None) -> Mqtt:
        """Make a connection to a broker, over TLS to this `peer` if it is given.

        Raises ConfigError, `where` as file, for settings that are wrong.
        """
        ...

    def files(self, url: str, login: Login, peer: TlsPeer, where: str, deadline_s: float = 10.0) -> Files:
        """Reach the files at `ftps://…` (implicit TLS). Raises ConfigError as `mqtt` does."""
        ...

    def datagrams(self, host: str, port: int, local_port: int = 0) -> Datagrams:
        """Make a transport for packets to `host` and `port`, from `local_port` (0: any)."""
        ...
