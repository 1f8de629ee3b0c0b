"""Anybody may post anything as a box: no error, and no question about a card that lies there already."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hardware.events import BadgeAsked, ReaderEvent, ReaderNoise
from hardware.nodes import mac
from hardware.nodes.mac import MacBox, Update
from hardware.nodes.question import Verdict
from hardware.ports import Lamp, Screen

anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
KEYS = ("machine_name", "oops", "rfid_value", "uptime")
posts = st.one_of(
    st.binary(max_size=100),
    st.sampled_from([b"[" * 2000, b"9" * 2100, b'{"machine_name":{}}']),
    st.fixed_dictionaries(dict.fromkeys(KEYS, anything)).map(lambda table: json.dumps(table).encode()),
)
uids = st.sampled_from([b"", b"\x00\x00\x00\x01", b"\x00\x00\x00\x02"])
updates = st.tuples(
    uids, st.booleans(), st.floats(0, 300), st.booleans(), st.sampled_from([None, True, False])
)


@given(posts)
def test_any_post_is_read(body: bytes) -> None:
    read = mac.parse(body)
    assert isinstance(read, ReaderNoise) or len(read.uid) in {0, 4}


@given(st.lists(updates, max_size=30))
def test_a_question_has_a_card_that_was_not_there_before(
    script: list[tuple[bytes, bool, float, bool, bool | None]],
) -> None:
    told: list[ReaderEvent] = []
    box, lying = MacBox(told.append), b""
    for at_s, (uid, oops, uptime_s, found, verdict) in enumerate(script):
        before = len(told)
        question = box.heard(Update("saw", uid, oops, uptime_s), at_s, found=found)
        asked = [event for event in told[before:] if isinstance(event, BadgeAsked)]
        assert len(asked) == (question is not None)
        if question:
            assert uid
            assert uid != lying
            lying = uid
            if verdict is not None:
                question.answer(Verdict(granted=verdict))
        else:
            lying = box._lying
        box.tick(at_s)


@given(st.lists(st.text(max_size=40), max_size=4), st.sampled_from(Lamp), st.booleans())
def test_any_screen_fits_the_display(lines: list[str], lamp: Lamp, relay: bool) -> None:
    answer = mac.reply(Screen(tuple(lines), lamp), relay=relay)
    first, second = str(answer["display"]).split("\n")
    assert max(len(first), len(second)) <= 16
    assert answer["relay"] is relay
