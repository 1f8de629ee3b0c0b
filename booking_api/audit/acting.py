"""Who acts: told once for a request or a command, and known to every transaction that it begins.

A request has a place of its own for this. Sign-in puts the actor there, from whichever thread it runs in;
`Database.write` takes the actor from there.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

ACTOR = "actor"
"""The key of a session's `info` under which its actor stands."""
REASON_MAX = 400


class Via(StrEnum):
    """By which door somebody came in."""

    BROWSER = "browser"
    TOKEN = "token"
    COMMAND = "command"


@dataclass(slots=True)
class Actor:
    """Somebody who acts. `member` is their id, "" for a command; `name` is what they were called then, for a
    command the user of the operating system. `act` is the route or the command, `token` a token's name.

    `is_staff`: all that they change is recorded; else only what is listed as recorded for everybody.
    `at_ms` is real time, `floor_ms` the floor's, both UTC milliseconds.
    """

    via: Via
    member: str
    name: str
    act: str
    is_staff: bool
    at_ms: int
    floor_ms: int
    token: str = ""
    reason: str = ""

    def because(self, reason: object) -> None:
        """Keep why they act, if it is a text that says something."""
        if isinstance(reason, str) and reason.strip():
            self.reason = reason.strip()[:REASON_MAX]


@dataclass(slots=True)
class Place:
    """Where the actor of one request or command stands, None until it is known. `floor_now` is floor time."""

    actor: Actor | None = None
    floor_now: Callable[[], int] | None = None


_PLACE: ContextVar[Place | None] = ContextVar("makerfloor_acting", default=None)


@contextmanager
def scope(actor: Actor | None = None, floor_now: Callable[[], int] | None = None) -> Iterator[Place]:
    """Begin with a place of its own: who acts outside of it does not act in here."""
    token = _PLACE.set(place := Place(actor, floor_now))
    try:
        yield place
    finally:
        _PLACE.reset(token)


def set_actor(actor: Actor) -> None:
    """Say who acts, where there is a place for it."""
    place = _PLACE.get()
    if place is not None:
        place.actor = actor


def signing_in(member: str, name: str, now_ms: int) -> Actor | None:
    """Return somebody of staff as the actor of their own sign-in; None where no request is answered."""
    place = _PLACE.get()
    if place is None or place.floor_now is None:
        return None
    return Actor(Via.BROWSER, member, name, "sign in", True, now_ms, place.floor_now())


def current() -> Actor | None:
    """Return who acts, None for nobody and for the machinery."""
    place = _PLACE.get()
    return place.actor if place else None


def command(act: str, reason: object, now_ms: int) -> Actor:
    """Return the actor of a command: the user of the operating system who typed it."""
    actor = Actor(Via.COMMAND, "", os_user(), act[:200], True, now_ms, now_ms)
    actor.because(reason)
    return actor


def os_user() -> str:
    """Return the name of the user who runs this process; with sudo, also of who asked for it."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    asked = os.environ.get("SUDO_USER", "") if uid == 0 else ""
    return f"{name} (sudo by {asked})"[:100] if asked else name[:100]
