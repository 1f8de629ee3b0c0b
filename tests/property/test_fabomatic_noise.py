"""A Fab-O-Matic's topic may carry anything: no error, no power that was not granted, no answer twice."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hardware.events import BadgeAsked, PowerGone, ReaderNoise
from hardware.nodes import fabomatic
from hardware.nodes.board import Act, Board, Say
from hardware.nodes.question import Question, Verdict

ACTIONS = ["checkuser", "checkmachine", "startuse", "inuse", "stopuse", "maintenance", "alive", "nonsense"]
UIDS = st.sampled_from(["a0000001", "b0000002", "zz", "", 7, None])
numbers = st.one_of(st.integers(-5, 5000), st.floats(), st.booleans(), st.just(10**400), st.text(max_size=3))
tables = st.fixed_dictionaries(
    {"action": st.one_of(st.sampled_from(ACTIONS), st.lists(st.none())), "uid": UIDS},
    optional={"duration": numbers, "replay": st.one_of(st.booleans(), st.text(max_size=2))},
)
payloads = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([b"", b"[" * 500, b"9" * 600, b"null", b'{"action":{}}']),
    tables.map(lambda table: json.dumps(table).encode()),
)
steps = st.one_of(payloads, st.booleans(), st.sampled_from(["tick", "off", "late"]))


@given(st.binary(max_size=700))
def test_any_bytes_are_read(data: bytes) -> None:
    assert isinstance(fabomatic.parse(data), fabomatic.Said | ReaderNoise)


@given(st.lists(st.tuples(steps, st.floats(0, 40)), max_size=40))
def test_power_is_granted_once_for_each_yes_in_time(script: list[tuple[bytes | bool | str, float]]) -> None:
    acts: list[Act] = []
    board = Board(acts.append)
    questions: list[Question] = []
    at_s, yes = 0.0, 0
    for step, passed_s in script:
        at_s += passed_s
        before = len(acts)
        match step:
            case bytes():
                said = fabomatic.parse(step)
                if not isinstance(said, ReaderNoise):
                    board.heard(said, at_s)
            case bool() if questions:
                yes += step and questions[-1].open
                questions[-1].answer(Verdict(step, "Ada", 60))
            case "late" if questions:
                questions[0].open = False
                questions[0].answer(Verdict(True, "Ada", 60))
                assert [type(act) for act in acts[before:]] == [PowerGone]
            case "off":
                board.stop(at_s)
            case _:
                board.tick(at_s)
        new = acts[before:]
        questions += [act.question for act in new if isinstance(act, BadgeAsked)]
        granted = [act for act in new if isinstance(act, Say) and b'"is_valid":true,"name":"Ada"' in act.body]
        assert len(granted) <= 1
        assert not granted or yes
        assert len([act for act in new if isinstance(act, Say) and act.topic == "reply"]) <= 1
        assert all(len(act.body) < 270 for act in new if isinstance(act, Say))
    assert len(board._noted) <= 64
