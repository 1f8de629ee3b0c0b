"""Every call that this client knows, as a value: what to send, and what the answer is. No network.

`Client` offers them by noun; `AsyncClient.do` takes them as they are; so does `Client.do`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from booking_api.client.models import (
    Badge,
    Balance,
    Charge,
    FreeSlot,
    Machine,
    Member,
    Outcome,
    Posted,
    Reservation,
    Session,
    TariffVersion,
)
from booking_api.client.problems import Unreadable

T = TypeVar("T")
API = "/api/v1"


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. `query` leaves out what is None. `answer` is the answer's type: a model, list[...] of it,
    dict; bytes for a file as it is; None where nothing is answered.
    """

    method: str
    path: str
    answer: type[T] | Any
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None

    def read(self, content: bytes) -> T:
        """Return what an answer says."""
        if self.answer is None:
            return None  # type: ignore[return-value] # Call[None] is what answers nothing
        if self.answer is bytes:
            return content  # type: ignore[return-value] # Call[bytes]: a file
        try:
            made: T = TypeAdapter(self.answer).validate_json(content)
        except ValidationError as error:
            raise _unreadable(self.path) from error
        return made


@dataclass(frozen=True)
class Many(Generic[T]):
    """A list that is told in parts: pages with `items`, or bare lists."""

    path: str
    item: type[T]
    query: Mapping[str, Any] = field(default_factory=dict)
    limit: int = 100

    def read(self, content: bytes) -> list[T]:
        """Return the rows of one part."""
        try:
            told: Any = TypeAdapter(Any).validate_json(content)
            rows = told.get("items") if isinstance(told, dict) else told
            return TypeAdapter(list[self.item]).validate_python(rows)  # type: ignore[name-defined] # made at run time
        except ValidationError as error:
            raise _unreadable(self.path) from error


def machines() -> Many[Machine]:
    """List the machines on the floor."""
    return Many(f"{API}/machines", Machine)


def machine(id: str) -> Call[Machine]:
    """Return a machine."""
    return Call("GET", f"{API}/machines/{_part(id)}", Machine)


def change_machine(id: str, **changes: Any) -> Call[Machine]:
    """Change what is given of a machine."""
    return Call("PATCH", f"{API}/machines/{_part(id)}", Machine, body=changes)


def lock_out(id: str, reason: str) -> Call[Outcome]:
    """Take a machine out of order."""
    return Call("POST", f"{API}/machines/{_part(id)}/lockout", Outcome, body={"reason": reason})


def clear(id: str, reason: str) -> Call[Outcome]:
    """Put a machine in order again."""
    return Call("POST", f"{API}/machines/{_part(id)}/clear", Outcome, body={"reason": reason})


def members(text: str | None = None) -> Many[Member]:
    """List members; `text` is a part of a name, a number or an email."""
    return Many(f"{API}/members", Member, {"text": text})


def me() -> Call[Member]:
    """Return whose token it is."""
    return Call("GET", f"{API}/members/me", Member)


def member(id: str) -> Call[Member]:
    """Return a member."""
    return Call("GET", f"{API}/members/{_part(id)}", Member)


def add_member(first_name: str, last_name: str = "", **more: Any) -> Call[Member]:
    """Admit a member."""
    body = {"first_name": first_name, "last_name": last_name} | more
    return Call("POST", f"{API}/members", Member, body=body)


def change_member(id: str, **changes: Any) -> Call[Member]:
    """Change what is given of a member."""
    return Call("PATCH", f"{API}/members/{_part(id)}", Member, body=changes)


def balances(member: str) -> Call[list[Balance]]:
    """Return what a member owes or has in credit."""
    return Call("GET", f"{API}/members/{_part(member)}/balances", list[Balance])


def badges(member: str) -> Call[list[Badge]]:
    """Return a member's badges."""
    return Call("GET", f"{API}/members/{_part(member)}/badges", list[Badge])


def report_lost(badge: str) -> Call[Badge]:
    """Have a badge refused everywhere."""
    return Call("POST", f"{API}/badges/{_part(badge)}/lost", Badge)


def report_found(badge: str) -> Call[Badge]:
    """Let a badge that was lost be used again."""
    return Call("POST", f"{API}/badges/{_part(badge)}/found", Badge)


def charge(id: str) -> Call[Charge]:
    """Return a charge, also one that was replaced."""
    return Call("GET", f"{API}/charges/{_part(id)}", Charge)


def take_payment(member: str, amount_micro: int, commodity: str, memo: str = "") -> Call[Posted]:
    """Post money that a member paid in cash."""
    body = {"amount_micro": amount_micro, "commodity": commodity, "memo": memo}
    return Call("POST", f"{API}/members/{_part(member)}/payments", Posted, body=body)


def sessions(member: str | None = None, machine: str | None = None) -> Many[Session]:
    """List uses of machines, newest first."""
    return Many(f"{API}/sessions", Session, {"member": member, "machine": machine})


def session(id: str) -> Call[Session]:
    """Return a use of a machine."""
    return Call("GET", f"{API}/sessions/{_part(id)}", Session)


def reservations(
    machine: str | None = None,
    member: str | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> Many[Reservation]:
    """List reservations that touch a time."""
    query = {"machine": machine, "member": member, "from_ms": from_ms, "to_ms": to_ms}
    return Many(f"{API}/reservations", Reservation, query)


def free_slots(machine: str, from_ms: int, to_ms: int) -> Call[list[FreeSlot]]:
    """Return the times of a machine that are open and that nobody has, within at most 100 days."""
    query = {"machine": machine, "from_ms": from_ms, "to_ms": to_ms}
    return Call("GET", f"{API}/reservations/free", list[FreeSlot], query)


def book(machine: str, begins_ms: int, ends_ms: int, **more: Any) -> Call[Reservation]:
    """Book a slot; the code of a refusal names the rule that decided."""
    body = {"machine": machine, "begins_ms": begins_ms, "ends_ms": ends_ms} | more
    return Call("POST", f"{API}/reservations", Reservation, body=body)


def cancel(id: str, reason: str = "") -> Call[Reservation]:
    """Give a slot up."""
    return Call("POST", f"{API}/reservations/{_part(id)}/cancel", Reservation, body={"reason": reason})


def tariffs() -> Many[TariffVersion]:
    """List every version of every price list."""
    return Many(f"{API}/tariffs", TariffVersion)


def quote_uses(usage: str, *tariffs: str) -> Call[dict[str, Any]]:
    """Return what a list of uses (TOML) costs by price lists (TOML), every line explained."""
    body = {"tariffs": list(tariffs), "usage": usage}
    return Call("POST", f"{API}/tariffs/quote", dict[str, Any], body=body)


def compare_tariffs(new: str, since: str, **more: Any) -> Call[dict[str, Any]]:
    """Return what past use would have cost by another price list (TOML), since a day."""
    body = {"new": new, "since": since} | more
    return Call("POST", f"{API}/tariffs/compare", dict[str, Any], body=body)


def _unreadable(path: str) -> Unreadable:
    return Unreadable(f"What came from {path} is no answer of this API.")


def _part(text: str) -> str:
    return quote(text, safe="")
