"""Whatever a Ruida or its sender sends is read, within bounds, and however a file is cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.events import JobEnded, JobStarted, Noise, ReadingTaken
from firmware_bridge.ruida import codec
from firmware_bridge.ruida.parser import (
    FileReader,
    Handshake,
    Value,
    answers_more,
    asked_for,
    begins_file,
    is_work,
    parse_answer,
)
from firmware_bridge.ruida.tracker import Tracker

magics = st.integers(0, 255)
places = st.sampled_from([0x0400, 0x0402, 0x0403, 0x0411, 0x0311, 0x057E, 0x057F])
answers = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([codec.ACK, codec.NAK, codec.ERR, codec.ENQ]),
    st.builds(
        lambda place, rest: b"\xda\x01" + place.to_bytes(2, "big") + rest,
        places,
        st.lists(st.integers(0, 127), max_size=9).map(bytes),
    ),
)


@given(st.lists(answers, max_size=4).map(b"".join), magics)
def test_an_answer_may_be_anything(plain: bytes, magic: int) -> None:
    for fact in parse_answer(codec.swizzled(plain, magic), magic):
        match fact:
            case Noise(detail):
                assert len(detail) < 300
            case Value(address, value, text):
                assert 0 <= value < 1 << 35
                assert address <= 0x7F7F
                assert len(text) <= 200
            case _:
                assert fact in Handshake


@given(st.binary(max_size=3000), magics)
def test_raw_bytes_are_facts_or_noise(data: bytes, magic: int) -> None:
    facts = parse_answer(data, magic)
    assert len(facts) <= max(1, len(data))
    assert codec.unpacked(data, magic) is None or len(data) <= codec.MAX_PACKET


@given(st.binary(min_size=1, max_size=1472), magics)
def test_a_packet_is_read_as_it_was_made_and_not_when_damaged(commands: bytes, magic: int) -> None:
    packet = codec.packet(commands, magic)
    assert codec.unpacked(packet, magic) == commands
    assert codec.unpacked(bytes((packet[0], packet[1] ^ 1)) + packet[2:], magic) is None
    assert codec.plain(codec.swizzled(commands, magic), magic) == commands
    assert codec.magic_of_ack(codec.swizzled(codec.ACK, magic)[0]) == magic


@given(st.binary(min_size=1, max_size=200))
def test_commands_are_cut_and_judged_whatever_they_are(stream: bytes) -> None:
    cut = codec.commands(stream)
    assert b"".join(cut) == stream
    assert all(all(byte < 0x80 for byte in one[1:]) for one in cut)
    assert all(isinstance(judged, bool) for judged in (begins_file(stream), answers_more(stream)))
    assert all(address <= 0x7F7F for address in asked_for(stream))
    assert all(is_work(one) for one in cut if one[0] < 0x80)


pieces = st.sampled_from([b"\xe7\x01PART 7\0", b"\xe7\x01", b"\0", b"\xd7", b"\x88" + bytes(10), b"A" * 99])
files = st.lists(st.one_of(pieces, st.binary(max_size=9)), max_size=20).map(b"".join)


@given(files, st.lists(st.integers(0, 400), max_size=8))
def test_a_file_says_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole, reader = FileReader().receive(data), FileReader()
    assert [fact for start, end in pairwise(edges) for fact in reader.receive(data[start:end])] == whole
    assert all(len(getattr(fact, "name", "")) <= 64 for fact in whole)


numbers = st.one_of(st.integers(0, 5), st.integers(0, (1 << 35) - 1), st.sampled_from([0x1000001, 0x1000000]))
steps = st.tuples(st.floats(0, 40), st.one_of(st.builds(Value, places, numbers), st.sampled_from("lsp")))


@given(st.lists(steps, max_size=40))
def test_jobs_alternate_and_counters_never_fall(said: list[tuple[float, Value | str]]) -> None:
    ids = iter(range(10**6))
    tracker, at_s, running = Tracker(lambda: str(next(ids))), 0.0, ""
    before: dict[str, int] = {}
    for step_s, fact in said:
        at_s += step_s
        if fact == "l":
            tracker.lost()
        elif fact == "s":
            tracker.stop_asked(at_s)
        elif fact == "p":
            tracker.pause_asked(True, at_s)
        for event in tracker.receive(fact, at_s) if isinstance(fact, Value) else [tracker.reading()]:
            match event:
                case JobStarted(job_id):
                    assert not running
                    running = job_id
                case JobEnded(job_id):
                    assert job_id == running
                    assert event.job_time_ms >= 0
                    running = ""
                case ReadingTaken(counters):
                    now = {str(name): amount for name, amount in counters.items()}
                    assert all(now[name] >= amount for name, amount in before.items())
                    # nobody works more than an hour in an hour, but for LAG_S
                    assert now["job_time_ms"] <= (at_s + 120 * (len(said) + 1)) * 1000
                    before = now
