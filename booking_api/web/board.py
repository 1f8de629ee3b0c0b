"""The floor board: what each machine shows to this reader.

What a reader may know is decided here, before anything is drawn: without sign-in no names, no jobs and no
prices; a member sees names as their bearers chose, and prices of their own sessions only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from markupsafe import Markup
from sqlmodel import Session, col, select

from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.live import FloorSnapshot
from booking_api.machines import service as machines
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.sessions.models import MachineSession
from booking_api.tariffs import service as tariffs
from booking_api.web.formats import Formats
from booking_api.web.render import Page, environment
from booking_api.web.wording import short_price
from floor.tariff import in_force
from floor.texts import say, why_locked_out
from floor.wire.messages import Station
from floor.words import Activity, StationState

ICONS = frozenset({"printer", "laser", "cnc", "saw", "door"})
STRIP_ROWS = 12


@dataclass(frozen=True, slots=True)
class Card:
    """What one machine's card says; all of it text in the reader's language, and all that they may know."""

    machine: str
    name: str
    icon: str
    state: StationState
    state_text: str
    tariff: str = ""
    person: str = ""
    mine: bool = False
    words: str = ""
    working: bool = False
    job: str = ""
    progress: int | None = None
    left: str = ""
    elapsed: str = ""
    price: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the floor."""

    name: str
    cards: list[Markup]


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """A charge on the strip beside the board."""

    id: str
    machine: str
    person: str
    at_ms: int
    elapsed_ms: int
    amount_micro: int
    commodity: str


def read_cards(session: Session, page: Page, only: frozenset[str] | None = None) -> dict[str, Card]:
    """Return the cards of all machines, or of some, in the order of the board."""
    floor = page.context.live.snapshot()
    online = {machine: _online(page, floor, machine) for machine in floor.stations}
    rows = [row for row in machines.listed(session) if only is None or row.id in only]
    rows.sort(key=lambda row: (row.location == "", row.location, _counted(row.id)))
    names = _names(session, page.who, (floor.stations[row.id] for row in rows if row.id in floor.stations))
    prices = _prices(session, rows, page)
    cards: dict[str, Card] = {}
    for row in rows:
        station = floor.stations.get(row.id) if online.get(row.id) else None
        card = _card(row, station, page.f)
        if station is not None and station.session_id is not None:
            card = _in_session(card, station, page, names)
        asks = prices[row.id]
        cards[row.id] = replace(card, tariff=asks, price=card.price if asks else "")
    return cards


def read_areas(session: Session, page: Page) -> tuple[list[Area], dict[str, Card]]:
    """Return the floor by area, drawn, and the cards themselves."""
    cards = read_cards(session, page)
    places = {row.id: row.location for row in machines.listed(session)}
    areas: dict[str, Area] = {}
    for id, card in cards.items():
        area = areas.setdefault(places[id], Area(places[id], []))
        area.cards.append(draw(card, page.f.language))
    return list(areas.values()), cards


@lru_cache(maxsize=4096)
def draw(card: Card, language: str, oob: bool = False) -> Markup:
    """Draw a card; equal cards are drawn once, however many readers look at them."""
    return Markup(environment(language).get_template("part_card.html").render(c=card, oob=oob))


def tally(cards: Mapping[str, Card]) -> list[tuple[StationState, str, int]]:
    """Count machines by state, in the order of the states."""
    counts = Counter(card.state for card in cards.values())
    texts = {card.state: card.state_text for card in cards.values()}
    return [(state, texts[state], counts[state]) for state in StationState if counts[state]]


def gateways_down(page: Page) -> list[str]:
    """Return the names of gateways that are out of touch; only staff are told them."""
    if not page.may(Permission.GATEWAYS_READ):
        return []
    gateways = page.context.live.snapshot().gateways
    return sorted(name for name, gateway in gateways.items() if not gateway.online)


def read_charges(session: Session, page: Page) -> list[ChargeRow] | None:
    """Return the latest charges: everybody's for operators, one's own for members, None for anybody."""
    if page.who is None:
        return None
    everyone = page.may(Permission.LEDGER_READ)
    query = select(MachineSession).where(col(MachineSession.tariff_version).is_not(None))
    if not everyone:
        query = query.where(MachineSession.member == page.who.id)
    latest = list(session.exec(query.order_by(col(MachineSession.ended_ms).desc()).limit(STRIP_ROWS)))
    known = {machine.id: machine.name for machine in machines.listed(session, archived=True)}
    people = names_of(session, {used.member for used in latest}) if everyone else {}
    return [
        ChargeRow(
            id=used.id,
            machine=known.get(used.machine, used.machine),
            person=people.get(used.member, ""),
            at_ms=used.ended_ms or used.started_ms,
            elapsed_ms=used.elapsed_ms,
            amount_micro=used.total_micro or 0,
            commodity=used.commodity or "",
        )
        for used in latest
    ]


def names_of(session: Session, members: set[str]) -> dict[str, str]:
    """Return the names that members chose to show."""
    query = select(Member.id, Member.shown_name).where(col(Member.id).in_(members))
    return {id: shown for id, shown in session.exec(query)}


def _counted(id: str) -> str:
    """Return a key that sorts laser-2 before laser-10."""
    return re.sub(r"[0-9]+", lambda digits: digits[0].zfill(9), id)


def _online(page: Page, floor: FloorSnapshot, machine: str) -> bool:
    gateway = floor.gateways.get(page.context.live.gateway_of(machine) or "")
    return gateway is not None and gateway.online


def _names(session: Session, who: Who | None, stations: Iterable[Station]) -> dict[str, str]:
    if who is None:
        return {}
    return names_of(session, {station.member for station in stations if station.member})


def _prices(session: Session, rows: list[Machine], page: Page) -> dict[str, str]:
    """Say each machine's main price, where it has a tariff in force."""
    now_ms = page.context.clock.now_ms()
    kept = tariffs.versions(session, {row.tariff for row in rows if row.tariff})
    said: dict[str, str] = {}
    for name, versions in kept.items():
        read = [tariffs.parsed(version.text, version.id) for version in versions]
        if any(version.valid_from_ms <= now_ms for version in read):
            said[name] = short_price(in_force(read, now_ms), page.f)
    return {row.id: said.get(row.tariff or "", "") for row in rows}


def _card(row: Machine, station: Station | None, f: Formats) -> Card:
    state = station.state if station else StationState.OFFLINE
    if row.lockout_reason is not None:
        state = StationState.LOCKED_OUT
    words = row.lockout_reason or ""
    if state is StationState.LOCKED_OUT and not words and station:
        words = station.words
    return Card(
        machine=row.id,
        name=row.name,
        icon=row.kind if row.kind in ICONS else "machine",
        state=state,
        state_text=say(state, f.language),
        words=why_locked_out(words, f.language),
    )


def _in_session(card: Card, station: Station, page: Page, names: Mapping[str, str]) -> Card:
    who, f = page.who, page.f
    mine = who is not None and who.id == station.member
    sees_money = who is not None and who.may_see(station.member or "", Permission.LEDGER_READ)
    working = station.activity in {Activity.BUSY, Activity.HELD} and (
        station.progress is not None or bool(station.job)
    )
    gettext = f.texts.gettext
    left = f.span(station.left_s * 1000) if station.left_s is not None else ""
    return replace(
        card,
        person=names.get(station.member or "", ""),
        mine=mine,
        working=working,
        job=station.job if mine or page.may(Permission.SESSIONS_READ) else "",
        progress=None if station.progress is None else round(station.progress * 100),
        left=gettext("%(time)s left") % {"time": left} if left else "",
        elapsed=f.span(station.elapsed_ms),
        price=_running_price(station, f) if sees_money else "",
    )


def _running_price(station: Station, f: Formats) -> str:
    return "" if station.price_micro is None else f.money(station.price_micro, station.commodity)
