"""The broker for a machine without Mosquitto: amqtt, as a process of its own.

For a demonstration or a laptop: MQTT 3.1.1 only, about 25 times Mosquitto's processor time a message, and its
queues live in memory, so they end with it. A real floor installs Mosquitto.
"""

import argparse
import asyncio
import logging
import signal
import ssl
import sys
from pathlib import Path

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter

from booking_api.broker.doorkeeper import Doorkeeper, FloorBroker

_LISTENER = "default"


class BoundedReader(StreamReaderAdapter):  # type: ignore[misc] # amqtt ships no types
    """Ends a connection that announces a packet larger than the limit, before a byte of it is kept."""

    def __init__(self, reader: asyncio.StreamReader, bytes_max: int) -> None:
        super().__init__(reader)
        self._bytes_max = bytes_max
        self._ended = False

    async def read(self, n: int = -1) -> bytes:
        """Read exactly n bytes; ConnectionResetError from the first oversized request on."""
        if self._ended or not 0 <= n <= self._bytes_max:
            self._ended = True
            raise ConnectionResetError
        data: bytes = await super().read(n)
        return data


def tls_context(cafile: Path, certfile: Path, keyfile: Path) -> ssl.SSLContext:
    """Make a server's context: TLS 1.2 or later; a client's certificate is not asked for, its password is."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=cafile)
    context.load_cert_chain(certfile, keyfile)
    return context


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until told to end."""
    where = f"{Doorkeeper.__module__}.{Doorkeeper.__qualname__}"
    broker = FloorBroker(
        {
            "listeners": {_LISTENER: {"type": "external"}},
            "plugins": {where: {"passwords": str(arguments.passwords), "acl": str(arguments.acl)}},
        }
    )

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bounded = BoundedReader(reader, arguments.packet_bytes_max)
        await broker.external_connected(bounded, StreamWriterAdapter(writer), _LISTENER)

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tls = tls_context(arguments.cafile, arguments.certfile, arguments.keyfile) if arguments.cafile else None
    await broker.start()
    server = await asyncio.start_server(connected, arguments.host, arguments.port, ssl=tls)
    await stop.wait()
    server.close()
    await broker.shutdown()


def main() -> None:
    """Read the command line and serve; a port in use ends with a sentence and status 1."""
    parser = argparse.ArgumentParser(prog="python -m booking_api.broker.embedded", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--passwords", type=Path, required=True)
    parser.add_argument("--acl", type=Path, required=True)
    parser.add_argument("--packet-bytes-max", type=int, required=True)
    for name in ("--cafile", "--certfile", "--keyfile"):
        parser.add_argument(name, type=Path)
    logging.basicConfig(level=logging.ERROR)
    try:
        asyncio.run(serve(parser.parse_args()))
    except OSError as error:
        sys.exit(f"Error: {error.strerror or error}")


if __name__ == "__main__":
    main()
