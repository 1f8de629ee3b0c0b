"""Pages speak English and Chinese wholly: no text stands outside of the catalogue, and none is left over."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment

from booking_api.audit.tables import RECORDED
from booking_api.happenings.words import Happening, LetterKind
from booking_api.settings import KEYS
from booking_api.web import records, settings_words
from booking_api.web.language import CATALOGUES, catalogue, choose, texts_of
from booking_api.web.render import WEB
from floor.texts import LANGUAGES
from tests.kit import texts

ROOT = Path(__file__).resolve().parents[2]
READ = frozenset({"aria-label", "title", "placeholder", "alt", "label", "data-confirm"})


class Words(HTMLParser):
    """Collects what people read of a template whose expressions were taken out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        if re.search(r"[^\W\d_]", data) and self.cdata_elem is None:
            self.found.append(data.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in READ and value and re.search(r"[^\W\d_]", value):
                self.found.append(f"{tag} {name}={value.strip()}")


def bare_words(source: str) -> list[str]:
    source = re.sub(r"{% block width %}\w*{% endblock %}", "", source)  # a class, not a word for people
    kept = "".join(text for _, kind, text in Environment().lex(source) if kind == "data")
    words = Words()
    words.feed(kept)
    return words.found


def said() -> set[str]:
    return set(texts.of_templates(WEB / "templates")) | set(texts.of_sources(ROOT)) | texts.of_tables()


@pytest.mark.parametrize("path", sorted((WEB / "templates").glob("*.html")), ids=lambda path: path.name)
def test_no_word_stands_bare_in_a_template(path: Path) -> None:
    assert bare_words(path.read_text()) == []


def test_a_bare_word_is_seen() -> None:
    assert bare_words('<p title="Hi {{ x }}">{{ _("a") }} Hello {{ y }}</p>') == ["p title=Hi", "Hello"]


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_every_text_of_the_pages_is_in_the_catalogue(language: str) -> None:
    known = catalogue(language).texts
    assert sorted(said() - known.keys()) == []


def test_staff_read_words_for_what_is_kept_by_codes() -> None:
    assert RECORDED - records.RECORDS.keys() == set()
    assert {*Happening, *LetterKind} - records.HAPPENINGS.keys() == set()


def test_every_setting_has_a_word() -> None:
    keys = {f"{section}.{key}" for section, keys in KEYS.items() for key in keys}
    assert KEYS.keys() <= settings_words.SECTIONS.keys()
    assert keys - settings_words.LABELS.keys() == set()


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_translations_keep_their_places(language: str) -> None:
    places = re.compile(r"%\(\w+\)s")
    for text, forms in catalogue(language).texts.items():
        for form in forms:
            assert sorted(places.findall(text)) == sorted(places.findall(form)), text


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_rooms_translate_a_text_in_one_way(language: str) -> None:
    found: dict[str, set[tuple[str, ...]]] = {}
    for path in (CATALOGUES / language).rglob("*.po"):
        for text, forms in texts_of(path, language).items():
            found.setdefault(text, set()).add(forms)
    twice = {text: forms for text, forms in found.items() if len(forms) > 1}
    assert twice == {}, "of two ways the last file's would be read by all: give another sense another text"


def test_there_is_a_catalogue_for_each_language_but_english() -> None:
    assert {path.name for path in CATALOGUES.iterdir() if path.is_dir()} == set(LANGUAGES) - {"en"}


@pytest.mark.parametrize(
    ("chosen", "members", "accepts", "speaks"),
    [
        (None, None, "", "en"),
        (None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, "de, zh;q=0.3, en;q=0.7", "en"),
        (None, "zh", "en", "zh"),
        ("en", "zh", "zh", "en"),
        ("tlh", None, "zh", "zh"),
        (None, None, "zh;q=nonsense,en", "en"),
    ],
)
def test_the_reader_chooses_then_the_member_then_the_browser(
    chosen: str | None, members: str | None, accepts: str, speaks: str
) -> None:
    assert choose(chosen, members, accepts) == speaks
