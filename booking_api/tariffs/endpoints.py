"""Tariffs over HTTP: every version as it was written."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.tariffs import compare_words, service
from booking_api.tariffs.past import ONE_AT_A_TIME, Window, compare_past, labels
from booking_api.tariffs.quote import as_json, quote_texts
from floor.errors import ConfigError, Refused
from floor.tariff import Tariff

router = Router(prefix="/api/v1/tariffs", tags=["tariffs"])


class VersionSeen(BaseModel):
    """A version of a tariff; `text` is its TOML. Times are UTC milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    tariff: str
    valid_from_ms: int
    text: str
    sha256: str
    author: str
    created_ms: int


class VersionDetails(BaseModel):
    """A new version: its TOML, as docs/tariffs.md says."""

    text: Annotated[str, Field(min_length=1, max_length=service.TEXT_MAX)]


class CompareDetails(BaseModel):
    """Two tariffs over past use: without `old` it is what was charged by `tariff`. Days are the space's."""

    old: Annotated[str, Field(max_length=service.TEXT_MAX)] = ""
    new: Annotated[str, Field(min_length=1, max_length=service.TEXT_MAX)]
    since: date
    until: date | None = None
    tariff: Annotated[str, Field(max_length=64)] = ""


TariffText = Annotated[str, Field(min_length=1, max_length=service.TEXT_MAX)]


class QuoteDetails(BaseModel):
    """Texts of tariffs, as docs/tariffs.md says, and of a usage file, whose uses they price."""

    tariffs: Annotated[list[TariffText], Field(min_length=1, max_length=20)]
    usage: TariffText


@router.get("")
def list_versions(
    session: Reading, who: Annotated[Who, Depends(holds(Permission.TARIFFS_READ))]
) -> list[VersionSeen]:
    """List every version of every tariff, newest first in each."""
    return [VersionSeen.model_validate(version) for version in service.listed(session)]


@router.post("", status_code=201)
def add_version(
    who: Annotated[Who, Depends(holds(Permission.TARIFFS_WRITE))],
    session: Writing,
    context: Ctx,
    details: VersionDetails,
) -> VersionSeen:
    """Add a version; the same text again is the same version."""
    try:
        version = service.add(session, details.text, who.id, context.clock.now_ms())
    except ConfigError as error:
        raise Refused("tariff_invalid", str(error)) from error
    return VersionSeen.model_validate(version)


@router.post("/quote")
def quote(
    details: QuoteDetails, who: Annotated[Who, Depends(holds(Permission.TARIFFS_READ))]
) -> dict[str, Any]:
    """Price a list of uses in order, every line explained, as `makerfloor quote` does; nothing is kept."""
    if not ONE_AT_A_TIME.acquire(blocking=False):
        raise Refused("quote_busy", "Another quote or comparison runs. Try again in a minute.")
    try:
        return as_json(quote_texts(details.tariffs, details.usage))
    except (ConfigError, ValueError) as error:
        raise Refused("quote_invalid", str(error)) from error
    finally:
        ONE_AT_A_TIME.release()


@router.post("/compare", dependencies=[Depends(holds(Permission.LEDGER_READ))])
def compare(
    session: Reading,
    context: Ctx,
    details: CompareDetails,
    who: Annotated[Who, Depends(holds(Permission.TARIFFS_READ))],
) -> dict[str, Any]:
    """Show who would have paid more and who less; it takes the rights to tariffs and to the books."""

    def begin_ms(day: date) -> int:
        return round(datetime(day.year, day.month, day.day, tzinfo=context.zone).timestamp() * 1000)

    old, new = _read(details.old, "old") if details.old else None, _read(details.new, "new")
    until_ms = begin_ms(details.until) if details.until else context.clock.now_ms()
    window = Window(details.tariff or (old or new).id, begin_ms(details.since), until_ms)
    if not ONE_AT_A_TIME.acquire(blocking=False):
        raise Refused("compare_busy", "Another comparison runs. Try again in a minute.")
    try:
        made = compare_past(session, window, old, new)
    finally:
        ONE_AT_A_TIME.release()
    return compare_words.as_json(made, labels(session, (account for account, _ in made.most_affected())))


def _read(text: str, name: str) -> Tariff:
    try:
        return service.read(text, name)
    except ConfigError as error:
        raise Refused("tariff_invalid", str(error)) from error
