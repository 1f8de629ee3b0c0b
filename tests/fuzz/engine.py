"""The fuzzer: changes of good inputs, by seed, kept where they reach lines that no earlier one reached.

Of atheris and this: atheris is 62 MB of native code for some platforms, and a target of pure Python takes
longer than its input's change. `sys.settrace` at one input in many tells new lines as well.
"""

from __future__ import annotations

import random
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = str(Path(__file__).resolve().parents[2])
ROOMS = tuple(
    f"{ROOT}/{room}/" for room in ("booking_api", "firmware_bridge", "floor", "gateway", "hardware")
)
MOST_BYTES = 16_384
LOOK_EVERY = 50
"""Of so many inputs one is traced."""
POOL_MAX = 400
INPUT_S = 2.0
"""Processor time that no input of MOST_BYTES may take; looked at in the campaign only."""
_VALUE = re.compile(rb'"(?:[^"\\]|\\.){0,200}"|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?|\w+|[^\w\s]')
ODD = (
    *(
        one.encode()
        for one in [
            " ",
            " \n",
            "\r\n",
            '"',
            "''",
            ",",
            ";",
            "=",
            "[",
            "]",
            "{",
            "}",
            "[]",
            "{}",
            "<",
            ">",
            "&",
            "%",
            "\\",
            "\\ud800",
            '"\\ud800"',
            "x",
        ]
    ),
    *b"null true false NaN nan -Infinity inf 0 -0 -1 1 1.5 -1e308 1e308 1e999999999".split(),
    *b"1e-999 2147483648".split(),
    *b"140737488355328 4611686018427387904 9223372036854775807 -9223372036854775809 255 256 65536".split(),
    *b"0x10 1_0 \xd9\xa3 \xc2\xb2 \xff \xff\xff\xff\xff \xc0\x80 \xed\xa0\x80".split(),
    *b"\xef\xbb\xbf \xe2\x80\xae".split(),
    *b"2026-02-30 0001-01-01 9999-12-31T23:59:59 2026-03-29T02:30:00 25:61 ../../etc/passwd".split(),
    *b'%s%n{0} =cmd mf/+/up/# "x" ""'.split(),
    b"",
    b"\0",
    b"9" * 40,
    b"9" * 5_000,
    b"0." + b"0" * 400 + b"1",
    b"a" * 300,
    b"(" * 200,
    b"[" * 2_000,
    b'{"a":' * 2_000,
)


@dataclass(frozen=True)
class Target:
    """What reads from outside. `run` takes any bytes and fails by an exception that is not `allowed`.

    `covers` names what of the product it proves, as `module:name`; `group` is the test that it runs in.
    """

    name: str
    group: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    allowed: tuple[type[Exception], ...] = ()
    covers: tuple[str, ...] = ()


@dataclass
class Found:
    """An input that broke a target, and how."""

    target: str
    data: bytes
    how: str


@dataclass
class Run:
    """What one target was given, and what came of it."""

    target: str
    inputs: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    lines: int = 0
    kept: int = 0
    found: list[Found] = field(default_factory=list)


def mutate(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """Return an input with one to four changes: of bytes, of whole values, or spliced from two."""
    data = pool[int(chance.random() * len(pool))]
    for _ in range(1 + int(chance.random() ** 2 * 4)):
        data = _changed(chance, data, pool)
    return data[:MOST_BYTES]


def _changed(chance: random.Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    way, size = int(chance.random() * 10), len(data)
    at = int(chance.random() * (size + 1))
    end = min(size, at + 1 + int(chance.random() ** 3 * 32))
    if way <= 3 and (value := _VALUE.search(data, at)):
        if way == 3:
            other = _VALUE.search(data, int(chance.random() * size))
            return data[: value.start()] + (other[0] if other else b"") + data[value.end() :]
        return data[: value.start()] + chance.choice(ODD) + data[value.end() :]
    if way == 4:
        return data[:at] + bytes([int(chance.random() * 256)]) + data[at + 1 :]
    if way == 5:
        return data[:at] + data[end:]
    if way == 6:
        return data[:at] + data[at:end] * (1 + int(chance.random() ** 4 * 200)) + data[end:]
    if way == 7:
        other_seed = pool[int(chance.random() * len(pool))]
        return data[:at] + other_seed[int(chance.random() * len(other_seed)) :]
    if way == 8:
        return data[:at] + chance.randbytes(1 + int(chance.random() * 4)) + data[at:]
    flipped = bytearray(data or b"\0")
    flipped[at % len(flipped)] ^= 1 << int(chance.random() * 8)
    return bytes(flipped)


def fuzz(target: Target, seed: int, inputs: int, seconds: float = 1e9, timed: bool = False) -> Run:
    """Give a target its seeds and as many changed inputs, or as come within the seconds of processor."""
    chance = random.Random(f"{seed} {target.name}")
    pool, lines, done = list(target.seeds), set[tuple[Any, int]](), Run(target.name)
    for data in pool:
        _look(target, data, lines, done)
    began_s = time.process_time()
    while done.inputs < inputs and not done.found:
        data = mutate(chance, pool)
        if done.inputs % LOOK_EVERY:
            _give(target, data, done, timed)
        elif _look(target, data, lines, done) and len(pool) < POOL_MAX:
            pool.append(data)
            done.kept += 1
        if not done.inputs % 64 and time.process_time() - began_s > seconds:
            break
    done.lines = len(lines)
    done.seconds = time.process_time() - began_s
    return done


def _give(target: Target, data: bytes, done: Run, timed: bool) -> None:
    began_s = time.process_time() if timed else 0.0
    done.inputs += 1
    try:
        target.run(data)
    except target.allowed:
        done.refused += 1
    except Exception:  # noqa: BLE001
        done.found.append(Found(target.name, data, traceback.format_exc(limit=-4)))
    if timed:
        took_s = time.process_time() - began_s
        done.slowest_s = max(done.slowest_s, took_s)
        if took_s > INPUT_S:
            done.found.append(Found(target.name, data, f"took {took_s:.1f} s of processor"))


def _look(target: Target, data: bytes, lines: set[tuple[Any, int]], done: Run) -> bool:
    """Give one input under a tracer; return whether it reached lines of the product that none had reached."""
    before = len(lines)

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(ROOMS):
            return None
        if event == "line":
            lines.add((frame.f_code, frame.f_lineno))
        return trace

    held = sys.gettrace()
    sys.settrace(trace)
    try:
        _give(target, data, done, False)
    finally:
        sys.settrace(held)
    return len(lines) > before
