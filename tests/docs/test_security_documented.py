"""Every test that docs/security.md and the pages beside it name exists, and the example of a webhook runs."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from booking_api.happenings.words import Happening
from booking_api.notices.kinds import DEFAULTS, Way
from booking_api.webhooks import signing

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def threats() -> str:
    text = (DOCS / "security.md").read_text()
    found = re.search(r"^## Threats\n(.+?)^## ", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall((DOCS / "security.md").read_text()))))
def test_each_test_that_is_named_exists(file: str, name: str) -> None:
    path = ROOT / file
    assert path.is_file(), file
    assert re.search(rf"^(async )?def {name}\(", path.read_text(), re.MULTILINE), f"{file} has no {name}"


def test_each_threat_names_a_test_and_what_does_not_hold() -> None:
    sections = re.split(r"^### ", threats(), flags=re.MULTILINE)[1:]
    assert len(sections) >= 9
    for section in sections:
        title = section.splitlines()[0]
        assert NAMED.search(section), f"{title}: no test is named"
        assert "**Does not hold**" in section, f"{title}: what does not hold is not said"


def test_the_example_of_a_webhook_verifies_what_is_sent() -> None:
    example = re.search(r"```python\n(.+?)```", (DOCS / "webhooks.md").read_text(), re.DOTALL)
    assert example
    room: dict[str, object] = {}
    exec(compile(example[1], "webhooks.md", "exec"), room)
    is_genuine = room["is_genuine"]
    assert callable(is_genuine)
    secret, body = signing.new_secret(), '{"what": "预约"}'
    sent = signing.headers(secret, "id", int(time.time()), body)
    assert is_genuine(secret, sent, body.encode())
    assert not is_genuine(secret, sent, body.encode() + b" ")
    assert not is_genuine(signing.new_secret(), sent, body.encode())
    late = signing.headers(secret, "id", int(time.time()) - 3600, body)
    assert not is_genuine(secret, late, body.encode())


def test_every_happening_and_every_kind_stands_in_its_page() -> None:
    webhooks, notices = (DOCS / "webhooks.md").read_text(), (DOCS / "notices.md").read_text()
    assert [what for what in Happening if f"`{what}`" not in webhooks] == []
    for kind, way in DEFAULTS.items():
        row = re.search(rf"^\| `{kind}` \|.*\| (\w+)[^|]*\|$", notices, re.MULTILINE)
        assert row, kind
        assert row[1] == ("nothing" if way is Way.NOTHING else way.value)
