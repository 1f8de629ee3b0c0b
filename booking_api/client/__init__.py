"""A small client of the API, for programs: httpx and pydantic, and nothing else of the server.

    with Client("https://floor.example", token) as floor:
        for machine in floor.machines.list():
            print(machine.name, machine.state)

Writes are safe to send again: each carries an Idempotency-Key, and is sent again by itself when the network
or the server falters. `AsyncClient.do` runs the same calls (`calls`) in an event loop.
"""

from booking_api.client import calls
from booking_api.client.models import (
    Badge,
    Balance,
    Charge,
    FreeSlot,
    Machine,
    Member,
    Outcome,
    Reservation,
    Session,
    TariffVersion,
)
from booking_api.client.problems import (
    Changed,
    ClientError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotSignedIn,
    Problem,
    TooOften,
    Unavailable,
    Unreachable,
    Unreadable,
)
from booking_api.client.sending import AsyncClient, Client, Patience, Seen

__all__ = [
    "AsyncClient",
    "Badge",
    "Balance",
    "Changed",
    "Charge",
    "Client",
    "ClientError",
    "Conflict",
    "Forbidden",
    "FreeSlot",
    "Invalid",
    "Machine",
    "Member",
    "NotFound",
    "NotSignedIn",
    "Outcome",
    "Patience",
    "Problem",
    "Reservation",
    "Seen",
    "Session",
    "TariffVersion",
    "TooOften",
    "Unavailable",
    "Unreachable",
    "Unreadable",
    "calls",
]
