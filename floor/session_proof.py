"""What a session may have to wait for, and what ends it from outside: states and events of floor.session."""

from __future__ import annotations

from dataclasses import dataclass

from floor.access import Decision, Lease


@dataclass(frozen=True, slots=True)
class Proving:
    """A granted tap waits until extraction and cooling are proven to run; no power, and no session yet.

    It gives up at `until_ms`. `run_on_ms` is until when the extraction has to run after the session before.
    """

    lease: Lease
    until_ms: int
    run_on_ms: int = 0


@dataclass(frozen=True, slots=True)
class Proven:
    """They run. `decision` is made anew: much may have changed since the tap; the lease counts from now."""

    decision: Decision
    at_ms: int
    job: bool = False


@dataclass(frozen=True, slots=True)
class ClosingDue:
    """The building has been closing for as long as sessions may go on."""

    at_ms: int


ProofEvent = Proven | ClosingDue
