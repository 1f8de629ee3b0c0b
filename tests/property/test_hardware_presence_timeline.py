"""Taps and removals alternate, each removal is of the badge tapped before it, and none comes early."""

from hypothesis import given
from hypothesis import strategies as st

from floor.words import BadgeKind
from hardware.events import BadgeRemoved, BadgeTapped
from hardware.readers.presence import Presence

REMOVAL_MS = 500
steps = st.lists(st.tuples(st.integers(0, 1200), st.sampled_from([None, b"one", b"two"])))


@given(steps)
def test_taps_and_removals_alternate(steps: list[tuple[int, bytes | None]]) -> None:
    presence, now_ms, seen_ms = Presence(BadgeKind.UID_125KHZ, REMOVAL_MS), 0, 0
    lying: bytes | None = None
    for waited_ms, uid in steps:
        now_ms += waited_ms
        for event in presence.silent(now_ms) if uid is None else presence.seen(uid, now_ms):
            match event:
                case BadgeTapped(tapped):
                    assert lying is None
                    lying = tapped
                case BadgeRemoved(removed):
                    assert removed == lying
                    assert uid is not None or now_ms - seen_ms >= REMOVAL_MS
                    lying = None
        if uid is not None:
            assert lying == uid
            seen_ms = now_ms
        assert presence.due_ms == (None if lying is None else seen_ms + REMOVAL_MS)
