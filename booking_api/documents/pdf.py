"""PDF by Typst, from a template of ours and data as JSON: what people wrote is never read as markup.

The same data gives the same bytes: no clock, no network and no package of Typst's is asked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import dashboards
from floor.errors import Refused

if TYPE_CHECKING:
    import typst

log = logging.getLogger(__name__)
TEMPLATES = Path(dashboards.__file__).parent / "documents"
FONT = "Noto Sans CJK SC"
LATIN = "Libertinus Serif"
"""The font that Typst carries, for a machine without the other: it has no Chinese letters."""
CHINESE = ((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF), (0x20000, 0x3FFFF))
NO_TYPST = "PDF needs Typst: install makerfloor with its extra `pdf` (pip install 'makerfloor[pdf]')."
NO_FONT = f"A PDF with Chinese letters needs the font {FONT}: apt-get install fonts-noto-cjk."


def pdf(template: str, data: Mapping[str, object]) -> bytes:
    """Return a PDF; raises Refused when Typst, or a font that the text needs, is missing."""
    return _compile(template, data, "pdf")[0]


def images(template: str, data: Mapping[str, object], dots_per_inch: int = 144) -> list[bytes]:
    """Return the same pages as PNG; raises as `pdf` does."""
    return _compile(template, data, "png", dots_per_inch)


def _compile(
    template: str, data: Mapping[str, object], form: Literal["pdf", "png"], dots_per_inch: int = 144
) -> list[bytes]:
    try:
        import typst
    except ImportError:
        raise Refused("pdf_unavailable", NO_TYPST) from None
    text = json.dumps(data, ensure_ascii=False)
    font = _font_for(text)
    compiler = typst.Compiler(
        TEMPLATES / f"{template}.typ",
        root=TEMPLATES,
        font_paths=_fonts(),
        sys_inputs={"data": text, "font": font},
    )
    made = compiler.compile(format=form, ppi=float(dots_per_inch), timestamp=0)
    pages = made if isinstance(made, list) else [made]
    return [page for page in pages if page is not None]


def _font_for(text: str) -> str:
    """Return the font for a text: boxes instead of letters are never printed."""
    if FONT in _fonts().families():
        return FONT
    if any(low <= ord(letter) <= high for letter in text for low, high in CHINESE):
        raise Refused("pdf_unavailable", NO_FONT)
    log.warning("the font %s is missing (apt-get install fonts-noto-cjk): PDF is set in %s", FONT, LATIN)
    return LATIN


@cache
def _fonts() -> typst.Fonts:
    """Look at this machine's fonts once; a font that is installed later is seen after a restart."""
    import typst

    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=True)
