"""The effective value of an alternating voltage, from samples that need not be evenly apart. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

PERIODS = 10
LEAST_PER_PERIOD = 8


def rms(samples: Sequence[tuple[float, float]], window_s: float) -> float:
    """Return the root of the mean square about the mean, of (seconds, value) over the first `window_s`.

    Over whole periods the bias of the input drops out. The samples reach over the whole window (> 0).
    """
    end_s = samples[0][0] + window_s
    total = squares = 0.0
    for (at_s, value), (then_s, after) in pairwise(samples):
        if at_s >= end_s:
            break
        if then_s > end_s:
            after = value + (after - value) * (end_s - at_s) / (then_s - at_s)
            then_s = end_s
        total += (then_s - at_s) * (value + after) / 2
        squares += (then_s - at_s) * (value * value + after * after) / 2
    mean = total / window_s
    return sqrt(max(0.0, squares / window_s - mean * mean))
