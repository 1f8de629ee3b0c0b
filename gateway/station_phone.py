"""What a station's page shows of phones: a code to scan, or why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import segno

from floor.session_states import LockedOut
from gateway.orders import takes_phones
from gateway.phone import PhoneCodes
from gateway.station import Station

WORDS = {
    "scan": ("Forgot your badge? Scan this with your phone", "没带卡？请用手机扫描"),
    "hint": (
        "Sign in on your phone, and confirm there. A new code comes every half minute, and each works once.",
        "在手机上登录并确认。二维码每半分钟更新，每个只能使用一次。",
    ),
    "offline": (
        "Phones do not work just now: this station has no connection to the server. Badges do.",
        "目前无法使用手机：此站点未连接到服务器。刷卡仍可使用。",
    ),
    "image": ("Code to scan", "二维码"),
}
KEPT = 64
"""So many drawings are kept: pages ask for the same code every few seconds."""


@dataclass(frozen=True, slots=True)
class Phones:
    """Where codes come from, and whether the server could hear of a tap."""

    codes: PhoneCodes
    online: Callable[[], bool]

    async def part(self, station: Station, language: str) -> str:
        """Return the part of the station's page; "" where a phone is no use at all."""
        of_use = self.codes.possible and takes_phones(station) and not station.reading.waits()
        nothing_begins = station.inputs.closing and station.session_id is None
        if not of_use or nothing_begins or isinstance(station.state, LockedOut):
            return ""
        zh = language.startswith("zh")
        if not self.online() or not station.services.clock.known():
            return f'<p class="hint">{WORDS["offline"][zh]}</p>'
        # A drawing takes a Pi longer than a tap may wait.
        image = await asyncio.to_thread(drawn, self.codes.show(station.machine))
        return (
            f'<section class="phone"><div role="img" aria-label="{WORDS["image"][zh]}">{image}</div>'
            f'<div><h2>{WORDS["scan"][zh]}</h2><p class="hint">{WORDS["hint"][zh]}</p></div></section>'
        )


@lru_cache(KEPT)
def drawn(address: str) -> str:
    """Return an address as a QR code (ISO/IEC 18004, level M with its quiet zone), as SVG."""
    code = segno.make_qr(address, error="m")
    return code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
