"""Nothing is left for later: no notes of things to do, no empty shells, no tests that do not run."""

import re
from pathlib import Path

SUFFIXES = {".py", ".html", ".css", ".js", ".ts", ".sh"}
LEFTOVERS = re.compile(
    "|".join(
        (
            r"\bTO" + r"DO\b",
            r"\bFIX" + r"ME\b",
            r"\bXX" + r"X\b",
            r"NotImplemented" + r"Error",
            r"\bmark\.(skip|skip" + r"if|xfail)\b",
            r"\bpytest\.(skip|importor" + r"skip|xfail)\b",
            r"\bunittest\." + r"skip",
        )
    )
)


def test_nothing_is_left_for_later(root: Path, files: list[Path]) -> None:
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in files
        if path.suffix in SUFFIXES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if LEFTOVERS.search(line)
    ]
    assert found == []
