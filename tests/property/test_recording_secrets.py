"""Whatever passes, and however it is cut: a secret setting is in no recording."""

from __future__ import annotations

import json
import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.recordings import file
from firmware_bridge.recordings.redaction import Redactor

SECRETS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs"), exclude_characters="\\"), min_size=8, max_size=20
)


@given(SECRETS, st.lists(st.integers(0, 60), max_size=4), st.binary(max_size=20), st.data())
def test_a_secret_setting_is_never_in_the_file(
    secret: str, cuts: list[int], noise: bytes, data: st.DataObject
) -> None:
    stream = noise + secret.encode() + noise + secret.encode()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    entries: list[dict[str, object]] = [
        {"at": 0, "on": "stream1.1", "read": stream[one:two]} for one, two in pairwise(edges)
    ]
    entries += [
        {
            "at": 1,
            "on": "http1",
            "asked": f"GET /x?k={secret}",
            "sent": {"deep": [secret]},
            "body": secret.encode(),
        },
        {"at": 2, "on": "sockets1.1", "read": json.dumps({"a": json.dumps({"b": secret})})},
        {"at": 3, "on": "mqtt1.1", "wrote": ["topic", secret]},
        {"at": 4, "event": {"event": "Noise", "detail": f"odd: {secret}"}},
        {"at": 5, "on": "sockets1.1", "failed": ["MachineFault", f"{secret!s} refused"]},
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl"
        file.save(path, "octoprint", {"url": "http://o", "api_key": secret}, entries, "now")
        text = path.read_text()
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
            assert form not in text
        read = file.load(path)
        whole = b"".join(file.unpacked(entry["read"]) for entry in read.lines.get("stream1.1", []))
        assert secret.encode() not in whole


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_anything_can_be_scrubbed_and_a_second_time_changes_nothing(value: str | bytes) -> None:
    redactor = Redactor(["a secret value"], ["host.local"])
    redactor.learn(value)
    once = redactor.scrub(value)
    assert redactor.scrub(once) == once
