"""The board alive: what changed, as parts of the page that htmx puts in their place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import cast

from markupsafe import Markup

from booking_api.auth.permissions import Permission
from booking_api.web.board import draw, gateways_down, read_cards, read_charges, tally
from booking_api.web.render import Page

PAUSE_S = 0.5
"""The least time between two messages to one reader: changes in between travel together."""
QUIET_S = 15.0
"""After so long without a change a comment is sent, so that nobody on the way takes the stream for dead."""
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


def board_parts(page: Page) -> dict[str, Markup]:
    """Draw everything on the board that can change, by the name of its place."""
    with page.context.database.read() as session:
        cards = read_cards(session, page)
        charges = read_charges(session, page)
    parts = {id: draw(card, page.f.language, oob=True) for id, card in cards.items()}
    parts["/tally"] = page.part("part_tally.html", tally=tally(cards), oob=True)
    parts["/gateways"] = page.part("part_gateways.html", down=gateways_down(page), oob=True)
    if charges is not None:
        everyone = page.may(Permission.LEDGER_READ)
        parts["/strip"] = page.part("part_strip.html", charges=charges, everyone=everyone, oob=True)
    return parts


def message(parts: list[Markup]) -> bytes:
    """Write parts as one server-sent event (HTML Living Standard §9.2.5)."""
    lines = "".join(parts).splitlines()
    return "".join(f"data: {line.strip()}\n" for line in lines if line.strip()).encode() + b"\n"


async def events(page: Page, draw_parts: Callable[[Page], dict[str, Markup]]) -> AsyncGenerator[bytes, None]:
    """Yield the parts as they are, then what changes, until the reader leaves or has to ask again."""
    told = Told()
    # Its annotation says iterator; it is a generator, and has to be closed.
    changes = cast(AsyncGenerator[frozenset[str], None], page.context.live.subscribe())
    # Listening begins before the first drawing, or a change between the two would be missed.
    change = asyncio.ensure_future(anext(changes))
    ends_at = asyncio.get_running_loop().time() + LIFE_S
    try:
        while asyncio.get_running_loop().time() < ends_at:
            news = told.news(await asyncio.to_thread(draw_parts, page))
            yield message(news) if news else b": still here\n\n"
            await asyncio.sleep(PAUSE_S)
            if (await asyncio.wait({change}, timeout=QUIET_S))[0]:
                change.result()
                change = asyncio.ensure_future(anext(changes))
    finally:
        change.cancel()
        await asyncio.wait({change})
        await changes.aclose()
