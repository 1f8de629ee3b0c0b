import os
import pty
import struct
from pathlib import Path

import pytest

from hardware.events import ReaderLost, ReaderNoise
from hardware.readers.frame import Frame
from hardware.readers.keyboard import EventDevice, KeyboardParser, decimal, hexadecimal
from hardware.registry import build_reader
from tests.kit.reader_benches import typed

NO_NUMBER = [ReaderNoise("what was typed is no badge's number")]


@pytest.mark.parametrize(
    ("read", "keys", "uid"),
    [
        (decimal, "0004660051", "00471B53"),
        (decimal, "4294967295", "FFFFFFFF"),
        (hexadecimal, "04a2b3c4", "04A2B3C4"),
        (hexadecimal, "62e3086ced", "62E3086CED"),
        (hexadecimal, "04de5f1eacc040", "04DE5F1EACC040"),
    ],
)
def test_numbers(read, keys: str, uid: str) -> None:
    assert KeyboardParser(read).receive_data(typed(keys + "\n\n")) == [Frame(bytes.fromhex(uid))]
    turned = bytes.fromhex(uid)[::-1]
    assert KeyboardParser(read, reverse=True).receive_data(typed(keys + "\n")) == [Frame(turned)]


@pytest.mark.parametrize(
    ("read", "keys"),
    [
        (decimal, "004660051"),
        (decimal, "4294967296"),
        (decimal, "00046600a1"),
        (decimal, "00046600510"),
        (hexadecimal, "04a2b3c"),
        (hexadecimal, "04a2b3c4g"),
        (hexadecimal, "0" * 21),
        (hexadecimal, "0" * 5000),
    ],
)
def test_what_is_no_number_is_noise_and_a_good_one_follows(read, keys: str) -> None:
    parser = KeyboardParser(read)
    assert parser.receive_data(typed(keys + "\n")) == NO_NUMBER
    assert len(parser.receive_data(typed("0004660051\n"))) == 1


def test_a_number_of_which_the_kernel_lost_keys_is_refused() -> None:
    parser = KeyboardParser(hexadecimal)
    lost = struct.pack("@LLHHi", 1, 2, 0, 3, 0)  # EV_SYN, SYN_DROPPED
    assert parser.receive_data(typed("04a2") + lost + typed("b3c4\n")) == NO_NUMBER


def test_a_key_that_is_held_counts_once() -> None:
    held = struct.pack("@LLHHi", 1, 2, 1, 11, 2)  # EV_KEY, KEY_0, repeated
    assert KeyboardParser(hexadecimal).receive_data(typed("04a2b3c0") + held * 9 + typed("\n")) == [
        Frame(bytes.fromhex("04A2B3C0"))
    ]


def test_numbers_come_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "event0"
    os.mkfifo(pipe)
    device = EventDevice(str(pipe), lambda _: None)
    write_end = os.open(pipe, os.O_WRONLY)
    parser, found = KeyboardParser(hexadecimal), []
    assert device.read(240) == b""
    os.write(write_end, typed("04a2b3c4\n"))
    while data := device.read(100):
        found += parser.receive_data(data)
    assert found == [Frame(bytes.fromhex("04A2B3C4"))]
    os.close(write_end)
    with pytest.raises(OSError, match="unplugged"):
        device.read(240)
    device.close()


async def test_what_cannot_be_grabbed_is_not_read() -> None:
    line, end = pty.openpty()
    os.write(line, b"\n" + typed("04a2b3c4\n"))
    settings = {"port": os.ttyname(end), "number": "hex", "badge": "uid_13mhz"}
    reader = build_reader("keyboard", settings, "bench")
    lost = await anext(reader.events())
    await reader.aclose()
    os.close(line)
    os.close(end)
    assert isinstance(lost, ReaderLost)
    assert "cannot be taken for the gateway alone" in lost.reason
