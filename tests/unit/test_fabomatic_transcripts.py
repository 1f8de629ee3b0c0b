"""What a Fab-O-Matic board says, and what it is told: transcripts, to be read as they stand.

`<` the board says, `>` it is told, `!` the station hears, `?` the station answers the open question. The
first word is the second at which it happens. What the board says is as its firmware writes it (MQTTtypes).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hardware.events import BadgeAsked, ReaderNoise
from hardware.nodes import fabomatic
from hardware.nodes.board import Act, Board, Say
from hardware.nodes.question import Question, Verdict

TEXT = Path(__file__).with_name("fabomatic_transcripts.txt").read_text(encoding="utf-8")
TRANSCRIPTS = dict(part.partition("\n")[::2] for part in re.split(r"^== ", TEXT, flags=re.MULTILINE)[1:])


def told(act: Act) -> str:
    match act:
        case Say(topic, body):
            return f"> {topic} {body.decode()}"
        case BadgeAsked(uid):
            return f"! BadgeAsked {uid.hex()}"
        case _:
            (detail,) = (getattr(act, name) for name in act.__slots__)
            return f"! {type(act).__name__} {detail}"


def replayed(script: list[str]) -> list[str]:
    """Do what the board and the station do in a script; return all of it with what was told."""
    done: list[str] = []
    questions: list[Question] = []
    now = ""

    def act(act: Act) -> None:
        done.append(f"{now} {told(act)}")
        if isinstance(act, BadgeAsked):
            questions.append(act.question)

    board = Board(act)
    board.name = "Saw"
    for line in script:
        now, _, what = line.partition(" ")
        if what[0] in ">!":
            continue
        done.append(line)
        at_s = float(now)
        if what == "tick":
            board.tick(at_s)
        elif what[0] == "<":
            said = fabomatic.parse(what[2:].encode())
            assert not isinstance(said, ReaderNoise)
            board.heard(said, at_s)
        else:
            which, word, *rest = what.split()
            shown, seconds = rest or ("", 0)
            question = questions[int(which[1:] or -1)]
            question.answer(Verdict(word == "yes", shown, int(seconds)))
    return done


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_the_transcript_holds(name: str) -> None:
    script = TRANSCRIPTS[name].strip().splitlines()
    assert replayed(script) == script


def test_a_reply_fits_the_boards_buffer_and_display() -> None:
    long = "木" * 500
    for body in (
        fabomatic.machine_reply(long, allowed=True, logoff_min=10**9),
        fabomatic.user_reply(Verdict(True, '"\\' * 99, 60)),
        fabomatic.stop_request(),
    ):
        assert len(body) + len(b"machine/65535/request") <= 300 - 8
        body.decode("ascii")


def test_a_stop_is_said_five_times_at_most() -> None:
    acts: list[Act] = []
    board = Board(acts.append)
    board.stop(0)
    for second in range(200):
        board.tick(float(second))
    assert acts == [Say("request", fabomatic.stop_request())] * 5
    board.stop(200)
    assert len(acts) == 6
