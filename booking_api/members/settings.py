"""The settings of this room: the table `[people]` of makerfloor.toml."""

from __future__ import annotations

from dataclasses import dataclass

from booking_api.setting import Tables

KEYS = ("join", "of_age", "keep_years", "forget_after_months")
JOIN = ("off", "approval", "open")


@dataclass(frozen=True, slots=True)
class PeopleSettings:
    """Whether strangers may join (`join`), from which age on nobody is a minor, for how many years invoices
    are kept whatever else is erased, and after how many months without access a member is forgotten by
    `makerfloor member forget-left` (0: never).
    """

    join: str = "off"
    of_age: int = 18
    keep_years: int = 10
    forget_after_months: int = 0


def read(tables: Tables) -> PeopleSettings:
    """Read the table; raises ConfigError."""
    return PeopleSettings(
        join=tables.choice("people.join", "off", JOIN),
        of_age=tables.whole("people.of_age", 18, 1, 30),
        keep_years=tables.whole("people.keep_years", 10, 1, 30),
        forget_after_months=tables.whole("people.forget_after_months", 0, 0, 240),
    )
