"""`python -m booking_api.broker`: run a broker, write a real one's files, or make its certificates."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from booking_api.broker.certificates import make_certificates
from booking_api.broker.plan import Identity, IdentityKind, Tls
from booking_api.broker.process import BrokerSettings, Engine, run_broker
from floor.errors import ConfigError


def read_identities(path: Path) -> tuple[Identity, ...]:
    """Read a JSON list of `name`, `password` and `kind` (server, gateway); ConfigError says what is wrong."""
    remedy = 'Write [{"name": "gw1", "password": "…", "kind": "gateway"}, …]; kinds are server and gateway'
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_bytes())
        return tuple(
            Identity(str(row["name"]), str(row["password"]), IdentityKind(row["kind"])) for row in rows
        )
    except OSError as error:
        raise ConfigError(
            str(path), "", error.strerror or str(error), "Name a file that can be read"
        ) from error
    except KeyError as error:
        raise ConfigError(str(path), str(error), "the key is missing", remedy) from error
    except (ValueError, TypeError) as error:
        raise ConfigError(str(path), "", str(error), remedy) from error


async def run(settings: BrokerSettings) -> None:
    """Run a broker until it ends or a signal comes."""
    async with run_broker(settings) as broker:
        print(f"{broker.engine} answers on {broker.host} port {broker.port}", flush=True)
        ended = asyncio.ensure_future(broker.ended())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.cancel)
        await asyncio.wait([ended])
        if not ended.cancelled():
            raise ConfigError(
                "broker", "", f"it ended: {ended.result()}", f"See the log in {settings.directory}"
            )


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m booking_api.broker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run", help="run a broker until Ctrl-C")
    command.add_argument("identities", type=Path, help="JSON file of identities")
    command.add_argument("directory", type=Path, help="where its files and queues lie")
    command.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    command.add_argument("--port", type=int, default=0, help="default: a free one")
    command.add_argument(
        "--engine", type=Engine, choices=list(Engine), help="default: mosquitto when it is there"
    )
    command.add_argument(
        "--certificates", type=Path, help="speak TLS with the certificates of this directory"
    )
    command = commands.add_parser(
        "certificates", help="make the authority, the broker's and gateways' certificates"
    )
    command.add_argument("directory", type=Path)
    command.add_argument("names", nargs="*", help="gateways")
    command.add_argument(
        "--host", action="append", help="name or address of the broker (default: this machine)"
    )
    return parser.parse_args()


def main() -> None:
    """Do one command; a wrong setting ends with its sentence and status 2."""
    arguments = parse()
    try:
        if arguments.command == "certificates":
            made = make_certificates(
                arguments.directory, arguments.names, arguments.host or ("localhost", "127.0.0.1")
            )
            print(made.cafile)
            return
        tls = None
        if folder := arguments.certificates:
            tls = Tls(folder / "ca.crt", folder / "server.crt", folder / "server.key")
        identities = read_identities(arguments.identities)
        asyncio.run(
            run(
                BrokerSettings(
                    arguments.directory, identities, arguments.host, arguments.port, tls, arguments.engine
                )
            )
        )
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
