"""What a small display shows, as a picture of 128 × 64 dots, black and white."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from hardware.ports import Screen

SIZE = (128, 64)
ROW = 16
BASE = 13
LETTERS, SMALL = 13, 11
PIECES = re.compile(r"[\u2e80-\uffff]|[^\s\u2e80-\uffff]+\s*|\s+")
"""One Chinese letter, or one word with the space behind it: what a line may be broken between."""
MOST_KNOWN = 4096
NO_LETTER = "\U0010ffff"


class Letters:
    """A font: the file at `path`, "" for Pillow's own, which has Latin letters only. Raises OSError."""

    def __init__(self, path: str = "") -> None:
        self._fonts = {size: self._load(path, size) for size in (LETTERS, SMALL)}
        self._known: dict[str, bool] = {}

    @staticmethod
    def _load(path: str, size: int) -> ImageFont.FreeTypeFont:
        font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
        assert isinstance(font, ImageFont.FreeTypeFont), "this Pillow was built without FreeType"
        return font

    def of(self, size: int) -> ImageFont.FreeTypeFont:
        """Return the font in one of its sizes."""
        return self._fonts[size]

    def has(self, text: str) -> bool:
        """Whether every letter of a text can be drawn."""
        return all(self._has(letter) for letter in text)

    def _has(self, letter: str) -> bool:
        if letter not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            mask = self._fonts[LETTERS].getmask
            self._known[letter] = letter.isspace() or bytes(mask(letter)) != bytes(mask(NO_LETTER))
        return self._known[letter]

    def drawable(self, text: str, english: str) -> str:
        """Return the text, else its English, without the letters that cannot be drawn; never a wrong one."""
        chosen = text if self.has(text) else english or text
        drawn = "".join(letter for letter in chosen if self._has(letter))
        return " ".join(drawn.split()).strip(" ·")


def picture(screen: Screen, left: str, right: str, letters: Letters) -> Image.Image:
    """Draw the machine's name, its state, the note (alone where it is long), then two words at the foot."""
    english = screen.english or screen.lines
    pairs = zip(screen.lines, english, strict=False)
    name, state, *notes = [*(letters.drawable(*pair) for pair in pairs), "", ""]
    note = next((line for line in notes if line), "")
    image = Image.new("1", SIZE)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIZE[0] - 1, ROW - 1), fill=1)
    _line(draw, name, 0, letters, fill=0)
    if draw.textlength(note, letters.of(LETTERS)) > SIZE[0] - 2:
        lines = wrapped(note, 4, letters)
        apart = 12 if len(lines) < 4 else 11
        for n, line in enumerate(lines):
            draw.text((1, ROW + 12 + apart * n), line, 1, letters.of(SMALL), "ls")
        return image
    _line(draw, state, 1, letters)
    _line(draw, note, 2, letters)
    left, right = letters.drawable(left, ""), letters.drawable(right, "")
    _line(draw, left, 3, letters)
    draw.text((SIZE[0] - 1, 3 * ROW + BASE), right, 1, letters.of(LETTERS), "rs")
    return image


def _line(draw: ImageDraw.ImageDraw, text: str, row: int, letters: Letters, fill: int = 1) -> None:
    font = letters.of(LETTERS)
    draw.text((1, row * ROW + BASE), _cut(text, letters, LETTERS), fill, font, "ls")


def _cut(text: str, letters: Letters, size: int) -> str:
    font = letters.of(size)
    if font.getlength(text) <= SIZE[0] - 2:
        return text
    while text and font.getlength(text + "…") > SIZE[0] - 2:
        text = text[:-1]
    return text.rstrip() + "…"


def wrapped(text: str, most: int, letters: Letters) -> Sequence[str]:
    """Break a text into at most so many lines of small letters; what is left over is cut with "…"."""
    font = letters.of(SMALL)
    lines = [""]
    for piece in PIECES.findall(text):
        if lines[-1] and font.getlength(lines[-1] + piece.rstrip()) > SIZE[0] - 2:
            lines.append("")
        lines[-1] += piece
    kept = [line.strip() for line in lines[:most]]
    if len(lines) > most:
        kept[-1] += " " + "".join(lines[most:])
    return [_cut(line, letters, SMALL) for line in kept]
