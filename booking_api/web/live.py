"""The board alive: what changed, as parts of the page that htmx puts in their place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from markupsafe import Markup
from starlette.responses import StreamingResponse

from booking_api.auth.permissions import Permission
from booking_api.live import Changes
from booking_api.web.board import draw, gateways_down, read_board, read_charges, tally
from booking_api.web.board_asked import Asked
from booking_api.web.render import Page
from booking_api.web.usable import Reader

STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
PAUSE_S = 0.5
"""The least time between two messages to one reader: changes in between travel together."""
QUIET_S = 15.0
"""After so long without a change a comment is sent, so that nobody on the way takes the stream for dead."""
AGAIN_MS = 10_000
"""So often what machines are to a reader is read anew, in milliseconds."""
LIFE_S = 600.0
"""After so long a reader has to ask again, so that one who was signed out learns nothing more."""


@dataclass(slots=True)
class Told:
    """What a reader was told last, so that only what differs is sent."""

    parts: dict[str, Markup] = field(default_factory=dict)

    def news(self, parts: dict[str, Markup]) -> list[Markup]:
        """Return the parts that differ from what was told, and remember them."""
        changed = [part for name, part in parts.items() if self.parts.get(name) != part]
        self.parts |= parts
        return changed


@dataclass(slots=True)
class BoardParts:
    """Draws everything on one reader's board that can change, by the name of its place.

    The machines are those that were there when the reader came. What each is to them is read anew every
    AGAIN_MS: a station's state changes by the second, what is reserved and allowed seldom.
    """

    asked: Asked
    shown: frozenset[str] | None = None
    reader: Reader | None = None
    read_ms: int = 0

    def __call__(self, page: Page) -> dict[str, Markup]:
        """Draw the parts as they are now."""
        now_ms = page.context.wall.now_ms()
        fresh = self.reader is not None and 0 <= now_ms - self.read_ms < AGAIN_MS
        with page.context.database.read() as session:
            board = read_board(session, page, self.asked, self.shown, self.reader if fresh else None)
            charges = read_charges(session, page)
        if not fresh:
            self.reader, self.read_ms = board.reader, now_ms
        self.shown = frozenset(board.cards)
        parts = {id: draw(card, page.f.language, oob=True) for id, card in board.cards.items()}
        parts["/tally"] = page.part("part_tally.html", tally=tally(board.cards), oob=True)
        parts["/gateways"] = page.part("part_gateways.html", down=gateways_down(page), oob=True)
        if charges is not None:
            everyone = page.may(Permission.LEDGER_READ)
            parts["/strip"] = page.part("part_strip.html", charges=charges, everyone=everyone, oob=True)
        return parts


def message(parts: list[Markup]) -> bytes:
    """Write parts as one server-sent event (HTML Living Standard §9.2.5)."""
    lines = "".join(parts).splitlines()
    return "".join(f"data: {line.strip()}\n" for line in lines if line.strip()).encode() + b"\n"


Draw = Callable[[Page], dict[str, Markup]]


def stream(page: Page, draw_parts: Draw, again_s: float | None = None) -> StreamingResponse:
    """Answer with the parts as they are, then what changes, at the latest every `again_s` s (None: QUIET_S).

    Raises Refused when too many listen already.
    """
    # Listening begins before the first drawing, or a change between the two would be missed; and before the
    # answer, which cannot be an error once it has begun.
    changes = page.context.live.subscribe()
    return StreamingResponse(
        events(page, draw_parts, changes, again_s), 200, STREAM_HEADERS, "text/event-stream"
    )


async def events(
    page: Page, draw_parts: Draw, changes: Changes, again_s: float | None = None
) -> AsyncGenerator[bytes, None]:
    """Yield the parts as they are, then what changes, until the reader leaves or has to ask again."""
    told = Told()
    ends_at = asyncio.get_running_loop().time() + LIFE_S
    while asyncio.get_running_loop().time() < ends_at:
        news = told.news(await asyncio.to_thread(draw_parts, page))
        yield message(news) if news else b": still here\n\n"
        await asyncio.sleep(PAUSE_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(again_s or QUIET_S):
                await changes.next()
