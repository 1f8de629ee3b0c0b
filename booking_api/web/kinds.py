"""What kinds of machines are called; a kind that a space made up itself is shown as it was written."""

from __future__ import annotations

from booking_api.web.language import Catalogue

KINDS = {
    "printer": "3D printer",
    "resin": "Resin printer",
    "laser": "Laser cutter",
    "cnc": "CNC machine",
    "mill": "Milling machine",
    "lathe": "Lathe",
    "saw": "Saw",
    "plotter": "Vinyl cutter",
    "sewing": "Sewing machine",
    "embroidery": "Embroidery machine",
    "welder": "Welder",
    "kiln": "Kiln",
    "electronics": "Electronics bench",
    "door": "Door",
    "other": "Other",
}
"""By the identifier that settings, files and the API have."""


def kind_words(kind: str, texts: Catalogue) -> str:
    """Say what a kind is called in a language."""
    return texts.gettext(KINDS[kind]) if kind in KINDS else kind
