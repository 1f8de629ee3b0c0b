"""What files of prints are called: so that no name is a path or a command, on any disk or printer."""

import re

from text_unidecode import unidecode  # type: ignore[import-untyped] # it has no types

ENDINGS = (".gcode", ".gco", ".g", ".nc")
STEM_MAX = 60


def safe_name(text: str) -> str:
    """Return a name of Latin letters, digits, dots and lines, with the ending `.gcode`.

    No code of an account stays in it (floor.job_codes): who pays for a print of the queue is chosen.
    """
    last = re.split(r"[/\\]", text)[-1]
    stem = str(unidecode(last[:200]))
    for ending in ENDINGS:
        if stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
            break
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", stem)[:STEM_MAX].strip("._-")
    stem = re.sub(r"(?i)(?<![a-z0-9])mf-", "mf_", stem)
    return f"{stem or 'print'}.gcode"
