"""The drawings of docs/wiring/, each from the first example of settings on its page."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from hardware.wires.plan import Sheet, sheets
from hardware.wires.svg import drawing

WIRING = Path(__file__).resolve().parents[2] / "docs" / "wiring"
ROLES = ("reader", "relay", "extraction", "panel", "node", "driver")
DRAWN = ("door", "inputs", "mfrc522", "oled", "pn532", "rdm6300", "relay", "stack-light")
"""The pages whose example has wires to the header."""


def devices(station: Mapping[str, object]) -> list[tuple[str, Mapping[str, object]]]:
    """Return the devices of a station's table by role, as hardware.wires.plan takes them."""
    found = [(role, one) for role in ROLES if isinstance(one := station.get(role), Mapping) and one]
    inputs = station.get("inputs", ())
    assert isinstance(inputs, list | tuple)
    return [*found, *(("input", one) for one in inputs)]


def sheet_of(page: str) -> Sheet:
    """Return the sheet of a page's first example."""
    example = re.search(r"```toml\n(.+?)```", (WIRING / f"{page}.md").read_text(), re.DOTALL)
    assert example, f"docs/wiring/{page}.md has no example"
    table = tomllib.loads(example[1])
    (station,) = table.get("stations", [table])
    if "kind" in station:  # one device, without its role
        station = {"relay" if page == "relay" else "reader": station}
    return sheets([(str(station.get("machine", page)), devices(station))])[0]


def _draw(page: str) -> str:
    return drawing(sheet_of(page))


PAGES: dict[str, Callable[[], str]] = {
    f"docs/wiring/pictures/{page}.svg": partial(_draw, page) for page in DRAWN
}
