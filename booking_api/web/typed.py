"""What people type into forms about money: amounts with a comma or a point, and how they are paid."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form

from booking_api.payments.books import Means
from floor import money
from floor.errors import Refused

Amount = Annotated[str, Form(max_length=20)]
Key = Annotated[str, Form(min_length=8, max_length=100)]
Memo = Annotated[str, Form(max_length=200)]
Text = Annotated[str, Form(max_length=254)]


def read_amount(text: str) -> int:
    """Return micro-units of an amount that is 0 or more; raises Refused."""
    try:
        amount_micro = money.parse(text.strip().replace(",", "."))
    except ValueError:
        amount_micro = -1
    if amount_micro < 0:
        raise Refused("amount_malformed", "Write the amount like 12.50.")
    return amount_micro


def read_optional_amount(text: str) -> int | None:
    """Return micro-units as `read_amount` does, None where nothing was typed."""
    return read_amount(text) if text.strip() else None


def read_means(text: str) -> Means:
    """Return how it is paid; raises Refused."""
    try:
        return Means(text)
    except ValueError:
        raise Refused("means_malformed", "Choose how it is paid.") from None
