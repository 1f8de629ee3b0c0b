"""What the stations of a year's floor show at its end: a busy evening, with a hall that is out of touch."""

from __future__ import annotations

import random

from floor.wire.messages import Station, Stations
from floor.words import Activity, StationState
from tests.kit.web import MINUTE, NOW_MS, WebFloor

STATES = (
    (StationState.FREE, Activity.IDLE, 50),
    (StationState.IN_USE, Activity.BUSY, 34),
    (StationState.IN_USE, Activity.IDLE, 6),
    (StationState.HOLDING, Activity.BUSY, 4),
    (StationState.RUN_ON, Activity.IDLE, 2),
    (StationState.LOCKED_OUT, Activity.IDLE, 3),
    (StationState.FREE, Activity.UNREACHABLE, 1),
)
JOBS = ("gear-32.gcode", "box-lid.svg", "hinge_v4.gcode", "sign.svg", "bracket.nc")
WORDS = ("Lens cracked", "Nozzle clogged", "Emergency stop")


def go_live(floor: WebFloor, machines: dict[str, list[str]], members: list[str], seed: int = 7) -> None:
    """Let each gateway say what its machines show; the last of several is out of touch."""
    chance = random.Random(seed)
    for name, there in machines.items():
        stations = [_station(machine, members, chance) for machine in there]
        told = Stations(
            gateway=name, at_ms=NOW_MS, stations=stations, roster_age_s=chance.randrange(5, 90),
            journal_lag=chance.choice((0, 0, 0, 3)),
        )  # fmt: skip
        floor.context.live.received(told, NOW_MS)
    if len(machines) > 1:
        floor.context.live.presence([*machines][-1], False, NOW_MS)


def _station(machine: str, members: list[str], chance: random.Random) -> Station:
    weights = [weight for _, _, weight in STATES]
    state, activity, _ = chance.choices(STATES, weights)[0]
    since_ms = NOW_MS - chance.randrange(1, 240) * MINUTE
    told: dict[str, object] = {"machine": machine, "state": state, "activity": activity, "since_ms": since_ms}
    if state is StationState.LOCKED_OUT:
        told["words"] = chance.choice(WORDS)
    if state in {StationState.IN_USE, StationState.HOLDING, StationState.RUN_ON}:
        elapsed_ms = NOW_MS - since_ms
        told |= {"session_id": f"now-{machine}", "member": chance.choice(members), "elapsed_ms": elapsed_ms,
                 "price_micro": elapsed_ms // MINUTE * 200_000, "commodity": "EUR"}  # fmt: skip
    if activity is Activity.BUSY and chance.random() < 0.7:
        progress = chance.random()
        told |= {"job": chance.choice(JOBS), "progress": progress, "left_s": round((1 - progress) * 7200)}
    return Station.model_validate(told)
