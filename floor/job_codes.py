"""Codes in the names of jobs: `bracket_mf-robots.gcode` says that the team `robots` pays for it.

The code of a team is its account's short name, that of a member their number, each without what is no letter
or digit. A code proves nothing, since anybody can write it. It only narrows: of those who tap a badge, who
may claim the job; and of the accounts that this member may charge, which one pays.
"""

from __future__ import annotations

import re

_IN_NAME = re.compile(r"(?<![a-z0-9])mf-([a-z0-9]{1,32})(?![a-z0-9])", re.IGNORECASE)


def code_of(name: str) -> str:
    """Return the code of a team's short name or a member's number; "" where nothing is left of it."""
    return "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum())


def codes_in(job: str) -> frozenset[str]:
    """Return the codes that a job's name carries; slicers and printers leave their form alone."""
    return frozenset(code.lower() for code in _IN_NAME.findall(job))
