"""docs/words.md has every word of every vocabulary, with its text in each language where people read it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import floor.words
from floor.texts import LANGUAGES, TEXTS, say
from floor.wire.handbook import WORDS, words_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "words.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_current() -> None:
    assert words_page() == TEXT, "run `make docs`"


def test_every_word_is_on_the_page() -> None:
    vocabularies = {
        item for item in vars(floor.words).values() if isinstance(item, type) and issubclass(item, StrEnum)
    } - {StrEnum}
    assert vocabularies <= set(WORDS)
    for enum in WORDS:
        assert [word for word in enum if f"`{word}`" not in TEXT] == []


def test_every_word_that_people_read_has_its_own_text_in_each_language() -> None:
    assert LANGUAGES == ("en", "zh")
    for enum, texts in TEXTS.items():
        assert list(texts) == list(enum), "each word once, in its order"
        for at, _ in enumerate(LANGUAGES):
            said = [texts[word][at].strip() for word in enum]
            assert all(said)
            assert len(set(said)) == len(said), "two words read alike"
            assert all(all(ord(c) < 128 for c in text) == (at == 0) for text in said), "the wrong language"
        for word, (english, chinese) in texts.items():
            assert f"| `{word}` | {english} | {chinese} |" in TEXT


def test_a_language_that_is_not_here_is_answered_in_english() -> None:
    word = floor.words.DenialReason.IN_USE
    assert say(word, "de") == say(word, "en") == "Somebody else is using this machine."
    assert say(word, "zh-CN") == "设备正在被他人使用。"
    assert say(floor.words.StopType.FAULT, "en") == "Machine fault"
