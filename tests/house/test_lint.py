"""Style, types and the arrows of the house, as `make lint` sees them."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(sys.executable).parent


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "command", ["ruff check --quiet .", "ruff format --check --quiet .", "mypy", "lint-imports"]
)
def test_it_finds_nothing(root: Path, command: str) -> None:
    program, *arguments = command.split()
    done = subprocess.run(
        [TOOLS / program, *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=590
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
