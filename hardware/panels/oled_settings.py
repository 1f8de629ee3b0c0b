"""The settings of a small display; what draws it is imported only where one is configured."""

from __future__ import annotations

from importlib import import_module
from typing import Literal

from pydantic import Field

from floor.errors import ConfigError
from hardware.ports import Panel
from hardware.settings import Settings


class OledSettings(Settings):
    """A panel of kind `oled`."""

    chip: Literal["ssd1306", "sh1106"] = Field("ssd1306", description='"ssd1306" or "sh1106"')
    bus: int = Field(1, ge=0, le=31, description="the number of the I²C bus, 0 to 31")
    address: int = Field(0x3C, ge=0x08, le=0x77, description="the display's I²C address, 0x08 to 0x77")
    font: str = Field("", description="a font file (TTF, OTF, TTC) with all letters that names have")


def build_oled(given: OledSettings, where: str) -> Panel:
    """Build it, also where no display answers yet; ConfigError names the extra, or the font."""
    try:
        oled = import_module("hardware.panels.oled")
    except ImportError as error:
        remedy = "Install the extra oled: pip install 'makerfloor[oled]'."
        raise ConfigError(where, "kind", f"luma.oled cannot be used here: {error}", remedy) from error
    try:
        letters = oled.Letters(given.font)
    except OSError as error:
        remedy = "Name a font file, such as /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc."
        raise ConfigError(where, "font", f"it cannot be read: {error}", remedy) from error
    panel: Panel = oled.OledPanel(given.name, given.chip, oled.on_bus(given.bus, given.address), letters)
    return panel
