"""The documentation names what exists: links lead somewhere, commands run, generated pages are current."""

import re
import subprocess
from collections import Counter
from pathlib import Path

from scripts.docs import pages

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
ANCHOR = re.compile(r"\[[^\]]*\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")
MAKE = re.compile(r"`make ([a-z]+)")


def documents() -> list[Path]:
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for name in names if (path := ROOT / name).is_file()]


def targets() -> dict[str, str]:
    """Each target of the Makefile with what it says of itself."""
    found = re.findall(r"^([a-z]+):.*?## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return dict(found)


def test_links_lead_to_files_that_exist() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in documents()
        for link in LINK.findall(path.read_text())
        if "://" not in link and not link.startswith("mailto:") and not (path.parent / link).exists()
    ]
    assert broken == []


def anchors(path: Path) -> set[str]:
    """What GitHub lets one link to in a page: its headings, outside of examples."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    plain = [
        re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head) for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    ]
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in plain}


def test_every_page_is_reached_from_the_readme_and_links_lead_to_headings() -> None:
    seen: set[Path] = set()
    waiting, broken = [ROOT / "README.md"], []
    while waiting:
        page = waiting.pop()
        seen.add(page)
        for link, anchor in ANCHOR.findall(page.read_text()):
            there = (page.parent / link).resolve() if link else page
            if there.suffix == ".md" and there.exists():
                waiting += [there] if there not in seen else []
                broken += [f"{page.name}: {link}#{anchor}"] if anchor and anchor not in anchors(there) else []
    assert broken == []
    assert {path for path in documents() if path.is_relative_to(ROOT / "docs")} - seen == set()


def test_nothing_stands_twice() -> None:
    """What several hands write at once gets a heading, or a row of a table, a second time."""
    headings = re.findall(r"^##.+$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    alerts = re.findall(r"^## \w+$", (ROOT / "docs" / "operations" / "alerts.md").read_text(), re.MULTILINE)
    assert [line for line, n in Counter([*headings, *alerts]).items() if n > 1] == []


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text


def test_every_make_command_that_is_named_exists() -> None:
    unknown = {name for path in documents() for name in MAKE.findall(path.read_text())} - set(targets())
    assert unknown == set()


def test_every_public_target_says_what_it_does() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(targets())


def test_generated_pages_are_current() -> None:
    stale = [name for name, render in pages().items() if (ROOT / name).read_text() != render()]
    assert stale == [], "run `make docs`"


def test_the_licence_is_apache_2() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
