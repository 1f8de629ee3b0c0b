"""Every call that this client knows, as a value: what to send, and what the answer is. No network.

`Client` offers them by noun; `AsyncClient.do` takes them as they are; so does `Client.do`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from booking_api.client.models import Balance, Machine, Member, Outcome, Posted, Session, TariffVersion

T = TypeVar("T")
API = "/api/v1"


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. `query` leaves out what is None; `answer` is the answer's type."""

    method: str
    path: str
    answer: type[T] | Any
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None

    def read(self, content: bytes) -> T:
        """Return what an answer says."""
        if self.answer is None:
            return None  # type: ignore[return-value] # Call[None] is what answers nothing
        made: T = TypeAdapter(self.answer).validate_json(content)
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
        told: Any = TypeAdapter(Any).validate_json(content)
        rows = told["items"] if isinstance(told, dict) else told
        return TypeAdapter(list[self.item]).validate_python(rows)  # type: ignore[name-defined] # made at run time


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


def add_member(first_name: str, last_name: str, **more: Any) -> Call[Member]:
    """Admit a member."""
    body = {"first_name": first_name, "last_name": last_name} | more
    return Call("POST", f"{API}/members", Member, body=body)


def change_member(id: str, **changes: Any) -> Call[Member]:
    """Change what is given of a member."""
    return Call("PATCH", f"{API}/members/{_part(id)}", Member, body=changes)


def balances(member: str) -> Call[list[Balance]]:
    """Return what a member owes or has in credit."""
    return Call("GET", f"{API}/members/{_part(member)}/balances", list[Balance])


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


def tariffs() -> Many[TariffVersion]:
    """List every version of every price list."""
    return Many(f"{API}/tariffs", TariffVersion)


def compare_tariffs(new: str, since: str, **more: Any) -> Call[dict[str, Any]]:
    """Return what past use would have cost by another price list (TOML), since a day."""
    body = {"new": new, "since": since} | more
    return Call("POST", f"{API}/tariffs/compare", dict[str, Any], body=body)


def _part(text: str) -> str:
    return quote(text, safe="")
