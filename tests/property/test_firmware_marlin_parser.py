"""Marlin's parser, tracker and gate: total, bounded, and the same however their input is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.events import JobEnded, JobStarted, Noise, ReadingTaken
from firmware_bridge.marlin.gate import Gate, Passed
from firmware_bridge.marlin.lines import Line, read_line
from firmware_bridge.marlin.parser import MAX_LINE, Heard, MarlinParser, Ok, Temperatures
from firmware_bridge.marlin.tracker import Tracker

numbers = st.one_of(
    st.integers(0, 10**13).map(str), st.floats().map(str), st.sampled_from(["", "-5", "1e400", "٣"])
)
said = st.sampled_from(
    [
        "ok",
        "start",
        "wait",
        "Not SD printing",
        "Not TF printing",
        "Done printing file",
        "echo:busy: processing",
        "busy: paused for user",
        "Error:checksum mismatch, Last Line: 4",
        "Error:Printer halted. kill() called!",
        "//action:pause",
        "//action:resume",
        "//action:cancel",
        "Current file: (no file)",
        "Current file: A.GCO a part.gcode",
        "File opened: a.gco Size: 12",
        "FIRMWARE_NAME:Marlin EXTRUDER_COUNT:2",
        "Cap:AUTOREPORT_TEMP:1",
        "T:20 /0 B:20 /0",
    ]
)
shaped = st.one_of(
    st.builds("SD printing byte {}/{}".format, numbers, numbers),
    st.builds("ok T:{} /{} B:{} /{}".format, numbers, numbers, numbers, numbers),
    st.builds("echo:Print time: {}h {}m {}s".format, numbers, numbers, numbers),
    st.builds("Resend: {}".format, numbers),
    st.builds("FIRMWARE_NAME:{} EXTRUDER_COUNT:{}".format, numbers, numbers),
)
lines = st.one_of(said, said, shaped, st.text(max_size=30)).map(lambda text: text.encode() + b"\n")
voices = st.one_of(st.lists(lines, max_size=30).map(b"".join), st.binary(max_size=3000))
cuts = st.lists(st.integers(0, 3000), max_size=8)


def pieces(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in at), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(voices, cuts)
def test_lines_are_the_same_however_they_are_cut_and_lose_no_byte(data: bytes, at: list[int]) -> None:
    whole = MarlinParser().receive_data(data)
    parser = MarlinParser()
    assert [heard for piece in pieces(data, at) for heard in parser.receive_data(piece)] == whole
    assert data.startswith(b"".join(heard.raw for heard in whole))
    assert len(data) - sum(len(heard.raw) for heard in whole) < MAX_LINE
    assert all(len(heard.fact.detail) < 300 for heard in whole if isinstance(heard.fact, Noise))


hosts = st.sampled_from(
    ["G28", "G1 X1 E2", "G1 E-1", "M109 S200", "M105", "M77", "M25", "M24", "M524", "M104 S0"]
)


@given(voices, st.lists(hosts, max_size=12), st.lists(st.floats(0, 20), min_size=1, max_size=10))
def test_a_machine_may_say_anything(data: bytes, sent: list[str], steps: list[float]) -> None:
    ids = iter(range(10_000))
    tracker = Tracker(lambda: str(next(ids)))
    now, spent, running = 0.0, tracker.reading().counters, None
    for number, heard in enumerate(MarlinParser().receive_data(data)):
        now += steps[number % len(steps)]
        events = tracker.receive(heard.fact, now, number % 3 > 0)
        if sent:
            line = read_line(sent[number % len(sent)].encode())
            assert line is not None
            events += tracker.passed(line, now)
            events += tracker.done(line, now) if number % 2 else []
        if number % 7 == 6:
            tracker.lost()
        for event in events + tracker.tick(now, number % 2):
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


@given(st.binary(max_size=120))
def test_a_line_of_a_host_may_be_anything(raw: bytes) -> None:
    line = read_line(raw)
    assert line is None or (len(line.text) <= 120 and (line.code == "" or line.code in line.code.upper()))


WORDS = [
    b"G1 X1 E1\n",
    b"M105\r\n",
    b"; note\n",
    b"\n",
    b"N5 G28*22\n",
    b"M112\n",
    b"M108\n",
    b"T1\n",
    b"G1 X",
]
WORDS += [b"2\n", b"M104 S0\n", b"M28 a.g\n", b"M29\n", b"M110 N0\n", b"\xff\n"]
senders = st.lists(st.sampled_from(WORDS), max_size=30)


@given(senders, st.booleans(), st.booleans(), cuts)
def test_each_line_of_a_host_is_answered_once_and_work_needs_somebody(
    words: list[bytes], authorised: bool, asks: bool, at: list[int]
) -> None:
    data, gate = b"".join(words), Gate(authorised)
    machine, host = bytearray(), bytearray()
    done: list[Line] = []
    oks = Heard(b"ok\n", Ok()), Heard(b"ok T:1 /0\n", Ok(Temperatures({"T": (1.0, 0.0)})))

    def take(passed: Passed) -> None:
        machine.extend(passed.machine)
        host.extend(passed.host)

    for number, piece in enumerate(pieces(data, at)):
        if asks:
            gate.ask("M27")
        take(gate.from_host(piece, number * 0.1))
    answered = 0
    while answered < machine.count(b"\n"):
        answered += 1
        reply = gate.from_machine(oks[b"M105" in machine.splitlines()[answered - 1]], 5.0)
        host.extend(reply.host)
        done += reply.done
        passed = Passed()
        gate.pump(passed, 5.0)
        take(passed)
    ended = data[: data.rfind(b"\n") + 1].splitlines()
    wanted = [line for line in map(read_line, ended) if line is not None]
    assert host.count(b"ok") == len(wanted)
    assert gate.kept == gate.waiting == 0
    if not authorised:
        assert not [line for line in done if not line.harmless]
        assert b"G1" not in machine
        assert b"T1" not in machine
    else:
        assert len(done) <= len(wanted)
    assert machine.count(b"M27\n") == gate.asked == gate.answered
