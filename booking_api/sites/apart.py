"""What no two sites of a network may share: their settings, data, database, port, address and broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from booking_api.settings import Settings

_LOCAL = "localhost"
_HERE = {"127.0.0.1": _LOCAL, "::1": _LOCAL, "": _LOCAL}
_ANY = frozenset({"0.0.0.0", "::"})
"""A server that listens there has the port at every address."""


def clash(sites: Mapping[str, Settings], board: tuple[str, int]) -> tuple[str, str, str] | None:
    """Return the first thing that two sites, or a site and the network's board, share; None where nothing.

    Returned are the key of the network's file, what is wrong, and what would be right.
    """
    for (one, mine), (other, theirs) in combinations(sites.items(), 2):
        for what, key, read in _OWN:
            if read(mine) == read(theirs):
                return _said(what, key, read(theirs), one, other, theirs)
        if _meet((mine.host, mine.port), (theirs.host, theirs.port)):
            where = f"{theirs.host}:{theirs.port}"
            return _said("port", "server.port", where, one, other, theirs)
        if mine.address == theirs.address:
            return _said("address", "server.address", theirs.address, one, other, theirs)
        if met := _brokers(mine) & _brokers(theirs):  # its topics name gateways, and not sites
            return _said("broker", "broker.port", min(met), one, other, theirs)
    for id, settings in sites.items():
        if _meet(board, (settings.host, settings.port)):
            problem = f"is {board[1]}, where {id} is served too"
            return "port", problem, f"Write another here, or another server.port in {settings.file}."
    return None


def _said(what: str, key: str, value: object, one: str, other: str, theirs: Settings) -> tuple[str, str, str]:
    problem = f"of {other!r} names the {what} {value}, which {one!r} has already"
    if key:
        return "site.settings", problem, f"Write another {key} in {theirs.file}."
    return "site.settings", problem, f"Give {other!r} a file of its own: `makerfloor init` makes one."


def _database(settings: Settings) -> str:
    """Name a database the same however its address is written, and without who asks for it."""
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        return settings.database_url
    if url.get_backend_name() == "sqlite":
        return str(Path(url.database or "").resolve())
    host = url.host or str(url.query.get("host", ""))
    return f"{url.database} at {_HERE.get(host, host)}:{url.port or 5432}"


_OWN: tuple[tuple[str, str, Callable[[Settings], str]], ...] = (
    ("settings file", "", lambda one: str(one.file.resolve())),
    ("data folder", "server.data", lambda one: str(one.data.resolve())),
    ("database", "database.url", _database),
)


def _brokers(one: Settings) -> set[str]:
    return {f"{_HERE.get(host, host)}:{port}" for host, port in one.broker.nodes}


def _meet(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether two servers cannot both listen there; port 0 is any that is free."""
    hosts = {_HERE.get(host, host) for host, _ in (one, other)}
    return one[1] == other[1] != 0 and (len(hosts) == 1 or bool(hosts & _ANY))
