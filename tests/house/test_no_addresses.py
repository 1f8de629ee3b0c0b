"""Locks carry versions and hashes, no addresses; no file names a place on the machine it was written on."""

import json
import re
from pathlib import Path

PINNED = re.compile(r"[a-z0-9._\[\],-]+==\S+( ; .+)? \\", re.IGNORECASE)
REGISTRIES = re.compile(
    "|".join(("pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npmjs", "deb" + r"\.debian"))
)


def locks(root: Path) -> list[Path]:
    return sorted([*root.glob("requirements/*.txt"), *root.glob("tests/peers/*.txt")])


def test_python_locks_are_pinned_hashed_and_without_addresses(root: Path) -> None:
    assert len(locks(root)) >= 4
    for lock in locks(root):
        text = lock.read_text()
        assert "://" not in text, lock
        assert "file:" not in text, lock
        for line in text.splitlines():
            if line and not line.lstrip().startswith("#") and not line.startswith("    --hash=sha256:"):
                assert PINNED.fullmatch(line), f"{lock}: {line}"


def test_the_front_ends_lock_is_pinned_hashed_and_without_addresses(root: Path) -> None:
    text = (root / "package-lock.json").read_text()
    assert "://" not in text
    packages = json.loads(text)["packages"]
    wanted = packages.pop("")["dependencies"]
    assert wanted == json.loads((root / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_no_file_names_this_machine_or_a_registry(root: Path, files: list[Path]) -> None:
    homes = re.compile("|".join(re.escape(str(place)) + "/" for place in (Path.home(), root)))
    for path in files:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # a picture
        for pattern in (homes, REGISTRIES):
            assert not (hit := pattern.search(text)), (
                f"{path.relative_to(root)} names {hit[0] if hit else ''}"
            )
