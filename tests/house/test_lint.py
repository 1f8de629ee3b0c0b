"""Style, types and the arrows of the house, as `make lint` sees them."""

import re
import subprocess
import sys
import tomllib
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


def test_what_campaigns_run_is_type_checked(root: Path) -> None:
    """No test imports it: a call that changed would break it unseen."""
    run = set(re.findall(r"python -m (tests\.(?!benchmarks\b)[\w.]+)", (root / "Makefile").read_text()))
    files = re.findall(r"pytest -s (tests/[\w/]+)\.py", (root / "Makefile").read_text())
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["mypy"]
    assert run | {file.replace("/", ".") for file in files} <= set(settings["modules"])
