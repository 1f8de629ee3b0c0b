"""Text can be read in both lights: WCAG 2.2 AA (1.4.3: 4.5 : 1; 1.4.11: 3 : 1 for edges of controls)."""

import re

import pytest

from booking_api.web.render import WEB

CSS = (WEB / "static" / "base.css").read_text()
TONES = ("accent", "free", "holding", "run-on", "stop", "offline")


def colours(css: str) -> dict[str, dict[str, str]]:
    light, dark = css.split("@media (prefers-color-scheme: dark)", 1)
    found = {"light": dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", light))}
    found["dark"] = found["light"] | dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", dark))
    return found


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("light", ["light", "dark"])
def test_text_stands_out_from_what_lies_under_it(light: str) -> None:
    palette = colours(CSS)[light]
    pairs = [(ink, under) for ink in ("ink", "muted", "accent", "stop") for under in ("paper", "surface")]
    pairs += [(tone, f"{tone}-wash") for tone in TONES] + [("accent-ink", "accent")]
    low = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in low.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("light", ["light", "dark"])
def test_edges_of_controls_can_be_seen(light: str) -> None:
    palette = colours(CSS)[light]
    for under in ("paper", "surface"):
        assert contrast(palette["line-strong"], palette[under]) >= 3


def test_black_on_white_is_21_to_1() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21
