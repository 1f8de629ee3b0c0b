"""The life of a machine that a mapping describes: bodies in, machine events out. Pure.

`at_s` is the driver's monotonic clock in seconds. Values are kept until the next body of their source, and
judged together: a job ends with the outcome that was told by then.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from decimal import Decimal

from firmware_bridge.counting import BusyTime, Counter
from firmware_bridge.events import (
    ActivityChanged,
    Identified,
    JobEnded,
    JobProgressed,
    JobStarted,
    MachineEvent,
    Noise,
    ReadingTaken,
)
from firmware_bridge.json_values import words
from firmware_bridge.mapping.mapping import Mapping, ReadingRule
from firmware_bridge.mapping.values import Place, as_number, as_word
from floor.meter import Quantity
from floor.words import Activity, JobOutcome

WORKS = (Activity.BUSY, Activity.HELD)


@dataclass(slots=True)
class _Job:
    job_id: str
    key: str
    began_s: float
    busy_s: float = 0.0


class MappedMachine:
    """Follows one machine over connections; `tag` makes the ids of its jobs unique to this driver."""

    def __init__(self, mapping: Mapping, silence_s: float, tag: str) -> None:
        self._mapping = mapping
        self._silence_s = silence_s
        self._tag = tag
        limits = mapping.activity.thresholds
        # without thresholds the value is 1 or 0, and believed at once
        self._work = (
            BusyTime(limits.busy_above, limits.idle_below, limits.after_s, silence_s)
            if limits
            else BusyTime(0.5, 0.5, 0.0, silence_s)
        )
        self._counters = {rule.quantity: Counter(rule.most_per_h) for rule in mapping.readings}
        self._values: dict[Place, object] = {}
        self._activity: Activity | None = None
        self._said: ActivityChanged | None = None
        self._read: dict[Quantity, int] | None = None
        self._job: _Job | None = None
        self._count = 0
        self._job_ms = 0
        self._jobs_done = 0
        self._heard_s = 0.0

    def connected(self, at_s: float) -> list[MachineEvent]:
        """A connection begins: everything is told anew, and nothing is known until then."""
        self._heard_s, self._said, self._activity, self._read = at_s, None, None, None
        self._values.clear()
        self._work.forget()
        return [Identified(self._mapping.name, self._mapping.firmware)]

    def receive(self, bodies: Table[str, bytes], at_s: float) -> list[MachineEvent]:
        """Take what sources say at one time, by topic or path of the URL."""
        events: list[MachineEvent] = []
        for rule in self._mapping.readings:
            if rule.place.source in bodies:
                events += self._count_up(rule, rule.place.find(bodies[rule.place.source]), at_s)
        for place in self._others():
            if place.source in bodies:
                self._values[place] = place.find(bodies[place.source])
        online = self._mapping.online
        if online and (word := as_word(self._values.get(online.place))):
            if word in online.no:
                return events + self._lost(f"it says {word}")
            if word not in online.yes and online.place.source in bodies:
                events.append(Noise(f"neither there nor gone: {word}"))
        place = self._mapping.activity.place
        if place.source in bodies:
            events += self._act(self._values[place], at_s)
        return [*events, *self._job_events(at_s), *self._reading()]

    def tick(self, at_s: float) -> list[MachineEvent]:
        """Look whether the machine has not said what it does for too long."""
        lost = self._said is not None and self._said.activity is Activity.UNREACHABLE
        if lost or at_s - self._heard_s <= self._silence_s:
            return []
        return self._lost(f"it was silent for {self._silence_s:g} s")

    def _others(self) -> list[Place]:
        job, online = self._mapping.job, self._mapping.online
        places = [self._mapping.activity.place, self._mapping.activity.words, online and online.place]
        if job:
            places += [job.id, job.name, job.user, job.progress, job.left_s, job.outcome]
        return [place for place in places if place]

    def _count_up(self, rule: ReadingRule, value: object, at_s: float) -> list[MachineEvent]:
        shown = as_number(value)
        if shown is None or shown < 0:
            return [Noise(f"no reading of {rule.quantity}: {words(value)}")]
        why = self._counters[rule.quantity].take(round(shown * rule.factor), at_s)
        return [Noise(f"{rule.quantity}: {why}")] if why else []

    def _act(self, value: object, at_s: float) -> list[MachineEvent]:
        activity, limits = None, self._mapping.activity.thresholds
        if limits is None:
            activity = self._mapping.activity.means.get(as_word(value))
            sample = Decimal(activity is Activity.BUSY)
        else:
            number = as_number(value)
            activity = None if number is None else Activity.IDLE
            sample = number or Decimal(0)
        if activity is None:
            return [Noise(f"what it does is not in the mapping: {words(value) or 'nothing'}")]
        since_s, busy_s = self._heard_s, self._work.total_s
        busy = self._work.take(float(sample), at_s)
        if self._job:
            self._job.busy_s += self._work.total_s - busy_s
        self._heard_s = max(at_s, since_s)
        self._activity = Activity.BUSY if busy else activity
        # counted before it is said: whoever hears BUSY knows already that busy time is counted here
        return [*self._reading(), *self._say(self._activity, self._explained())]

    def _explained(self) -> str:
        place = self._mapping.activity.words
        return words(as_word(self._values.get(place))) if place else ""

    def _lost(self, why: str) -> list[MachineEvent]:
        self._work.forget()
        self._activity = None
        return self._say(Activity.UNREACHABLE, why)

    def _job_events(self, at_s: float) -> list[MachineEvent]:
        rule, events = self._mapping.job, []
        if rule is None or self._activity is None:
            return []
        key = self._text(rule.id) or self._text(rule.name)
        works = self._activity in WORKS
        if self._job and (not works or (key and self._job.key and key != self._job.key)):
            events += self._end()
        if works and self._job is None:
            events += self._begin(key, at_s)
        if self._job is None:
            return events
        self._job.key = self._job.key or key
        done = as_number(self._values.get(rule.progress)) if rule.progress else None
        left = as_number(self._values.get(rule.left_s)) if rule.left_s else None
        if done is not None:
            fraction = min(1.0, max(0.0, float(done / rule.whole)))
            left_s = int(left) if left is not None and left >= 0 else None
            events.append(JobProgressed(self._job.job_id, fraction, left_s))
        return events

    def _begin(self, key: str, at_s: float) -> list[MachineEvent]:
        rule = self._mapping.job
        assert rule is not None
        self._count += 1
        self._job = _Job(f"{key or 'job'}@{self._tag}-{self._count}", key, at_s)
        name = self._text(rule.name) or key or self._mapping.name
        return [JobStarted(self._job.job_id, name, self._text(rule.user) or None)]

    def _end(self) -> list[MachineEvent]:
        job, rule = self._job, self._mapping.job
        assert job is not None
        assert rule is not None
        outcome = rule.outcomes.get(self._text(rule.outcome), JobOutcome.UNKNOWN)
        if self._activity is Activity.FAULTED:
            outcome = JobOutcome.FAILED
        job_ms = int(job.busy_s * 1000)
        self._job, self._job_ms = None, self._job_ms + job_ms
        if Quantity.JOBS not in self._counters:
            self._jobs_done += 1
        return [*self._reading(), JobEnded(job.job_id, outcome, job_ms, self._explained())]

    def _text(self, place: Place | None) -> str:
        return as_word(self._values.get(place)) if place else ""

    def _reading(self) -> list[MachineEvent]:
        now = {Quantity.BUSY_TIME_MS: int(self._work.total_s * 1000)}
        if self._mapping.job:
            running_ms = int(self._job.busy_s * 1000) if self._job else 0
            now |= {Quantity.JOB_TIME_MS: self._job_ms + running_ms, Quantity.JOBS: self._jobs_done}
        now |= {quantity: counter.total for quantity, counter in self._counters.items()}
        if now == self._read:
            return []
        self._read = now
        return [ReadingTaken(now)]

    def _say(self, activity: Activity, why: str) -> list[MachineEvent]:
        said = ActivityChanged(activity, why)
        if said == self._said:
            return []
        self._said = said
        return [said]
