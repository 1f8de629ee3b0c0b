"""The board for a wall: the floor for whoever passes, with nothing that is private, and nothing to press.

What does not fit is shown page after page: which one is counted from the clock, so that all screens turn
together and the browser needs no script for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from babel.dates import format_date
from fastapi import Depends, Query
from markupsafe import Markup
from sqlmodel import Session, col, select
from starlette.responses import Response

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx
from booking_api.context import Context
from booking_api.courses import classes
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.web.board import Board, Card, read_board, tally
from booking_api.web.board_asked import Asked
from booking_api.web.language import NAMES
from booking_api.web.live import stream
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.usable import Reader
from floor.errors import Refused

router = Router(include_in_schema=False)
TURN_MS = 15_000
"""So long a page is shown, in milliseconds of the wall's own time."""
LOOK_S = 5.0
"""So often the clock and the page are looked at, in seconds."""
AGAIN_MS = 15_000
SOON_MS = 24 * 3_600_000
SOON_MAX = 5
AREA_ROW = 0.5
"""How much of a row of cards the name of an area takes."""
COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Soon:
    """What begins next: a class with its places, or a reservation, by the name that was chosen if any."""

    at_ms: int
    time: str
    what: str
    note: str


@dataclass(frozen=True, slots=True)
class Part:
    """Some machines of an area: all, or those that fit on a page."""

    name: str
    cards: tuple[Card, ...]


def allowed(context: Ctx) -> None:
    """Refuse the wall where the settings turn it off."""
    if not context.settings.wall:
        raise Refused("path_not_found", "There is nothing at this address.")


def wall_page(page: Paged, lang: Annotated[str, Query(max_length=8)] = "") -> Page:
    """Return what the wall knows: nobody's rights, whoever is signed in there, and the language asked for."""
    language = lang if lang in NAMES else page.f.language
    return replace(page, who=None, f=replace(page.f, language=language))


Walled = Annotated[Page, Depends(wall_page)]
Rows = Annotated[int, Query(ge=2, le=12)]


@router.get("/wall", dependencies=[Depends(allowed)])
def wall(page: Walled, rows: Rows = 6) -> Response:
    """Show the wall; `rows` is how many cards stand above one another."""
    parts = Markup("").join(WallParts(rows, oob=False)(page).values())
    return page.answer("wall.html", {"parts": parts, "rows": rows})


@router.get("/live/wall", dependencies=[Depends(allowed)])
async def live_wall(page: Walled, rows: Rows = 6) -> Response:
    """Stream what changes on the wall."""
    return stream(page, WallParts(rows), LOOK_S)


@dataclass(slots=True)
class WallParts:
    """Draws the parts of the wall that change: its head, the page of machines, and what begins next."""

    rows: int
    oob: bool = True
    reader: Reader | None = None
    read_ms: int = 0

    def __call__(self, page: Page) -> dict[str, Markup]:
        """Draw the parts as they are now."""
        wall_ms, now_ms = page.context.wall.now_ms(), page.context.clock.now_ms()
        fresh = self.reader is not None and 0 <= wall_ms - self.read_ms < AGAIN_MS
        with page.context.database.read() as session:
            board = read_board(session, page, Asked(), reader=self.reader if fresh else None)
            soon = _soon(session, page, board, now_ms)
        if not fresh:
            self.reader, self.read_ms = board.reader, wall_ms
        pages = paged(board.rows, board.cards, self.rows)
        number = wall_ms // TURN_MS % len(pages) if pages else 0
        f = page.f
        head = {
            "tally": tally(board.cards),
            "clock": f.clock(now_ms),
            "now_ms": now_ms,
            "day": format_date(f.moment(now_ms).date(), "EEEE d MMMM" if f.language == "en" else "full",
                               locale=f.locale),
        }  # fmt: skip
        shown = {"areas": pages[number] if pages else [], "number": number + 1, "count": len(pages)}
        oob = self.oob
        return {
            "head": page.part("part_wall_head.html", oob=oob, space=_space(page.context), **head),
            "floor": page.part("part_wall_floor.html", oob=oob, **shown),
            "soon": page.part("part_wall_soon.html", oob=oob, soon=soon),
        }


def paged(rows: Sequence[Machine], cards: dict[str, Card], most: int) -> list[list[Part]]:
    """Put machines by area on pages of at most `most` rows of COLUMNS cards; areas that fit stay whole.

    The name of an area takes AREA_ROW of a row.
    """
    pages: list[list[Part]] = []
    areas: dict[str, list[Card]] = {}
    for row in rows:
        areas.setdefault(row.location, []).append(cards[row.id])
    left = 0.0
    for name, there in areas.items():
        while there:
            takes = -(-len(there) // COLUMNS) + AREA_ROW
            if not pages or left < 1 + AREA_ROW or (takes > left and takes <= most):
                pages.append([])
                left = float(most)
            fits = min(len(there), int(left - AREA_ROW) * COLUMNS)
            part, there = there[:fits], there[fits:]
            pages[-1].append(Part(name, tuple(part)))
            left -= -(-len(part) // COLUMNS) + AREA_ROW
    return pages


def _space(context: Context) -> str:
    return context.settings.space_name


def _soon(session: Session, page: Page, board: Board, now_ms: int) -> list[Soon]:
    """Return the next classes and reservations of a day."""
    f, until_ms = page.f, now_ms + SOON_MS
    at = board.reader.at
    found: list[Soon] = []
    booked = {one.member for row in board.rows for one in board.reader.known.of(row.id)}
    chose = select(Member.id).where(col(Member.id).in_(booked), col(Member.shown_chosen))
    named = {*session.exec(chose), ""}
    for seen in classes.listed(session, now_ms):
        if now_ms <= seen.row.starts_ms < until_ms:
            names = seen.course.names
            left = f.texts.ngettext("%(num)s place left", "%(num)s places left", seen.left)
            note = left % {"num": seen.left} if seen.left else f.texts.gettext("full")
            name = str(names.get(f.language) or next(iter(names.values())))
            found.append(Soon(seen.row.starts_ms, at(seen.row.starts_ms), name, note))
    for row in board.rows:
        for one in board.reader.known.of(row.id):
            if not one.unreserved and now_ms < one.begins_ms < until_ms and (one.member or not one.guests):
                shown = (one.shown if one.member in named else "") or f.texts.gettext("Reserved")
                found.append(Soon(one.begins_ms, at(one.begins_ms), row.name, shown))
    return sorted(found, key=lambda one: (one.at_ms, one.what))[:SOON_MAX]
