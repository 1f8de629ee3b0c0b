"""Write the generated pages of docs/ anew.

A room that generates pages has a module `handbook.py` with `PAGES`, a dictionary from a path below the
repository to a function that gives the page's text. A test holds every page current.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("floor", "hardware", "firmware_bridge", "gateway", "booking_api")


def pages() -> dict[str, Callable[[], str]]:
    """Every generated page of every room, by path."""
    found: dict[str, Callable[[], str]] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("handbook.py")):
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            room_pages: Mapping[str, Callable[[], str]] = module.PAGES
            found |= room_pages
    return found


def main() -> None:
    """Write every page."""
    for name, render in pages().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render())
        print(name)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
