"""Runs a driver on a recording, without waiting, and says where it now says something else."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge import registry
from firmware_bridge.events import MachineEvent
from firmware_bridge.recordings.file import Recording
from firmware_bridge.recordings.loop import SkippingLoop
from firmware_bridge.recordings.tape import Entry, event_table
from firmware_bridge.transports.replaying import ReplayingTransports, loosely
from floor.errors import ConfigError

SETTLE_S = 0.1
BEYOND_S = 1.0
LATE_MS = 250
LATE_SHARE = 0.02
ROUNDED = 0.001


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it: what the driver said, the first difference in words, and what it wrote otherwise."""

    events: list[tuple[float, Entry]]
    difference: str
    written: list[str]


def replay(
    recording: Recording,
    where: str,
    settings: Mapping[str, object] | None = None,
    said: Callable[[float, MachineEvent], None] = lambda at_s, event: None,
) -> Replayed:
    """Run the driver on what was recorded; `settings` stand over the recorded ones. No loop may run.

    Raises ConfigError with `where` as file for a kind or settings that this software does not know.
    """
    if recording.settings.get("mode") == "proxy":
        raise ConfigError(where, "mode", "a proxy's sender is not in a recording", "Replay one of mode own.")
    if not recording.lines and recording.kind != "simulated":
        raise ConfigError(where, "", "nothing of a machine is in it", "Record a machine that is connected.")
    with asyncio.Runner(loop_factory=SkippingLoop) as runner, tempfile.TemporaryDirectory() as folder:
        return runner.run(_replay(recording, where, settings or {}, said, Path(folder)))


async def _replay(
    recording: Recording,
    where: str,
    settings: Mapping[str, object],
    said: Callable[[float, MachineEvent], None],
    folder: Path,
) -> Replayed:
    files: dict[str, str] = {}
    for number, (key, text) in enumerate(recording.files.items()):
        file = folder / f"{number}.toml"
        file.write_text(text, encoding="utf-8")
        files[key] = str(file)
    now = asyncio.get_running_loop().time
    transports = ReplayingTransports(recording, now)
    driver = registry.build(
        recording.kind, {**recording.settings, **files, **settings}, where, transports, clock=now
    )
    events: list[tuple[float, Entry]] = []
    try:
        async with asyncio.timeout(recording.ended_s + BEYOND_S), aclosing(driver.events()) as spoken:
            async for event in spoken:
                at_s = now()
                said(at_s, event)
                events.append((at_s, event_table(event)))
    except TimeoutError:
        await driver.aclose()
    # a limit may come between words of the machine and what the driver made of them
    ended_s = recording.ended_s - (SETTLE_S if recording.why == "limit" else 0.0)
    return Replayed(events, compare(recording.events, events, ended_s), transports.differences())


def compare(was: list[tuple[float, Entry]], now: list[tuple[float, Entry]], ended_s: float) -> str:
    """Return the first difference in words; nothing where there is none.

    Readings are compared by what they show whenever something else is said, and at the end: their number is
    chance. Times may differ by LATE_MS and LATE_SHARE, what is interpolated by ROUNDED.
    What is said after the recording's end is let be.
    """
    before, after = _steps(was), _steps([one for one in now if one[0] <= ended_s + BEYOND_S])
    for (at_s, one, shown), (at_too_s, other, shows) in zip(before, after, strict=False):
        if (words := _unlike(one, other)) or (words := _unlike(shown, shows)):
            if at_too_s > ended_s:
                break
            return f"at {at_s:.2f} s {_name(one)}: {words}"
    if len(before) > len(after):
        at_s, one, _ = before[len(after)]
        return f"at {at_s:.2f} s this is not said any more: {one}"
    if len(after) > len(before) and after[len(before)][0] <= ended_s:
        at_s, one, _ = after[len(before)]
        return f"at {at_s:.2f} s this is said now: {one}"
    shown, shows = (_shown([one for one in events if one[0] <= ended_s]) for events in (was, now))
    return f"at the end: {words}" if (words := _unlike(shown, shows)) else ""


_Step = tuple[float, Entry, Entry]


def _steps(events: list[tuple[float, Entry]]) -> list[_Step]:
    """Return what is no reading, each beside what the counters showed then."""
    steps: list[_Step] = []
    shown: Entry = {}
    for at_s, event in events:
        if event.get("event") == "ReadingTaken" and isinstance(counters := event.get("counters"), Mapping):
            shown = {**shown, **counters}
        elif event.get("event") not in ("ReadingTaken", "JobProgressed"):
            steps.append((at_s, event, shown))
    return steps


def _shown(events: list[tuple[float, Entry]]) -> Entry:
    shown: Entry = {}
    for _, event in events:
        if isinstance(counters := event.get("counters"), Mapping):
            shown |= counters
    return shown


def _name(event: Entry) -> str:
    return f"{event.get('event')} {event.get('activity', event.get('outcome', ''))}".strip()


def _unlike(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    for key in [*one, *(key for key in other if key not in one)]:
        left, right = one.get(key), other.get(key)
        if isinstance(left, int) and isinstance(right, int):
            late_ms = LATE_MS + LATE_SHARE * max(left, right) if key.endswith("_ms") else 0
            if abs(left - right) <= max(late_ms, ROUNDED * max(left, right)):
                continue
        elif loosely(left) == loosely(right):
            continue
        return f"{key} was {left!r} and is {right!r}"
    return ""
