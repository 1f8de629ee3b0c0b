"""Tariffs over HTTP: every version as it was written."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from booking_api.auth.guards import Ctx, Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.tariffs import service
from floor.errors import ConfigError, Refused

router = APIRouter(prefix="/api/v1/tariffs", tags=["tariffs"])


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
