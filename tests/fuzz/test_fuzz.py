"""A slice of the fuzzing: every target, by seed. `make campaign` gives them ten million inputs."""

from __future__ import annotations

import logging
import random

import pytest

from tests.fuzz.engine import Target, fuzz, mutate
from tests.fuzz.targets import GROUPS, TARGETS

SEED = 8
SECONDS = {
    "wire": 4.0,
    "machines": 12.0,
    "files": 6.0,
    "readers": 6.0,
    "bodies": 4.0,
    "tables": 3.0,
    "toml": 9.0,
}
MOST = 8_000
LARGE = 32_768
FILLERS = (
    b"[",
    b"(",
    b'"',
    b"9",
    b"\n",
    b" ",
    b"\0",
    b"\xff",
    b"a,",
    b"=[",
    b"<a>",
    b"ok\n",
    b'{"a":',
    b"a.",
    b"''",
)


@pytest.fixture(autouse=True)
def _quiet() -> object:
    """Libraries tell of each malformed input."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_from_outside_breaks_what_reads_it(group: str) -> None:
    targets = [target for target in TARGETS if target.group == group]
    share = SECONDS[group] / len(targets)
    wrong = []
    for target in targets:
        done = fuzz(target, SEED, MOST, share)
        wrong += [f"{one.target} (seed {SEED}): {one.data[:500]!r}\n{one.how[-1500:]}" for one in done.found]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_large_and_the_same_all_over_ends_soon(group: str) -> None:
    """What needs time that grows with the square of its input would meet the limit of the test."""
    for target in TARGETS:
        if target.group == group:
            for filler in FILLERS:
                large(target, filler * (LARGE // len(filler)))


def large(target: Target, data: bytes) -> None:
    try:
        target.run(data)
    except target.allowed:
        return


def test_one_seed_makes_the_same_inputs() -> None:
    pool = [b'{"a": 1.5, "b": [true, "x"]}', b"G1 X1\n"]
    made = [[mutate(random.Random(f"{SEED}{n}"), pool) for n in range(50)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 40


def test_a_target_that_breaks_is_told_with_its_input() -> None:
    def run(data: bytes) -> None:
        if b"9" * 40 in data:
            raise KeyError("broken")

    done = fuzz(Target("broken", "none", run, (b"a = 1\n",), (ValueError,)), SEED, 5_000)
    (found,) = done.found
    assert b"9" * 40 in found.data
    assert "KeyError" in found.how


def test_inputs_that_reach_new_lines_are_kept() -> None:
    from firmware_bridge.grbl.parser import parse_line

    done = fuzz(Target("grbl", "none", parse_line, (b"ok",)), SEED, 3_000)
    assert done.kept >= 2
