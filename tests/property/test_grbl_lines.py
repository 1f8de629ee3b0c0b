"""GRBL's parser, tracker and gate: total, bounded, and the same however their input is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.events import JobEnded, JobStarted, Noise, ReadingTaken
from firmware_bridge.grbl.gate import Gate
from firmware_bridge.grbl.parser import MAX_LINE, GrblParser, Heard, Report
from firmware_bridge.grbl.tracker import Tracker

numbers = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.floats().map(str),
    st.sampled_from(["", "0", "500", "1e400", "-5", "1_0", "٣"]),
)
states = st.sampled_from(
    ["Idle", "Run", "Run", "Run", "Hold:0", "Hold:1", "Door:1", "Alarm", "Alarm:11", "Jog", "Tool"]
)
names = st.sampled_from(["FS", "F", "MPos", "WPos", "WCO", "Bf", "Ln", "Ov", "SD"])
fields = st.builds("{}:{},{}".format, names, numbers, numbers)
reports = st.builds(lambda state, more: f"<{'|'.join([state, *more])}>", states, st.lists(fields, max_size=4))
lines = st.one_of(
    reports,
    st.sampled_from(
        ["ok", "error:9", "ALARM:1", "ALARM:3", "[MSG:Pgm End]", "Grbl 1.1h ['$' for help]", "$32=1"]
    ),
    st.builds("${}={}".format, st.sampled_from([13, 32, 100]), numbers),
    st.text(max_size=30),
).map(lambda text: text.encode("utf-8", "replace") + b"\r\n")
voices = st.one_of(st.lists(lines, max_size=30).map(b"".join), st.binary(max_size=3000))
cuts = st.lists(st.integers(0, 3000), max_size=8)


def pieces(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in at), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(voices, cuts)
def test_lines_are_the_same_however_they_are_cut_and_lose_no_byte(data: bytes, at: list[int]) -> None:
    whole = GrblParser().receive_data(data)
    parser = GrblParser()
    assert [heard for piece in pieces(data, at) for heard in parser.receive_data(piece)] == whole
    said = b"".join(heard.raw for heard in whole)
    assert data.startswith(said)
    assert len(data) - len(said) < MAX_LINE
    assert all(len(heard.fact.detail) < 300 for heard in whole if isinstance(heard.fact, Noise))


words = st.builds(
    "{}{}".format, st.sampled_from("GGGMXYSFP"), st.one_of(numbers, st.integers(0, 99).map(str))
)
jobs = st.lists(st.one_of(st.lists(words, max_size=5).map(" ".join), st.text(max_size=20)), max_size=8)


@given(
    voices, st.lists(st.floats(0, 2), min_size=1, max_size=10), st.sampled_from(["auto", "yes", "no"]), jobs
)
def test_a_machine_and_its_sender_may_say_anything(
    data: bytes, steps: list[float], laser: str, job: list[str]
) -> None:
    ids = iter(range(10_000))
    tracker = Tracker(lambda: str(next(ids)), laser=laser)
    now, spent, running = 0.0, tracker.reading().counters, None
    for number, heard in enumerate(GrblParser().receive_data(data)):
        now += steps[number % len(steps)]
        tracker.sender_came(job)
        for event in tracker.receive(heard.fact, now, number % 3):
            match event:
                case ReadingTaken(counters):
                    assert all(counters[name] >= amount for name, amount in spent.items())
                    assert all(
                        amount <= now * 1000 + 1 for name, amount in counters.items() if "time" in name
                    )
                    spent = counters
                case JobStarted(job_id):
                    assert running is None
                    running = job_id
                case JobEnded(job_id):
                    assert job_id == running
                    assert event.job_time_ms >= 0
                    running = None


words = [
    b"?",
    b"!",
    b"~",
    b"G1X1\n",
    b"$$\n",
    b"G21\r\n",
    b"\n",
    b"M3S9\n",
    b"G1 X",
    b"2\r",
    b"\x85",
    b"\xc3",
]
senders = st.lists(st.sampled_from(words), max_size=30)


@given(senders, st.booleans(), st.booleans(), cuts)
def test_each_line_of_a_sender_is_answered_once_and_in_order(
    said: list[bytes], authorised: bool, asks: bool, at: list[int]
) -> None:
    data, gate = b"".join(said), Gate(authorised)
    to_machine, to_sender = bytearray(), bytearray()
    for number, piece in enumerate(pieces(data, at)):
        if asks:
            to_machine += gate.ask(number * 0.2, 0.1)
        passed = gate.from_sender(piece, number * 0.2)
        to_machine += passed.machine
        to_sender += passed.sender
    uncut = Gate(authorised).from_sender(data, 0.0)
    assert bytes(uncut.machine).replace(b"?", b"") == bytes(to_machine).replace(b"?", b"")
    for _ in range(to_machine.count(b"\n")):
        to_sender += gate.from_machine(Heard(b"ok\r\n", GrblParser().receive_data(b"ok\r\n")[0].fact))[0]
    ended = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")
    assert to_sender.count(b"\r\n") == ended
    assert not (authorised and b"error" in to_sender)
    assert authorised or (b"X" not in to_machine and b"M3" not in to_machine and b"~" not in to_machine)
    if b"?" in to_machine and not data.count(b"?"):
        assert gate.from_machine(Heard(b"<Idle>\r\n", Report("Idle")))[0] == b""
