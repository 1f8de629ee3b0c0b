"""Tariffs as pages: which there are, what each says, its versions, and the machines that use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Annotated

from fastapi import Depends, Form
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.machines.service import MachineChanges
from booking_api.tariffs import service
from booking_api.tariffs.models import TariffVersion
from booking_api.web.board import names_of
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.wording import short_price, tariff_words
from floor.errors import Refused
from floor.tariff import Tariff

router = Router(prefix="/tariffs", include_in_schema=False)
Writes = Annotated[Who, Depends(holds(Permission.TARIFFS_WRITE))]
AROUND = 2
"""So many lines stand around a difference."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A tariff in the list; `current` is None before the first version is in force, `coming` the next one."""

    id: str
    name: str
    price: str
    current: TariffVersion | None
    coming: TariffVersion | None
    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """A version on its tariff's page: until when it is in force, who wrote it, what it changed."""

    row: TariffVersion
    until_ms: int | None
    author: str
    lines: tuple[tuple[str, str], ...]


@router.get("")
def tariff_list(who: Writes, session: Reading, page: Paged) -> Response:
    """List tariffs, with what they cost now and what comes."""
    found: dict[str, list[TariffVersion]] = {}
    for version in service.listed(session):
        found.setdefault(version.tariff, []).append(version)
    every = machines.listed(session)
    shown = [
        _listed(id, versions, [one for one in every if one.tariff == id], page)
        for id, versions in found.items()
    ]
    free = [one for one in every if one.tariff is None]
    shown.sort(key=lambda one: (not one.machines, one.name))
    return page.answer("tariffs.html", {"tariffs": shown, "free": free})


def _listed(id: str, versions: Sequence[TariffVersion], on: Sequence[Machine], page: Page) -> Listed:
    """`versions` come newest first."""
    now_ms = page.context.clock.now_ms()
    current = next((one for one in versions if one.valid_from_ms <= now_ms), None)
    coming = next((one for one in reversed(versions) if one.valid_from_ms > now_ms), None)
    shown = current or versions[0]
    tariff = service.parsed(shown.text, shown.id)
    asks = any(component.price_micro for component in tariff.components)
    price = short_price(tariff, page.f) or (tariff_words(tariff, page.f)[0] if asks else "")
    return Listed(id, tariff.name, price, current, coming, tuple(on))


@router.get("/{id}")
def tariff_page(who: Writes, session: Reading, page: Paged, id: str) -> Response:
    """Show a tariff: what it says in words, every version, and who uses it."""
    versions = kept(session, id)
    now_ms = page.context.clock.now_ms()
    current = next((one for one in reversed(versions) if one.valid_from_ms <= now_ms), None)
    coming = [one for one in versions if one.valid_from_ms > now_ms]
    shown = current or versions[0]
    tariff = service.parsed(shown.text, shown.id)
    values = {
        "id": id,
        "tariff": tariff,
        "words": tariff_words(tariff, page.f),
        "current": current,
        "coming": [(one, _words(one, page)) for one in coming],
        "versions": list(reversed(_versions(session, versions))),
        "machines": machines.listed(session),
        "names": {one.id: _parsed(one).name for one in _newest(session)},
        "now_ms": now_ms,
    }
    return page.answer("tariff.html", values)


@router.post("/{id}/machines")
def choose_machines(
    who: Writes,
    session: Writing,
    page: Paged,
    id: str,
    machine: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Put machines on a tariff, and take off it those that were not chosen."""
    require(who, Permission.MACHINES_WRITE)
    kept(session, id)
    chosen, now_ms = set(machine or ()), page.context.clock.now_ms()
    for one in machines.listed(session):
        wanted = id if one.id in chosen else None if one.tariff == id else one.tariff
        if wanted != one.tariff:
            machines.change(session, one.id, MachineChanges(tariff=wanted), now_ms)
    return RedirectResponse(f"/tariffs/{id}?notice=machines_chosen", 303)


def kept(session: Session, id: str) -> list[TariffVersion]:
    """Return a tariff's versions, oldest first; raises Refused where there is none."""
    versions = service.versions(session, [id]).get(id)
    if not versions:
        raise Refused("tariff_not_found", "There is no such tariff.")
    return versions


def _newest(session: Session) -> list[TariffVersion]:
    found: dict[str, TariffVersion] = {}
    for version in service.listed(session):
        found.setdefault(version.tariff, version)
    return list(found.values())


def _parsed(version: TariffVersion) -> Tariff:
    return service.parsed(version.text, version.id)


def _words(version: TariffVersion, page: Page) -> list[str]:
    return tariff_words(_parsed(version), page.f)


def _versions(session: Session, versions: Sequence[TariffVersion]) -> list[Version]:
    names = names_of(session, {one.author for one in versions}, staff=True)
    made: list[Version] = []
    for n, row in enumerate(versions):
        until_ms = versions[n + 1].valid_from_ms if n + 1 < len(versions) else None
        lines = tuple(differences(versions[n - 1].text, row.text)) if n else ()
        made.append(Version(row, until_ms, names.get(row.author, row.author), lines))
    return made


def differences(old: str, new: str) -> list[tuple[str, str]]:
    """Return the lines that differ and what stands around them: "+", "-", " " or "…", and the line."""
    found = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=AROUND)
    lines = [line for line in found if not line.startswith(("---", "+++"))]
    return [("…", "") if line.startswith("@@") else (line[:1] or " ", line[1:]) for line in lines]
