"""What files of prints are called: letters, digits, dots and lines, so that no name is a path or a command."""

import re

from text_unidecode import unidecode

ENDINGS = (".gcode", ".gco", ".g", ".nc")
STEM_MAX = 60


def safe_name(text: str) -> str:
    """Return a name that every printer, disk and language takes, with the ending `.gcode`."""
    last = re.split(r"[/\\]", text)[-1]
    stem = unidecode(last[:200])
    for ending in ENDINGS:
        if stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
            break
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", stem)[:STEM_MAX].strip("._-")
    return f"{stem or 'print'}.gcode"
