"""What the server tells, as far as this client knows it; what it tells beyond is left aside.

Times are UTC milliseconds, money is integer micro-units (1 EUR is 1,000,000).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Machine(_Told):
    """A machine, and what its station showed last."""

    id: str
    name: str
    kind: str
    location: str
    gateway: str | None
    tariff: str | None
    requires_certification: bool
    lockout_reason: str | None
    state: str


class Member(_Told):
    """A member; `email` and `account` are None where the token may not see them."""

    id: str
    number: str
    first_name: str
    last_name: str
    shown_name: str
    role: str
    tier: str
    valid_until_ms: int | None
    suspended_reason: str | None
    email: str | None = None
    account: str | None = None


class Session(_Told):
    """A use of a machine; `total_micro` is None while it is not priced, or for who may not see money."""

    id: str
    member: str | None
    machine: str
    started_ms: int | None = None
    ended_ms: int | None = None
    total_micro: int | None = None
    commodity: str | None = None


class Reservation(_Told):
    """A reservation; its end is the first instant after. `member` is None where it concerns others.

    `standing` is "booked", "begun", or how it is over.
    """

    id: str
    machine: str
    kind: str
    member: str | None
    shown: str
    begins_ms: int
    ends_ms: int
    standing: str
    mine: bool


class FreeSlot(_Told):
    """A time of a machine that nobody has."""

    machine: str
    begins_ms: int
    ends_ms: int


class Balance(_Told):
    """What is owed (> 0) or in credit (< 0) in one commodity."""

    commodity: str
    amount_micro: int


class Badge(_Told):
    """A badge; a `weak` one can be copied. `lost_ms` is when it was reported lost."""

    id: str
    member: str
    kind: str
    label: str
    lost_ms: int | None
    weak: bool


class Charge(_Told):
    """What a session or a fee costs in one month, of which `total_micro` is paid by the account."""

    id: str
    account: str
    member: str
    machine: str | None
    session: str | None
    month: str
    tariff_version: str
    commodity: str
    gross_micro: int
    total_micro: int


class TariffVersion(_Told):
    """A version of a price list; `text` is its TOML."""

    id: str
    tariff: str
    valid_from_ms: int
    text: str


class Outcome(_Told):
    """What came of an order to a machine: done now, or recorded until its gateway is in touch."""

    done: bool
    recorded: bool
    words: str


class Posted(_Told):
    """An entry in the books."""

    entry: str
