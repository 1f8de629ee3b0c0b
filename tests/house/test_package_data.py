"""What the packages hold besides Python is installed with them."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOMS = ("booking_api", "dashboards", "firmware_bridge", "floor", "gateway", "hardware")


def test_every_file_of_the_packages_is_installed(root: Path, files: list[Path]) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = ["*.py", *settings["package-data"]["*"]]
    left_out = [
        str(path.relative_to(root))
        for path in files
        if path.relative_to(root).parts[0] in ROOMS
        and not any(fnmatch(path.name, pattern) for pattern in patterns)
    ]
    assert left_out == []
    assert [f"{room}*" for room in ROOMS] == settings["packages"]["find"]["include"]
