"""Whether a machine worked in its sessions, by the gateway's seconds in Prometheus, where one runs."""

from __future__ import annotations

from booking_api.health.timeline import Span, Use
from booking_api.prometheus.query import NoFigures, Prometheus
from booking_api.reports.utilisation import real_time
from floor.timescale import TimeScale

STEPS = 288
"""A day in steps of five minutes."""
DEADLINE_S = 2.0
_STATES = {"busy": Use.BUSY, "powered_idle": Use.POWERED_IDLE}


async def working(
    url: str | None, machine: str, window: tuple[int, int], scale: TimeScale
) -> list[Span] | None:
    """Return when a machine was busy and when powered and idle, step by step; None without Prometheus.

    `window` is floor time in UTC ms. A step shows what most of its seconds were.
    """
    if url is None or '"' in machine or "\\" in machine:
        return None
    from_ms, until_ms = window
    step_ms = max(15_000, (until_ms - from_ms) // STEPS // scale.speed)
    series = f'makerfloor_station_state_seconds_total{{machine="{machine}"}}'
    question = f"sum by (state) (increase({series}[{step_ms}ms]))"
    first, last = real_time(scale, from_ms) + step_ms, real_time(scale, until_ms)
    try:
        told = await Prometheus(url, DEADLINE_S).over(question, first, last, step_ms)
    except NoFigures:
        return None
    most: dict[int, tuple[float, str]] = {}
    for labels, values in told.items():
        state = dict(labels).get("state", "")
        for at_ms, seconds in values.items():
            if seconds > most.get(at_ms, (0.0, ""))[0]:
                most[at_ms] = (seconds, state)
    return [
        Span(_STATES[state], scale.at(at_ms - step_ms), scale.at(at_ms))
        for at_ms, (_, state) in sorted(most.items())
        if state in _STATES
    ]
