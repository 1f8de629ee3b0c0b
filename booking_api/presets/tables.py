"""machines.toml, funds.toml, teams.toml: lists of rows, each kept by the room that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlmodel import Session, SQLModel

from booking_api.accounts import funds, teams
from booking_api.accounts.models import Account, Fund
from booking_api.db import zone_of
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.memberships.days import begin_ms
from booking_api.tariffs.source import at_line, parse
from floor.errors import ConfigError
from floor.money import parse as parse_amount

Row = Mapping[str, Any]
AMOUNTS = {
    "budget": "budget_micro",
    "credit_limit": "credit_limit_micro",
    "monthly_limit": "monthly_limit_micro",
}
DAYS = {"from": "from_ms", "until": "until_ms"}


@dataclass(frozen=True, slots=True)
class Put:
    """How rows of one kind are kept: the list's name, the table, the details of a new and of a known row."""

    header: str
    table: type[SQLModel]
    details: type[BaseModel]
    changes: type[BaseModel]
    add: Callable[[Session, Any, int], SQLModel]
    change: Callable[[Session, str, Any, int], SQLModel]


def put_all(
    session: Session, put: Put, text: str, file: str, now_ms: int
) -> Iterator[tuple[str, Row | None, Row]]:
    """Keep the rows of a file; yield each one's id, what was kept before (None: nothing) and after.

    A key that a row does not have stays as it is kept. Raises ConfigError with line, key and remedy.
    """
    table = parse(text, file)
    try:
        for n, row in enumerate(_rows(table, put, file), 1):
            values = _values(session, row, f"{put.header}[{n}]", file)
            yield _put(session, put, values, (file, f"{put.header}[{n}]"), now_ms)
    except ConfigError as error:
        raise at_line(error, text) from error


def _rows(table: Row, put: Put, file: str) -> list[Row]:
    rows = table.get(put.header)
    if (
        not isinstance(rows, list)
        or set(table) != {put.header}
        or not all(isinstance(r, Mapping) for r in rows)
    ):
        raise ConfigError(
            file, "", f"is no list of {put.header}", f"Write each below a line [[{put.header}]]."
        )
    return rows


def _values(session: Session, row: Row, where: str, file: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in row.items():
        try:
            if key in AMOUNTS:
                values[AMOUNTS[key]] = parse_amount(
                    f"{value:f}" if isinstance(value, Decimal) else str(value)
                )
            elif key in DAYS:
                values[DAYS[key]] = begin_ms(_day(value), zone_of(session))
            else:
                values[key] = value
        except ValueError as error:
            raise ConfigError(file, f"{where}.{key}", f"is {value!r}", f"{error}.") from None
    return values


def _day(value: object) -> date:
    if type(value) is not date:
        raise ValueError("Write a date such as 2026-12-31")
    return value


def _put(
    session: Session, put: Put, values: dict[str, Any], place: tuple[str, str], now_ms: int
) -> tuple[str, Row | None, Row]:
    id = values.get("id")
    known = session.get(put.table, id) if isinstance(id, str) else None
    if known is None:
        after = put.add(session, _checked(put.details, values, place), now_ms)
        return str(id), None, after.model_dump()
    changes = _checked(put.changes, {key: value for key, value in values.items() if key != "id"}, place)
    before = known.model_dump()
    given = changes.model_dump(exclude_unset=True)
    if all(before[key] == value for key, value in given.items()):
        return str(id), before, before
    return str(id), before, put.change(session, str(id), changes, now_ms).model_dump()


def _checked(kind: type[BaseModel], values: dict[str, Any], place: tuple[str, str]) -> BaseModel:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        names = {inner: key for key, inner in (AMOUNTS | DAYS).items()}
        key = ".".join(names.get(str(part), str(part)) for part in first["loc"])
        raise ConfigError(place[0], f"{place[1]}.{key}", first["msg"], "Correct it.") from None


MACHINES = Put(
    "machines", Machine, machines.MachineDetails, machines.MachineChanges, machines.add, machines.change
)
FUNDS = Put(
    "funds",
    Fund,
    funds.FundDetails,
    funds.FundChanges,
    funds.add,
    lambda session, id, changes, now_ms: funds.change(session, id, changes),
)
TEAMS = Put("teams", Account, teams.TeamDetails, teams.TeamChanges, teams.add, teams.change)
