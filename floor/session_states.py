"""The states in which floor.session leaves a machine. Times are the caller's monotonic milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

from floor.access import Lease


@dataclass(frozen=True, slots=True)
class Free:
    """Nobody uses the machine; its relay is open."""


@dataclass(frozen=True, slots=True)
class Handing:
    """A session may be handed over until `until_ms`; `confirmed` by its member: the next tap takes it."""

    until_ms: int
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """A member uses the machine. `active_ms` is the last instant at which it was busy or touched.

    `out_of_order` is why the machine is locked out while a technician repairs it; `handing`: see there.
    """

    lease: Lease
    since_ms: int
    active_ms: int
    busy: bool = False
    job: bool = False
    warned: bool = False
    spent: bool = False
    out_of_order: str = ""
    handing: Handing | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """The member has left; the machine keeps its power until the job ends."""

    lease: Lease
    since_ms: int
    active_ms: int
    spent: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class RunOn:
    """The machine is off; its extraction runs on until `until_ms`."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class LockedOut:
    """Out of order until staff clear it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A member may begin as soon as a supervisor taps too, until `until_ms`. `then` is what was before."""

    lease: Lease
    until_ms: int
    then: Free | RunOn


@dataclass(frozen=True, slots=True)
class Proving:
    """A granted tap waits until extraction and cooling are proven to run; no power, and no session yet.

    It gives up at `until_ms`. `run_on_ms` is until when the extraction has to run after the session before.
    `out_of_order` is as in Running.
    """

    lease: Lease
    until_ms: int
    run_on_ms: int = 0
    out_of_order: str = ""


State = Free | Proving | Running | Holding | RunOn | LockedOut | Waiting
