"""Which language a reader reads, and the catalogue of what pages say in it.

English is the source: a text that a catalogue lacks appears in English. A test holds that none is lacking.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.pofile import read_po

from floor.texts import LANGUAGES

CATALOGUES = Path(__file__).parent / "locale"
NAMES = {"en": "English", "zh": "中文"}
"""What each language calls itself."""
LOCALES = {"en": Locale("en", "IE"), "zh": Locale("zh", "CN", script="Hans")}
"""How each writes numbers and dates. Irish English: day before month, the euro in front."""


class Catalogue:
    """The texts of one language, as jinja2's i18n extension asks for them; `texts` has each one's forms."""

    def __init__(self, texts: dict[str, tuple[str, ...]]) -> None:
        self.texts = texts

    def gettext(self, text: str) -> str:
        """Return the text in this language."""
        return self.texts.get(text, (text,))[0]

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Return the form for a number; Chinese has one form."""
        known = self.texts.get(one)
        if known is None:
            return one if count == 1 else many
        return known[0 if count == 1 else -1]


@cache
def catalogue(language: str) -> Catalogue:
    """Read a language's catalogue once, a file a room; English has none and needs none."""
    texts: dict[str, tuple[str, ...]] = {}
    for path in sorted((CATALOGUES / language / "LC_MESSAGES").glob("*.po")):
        texts |= texts_of(path, language)
    return Catalogue(texts)


def texts_of(path: Path, language: str) -> dict[str, tuple[str, ...]]:
    """Return the texts of one file of a catalogue, each with its forms."""
    with path.open("rb") as file:
        messages = read_po(file, locale=language)
    texts: dict[str, tuple[str, ...]] = {}
    for message in messages:
        key = message.id if isinstance(message.id, str) else message.id[0]
        said = message.string or ""
        forms = (said,) if isinstance(said, str) else tuple(said)
        if key and all(forms):
            texts[key] = forms
    return texts


def choose(chosen: str | None, members: str | None, accepts: str) -> str:
    """Return the language to speak: what the reader chose here, what the member chose, what the browser asks.

    `accepts` is an Accept-Language header (RFC 9110 §12.5.4).
    """
    for wish in (chosen, members):
        if wish and wish[:2] in LANGUAGES:
            return wish[:2]
    for wish in _by_quality(accepts):
        if wish in LANGUAGES:
            return wish
    return "en"


def _by_quality(accepts: str) -> list[str]:
    wishes: list[tuple[float, str]] = []
    for part in accepts.split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            wishes.append((-float(quality or 1), tag[:2].lower()))
        except ValueError:
            continue
    return [tag for _, tag in sorted(wishes, key=lambda wish: wish[0])]
