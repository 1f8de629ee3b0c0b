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
from booking_api.members.names import whole
from booking_api.sessions.models import MachineSession
from booking_api.tariffs import service as tariffs
from booking_api.web import usable
from booking_api.web.board_asked import Asked
from booking_api.web.formats import Formats
from booking_api.web.kinds import kind_words
from booking_api.web.render import Page, environment
from booking_api.web.usable import UNASKED, Reader, Usable
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
    usable: Usable = UNASKED


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


@dataclass(frozen=True, slots=True)
class Board:
    """The machines that are shown, in order, with their cards, and how many the chips would show."""

    rows: list[Machine]
    cards: dict[str, Card]
    may: int
    free: int
    reader: Reader


def read_cards(session: Session, page: Page, only: frozenset[str] | None = None) -> dict[str, Card]:
    """Return the cards of all machines, or of some, in the order of the board."""
    return _cards(session, page, _rows(session, only), None)[0]


def read_board(
    session: Session,
    page: Page,
    asked: Asked,
    only: frozenset[str] | None = None,
    reader: Reader | None = None,
) -> Board:
    """Return what was asked for; of `only` these machines, whatever they are to the reader by now.

    `reader` is what was read of the reader a moment ago, and saves reading it again.
    """
    rows = [row for row in _rows(session, only) if only is not None or asked.means(row, page.f)]
    cards, reader = _cards(session, page, rows, reader)
    kept = {id: card for id, card in cards.items() if only is not None or asked.keeps(card.usable)}
    may = sum(card.usable.may is True for card in cards.values())
    free = sum(card.usable.free for card in cards.values())
    return Board([row for row in rows if row.id in kept], kept, may, free, reader)


def _rows(session: Session, only: frozenset[str] | None) -> list[Machine]:
    rows = [row for row in machines.listed(session) if only is None or row.id in only]
    return sorted(rows, key=lambda row: (row.location == "", row.location, counted(row.id)))


def _cards(
    session: Session, page: Page, rows: list[Machine], reader: Reader | None
) -> tuple[dict[str, Card], Reader]:
    floor = page.context.live.snapshot()
    online = {machine: _online(page, floor, machine) for machine in floor.stations}
    names = _names(session, page.who, (floor.stations[row.id] for row in rows if row.id in floor.stations))
    prices = _prices(session, rows, page)
    reader = reader or usable.read(session, page, rows)
    cards: dict[str, Card] = {}
    for row in rows:
        station = floor.stations.get(row.id) if online.get(row.id) else None
        card = _card(row, station, page.f)
        if station is not None and station.session_id is not None:
            card = _in_session(card, station, page, names)
        asks = prices[row.id]
        price = card.price if asks else ""
        cards[row.id] = replace(card, tariff=asks, price=price, usable=reader.of(row, station))
    return cards, reader


def areas_of(board: Board, page: Page, asked: Asked) -> list[Area]:
    """Return the cards of a board drawn, by area or by kind."""
    areas: dict[str, Area] = {}
    for row in board.rows:
        name = kind_words(row.kind, page.f.texts) if asked.by == "kind" else row.location
        area = areas.setdefault(name, Area(name, []))
        area.cards.append(draw(board.cards[row.id], page.f.language))
    return sorted(areas.values(), key=lambda one: one.name) if asked.by == "kind" else list(areas.values())


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
    whose = {used.member for used in latest}
    people = names_of(session, whose, staff=True) if everyone else {}
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


def names_of(session: Session, members: set[str], *, staff: bool = False) -> dict[str, str]:
    """Return the names that members show, "" for who shows none; then `staff` read the whole name."""
    names = (Member.id, Member.shown_name, Member.first_name, Member.last_name)
    query = select(*names).where(col(Member.id).in_(members))
    return {
        id: shown or (whole(first, last) if staff else "") for id, shown, first, last in session.exec(query)
    }


def counted(id: str) -> str:
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
