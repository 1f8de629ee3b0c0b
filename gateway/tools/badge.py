"""`makerfloor-gateway badge write`: write a badge at a PC/SC reader, so that it cannot be copied."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from contextlib import closing
from pathlib import Path

from floor.errors import ConfigError
from gateway.tools.badge_keys import PIPE, BadgeKeysFile, read
from hardware.readers.cards import write_desfire, write_ntag424
from hardware.readers.cards.proof import Proven, Steps
from hardware.readers.cards.template import template
from hardware.readers.cards.writing import NotWritten, Writing, factory_keys
from hardware.readers.pcsc import GET_UID, choose
from hardware.readers.pcsc_lite import Card, Seen, Service, load

PATIENCE_S = 60.0
"""So long the badge may take to come."""

_LOOK_MS = 500
_OK = b"\x90\x00"
NOT_WRITTEN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    commands = parser.add_subparsers(required=True)
    write = commands.add_parser("write", help="write the badge on the reader with keys of the server")
    write.add_argument(
        "keys", type=Path, metavar="KEYS.json", help="from `makerfloor badge keys`; - for a pipe"
    )
    write.add_argument(
        "--reader", default="", metavar="NAME", help="a part of its name, where there are several"
    )
    write.add_argument("--url", metavar="https://SERVER/b", help="say this address, not the one of the keys")
    write.add_argument("--from", dest="old", type=Path, metavar="OLD.json", help="the keys that it has now")
    write.set_defaults(command=_write)


def _write(arguments: argparse.Namespace) -> int:
    new = read(arguments.keys)
    old = read(arguments.old) if arguments.old else None
    if old and (old.uid.upper(), old.kind) != (new.uid.upper(), new.kind):
        problem = f"these are keys of another badge than those of {arguments.keys}"
        raise ConfigError(str(arguments.old), "uid", problem, "Give the earlier keys of the same badge.")
    writing = Writing(_steps(arguments, new, old))
    try:
        library = load()
    except OSError as error:
        remedy = "Install it: apt-get install pcscd libccid."
        raise ConfigError("pcscd", "", f"its library cannot be had: {error}", remedy) from error
    try:
        problem = _at_reader(Service(library), arguments.reader, bytes.fromhex(new.uid), writing)
    except OSError as error:
        problem = f"{error}. Nothing was written."
    if problem:
        print(f"makerfloor-gateway: {problem}", file=sys.stderr)
        return NOT_WRITTEN
    print(f"The badge {new.uid.upper()} is written, and has proved it.")
    if str(arguments.keys) != PIPE:
        print(f"Delete the keys: rm {arguments.keys}")
    return 0


def _steps(arguments: argparse.Namespace, new: BadgeKeysFile, old: BadgeKeysFile | None) -> Steps[Proven]:
    keys, uid = new.key_set(), bytes.fromhex(new.uid)
    earlier = [*([old.key_set()] if old else []), factory_keys(len(new.keys))]
    if new.kind == "desfire":
        return write_desfire.write(uid, keys, earlier, secrets.token_bytes)
    address = new.address
    if arguments.url is not None:
        address = f"{arguments.url.partition('?')[0]}?{address.partition('?')[2]}"
    try:
        return write_ntag424.write(uid, template(address), keys, earlier, secrets.token_bytes)
    except ValueError as error:
        where = "--url" if arguments.url is not None else str(arguments.keys)
        remedy = "Set server.address in makerfloor.toml, or give --url https://SERVER/b."
        raise ConfigError(where, "", f"{address!r} cannot be written: {error}", remedy) from None


def _at_reader(service: Service, wanted: str, uid: bytes, writing: Writing) -> str:
    """Return why the badge was not written, or nothing. OSError: none was reached."""
    with closing(service):
        service.open()
        reader = choose(wanted, service.readers())
        print(f"Lay the badge {uid.hex().upper()} on {reader}, alone, and leave it there.", flush=True)
        seen, deadline, problem = Seen(), time.monotonic() + PATIENCE_S, "no badge was laid on it"
        while time.monotonic() < deadline:
            seen = service.wait(reader, seen, _LOOK_MS)
            card = service.connect(reader) if seen.is_card else None
            if card is not None:
                with closing(card):
                    if (told := card.transmit(GET_UID)) is not None:
                        return _talk(card, told, uid, writing)
            if seen.is_card:
                problem = "the badge was not reached: hold it still; does another program hold it?"
    raise OSError(f"{reader}: {problem} (for {PATIENCE_S:g} s)")


def _talk(card: Card, told: bytes, uid: bytes, writing: Writing) -> str:
    if told != uid + _OK:
        found = f"the badge {told[:-2].hex().upper()}" if told[-2:] == _OK else "a card that names no UID"
        return (
            f"{found} lies on the reader, not {uid.hex().upper()}, whose keys these are. Nothing was written."
        )
    step = writing.step()
    while isinstance(step, bytes):
        step = writing.step(card.transmit(step))
    match step:
        case NotWritten(reason, True):
            return (
                f"{reason}. The badge may be half written: "
                "lay it down again and give the same command with the same files."
            )
        case NotWritten(reason):
            return f"{reason}. Nothing was written."
    return ""
