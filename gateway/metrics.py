"""What Prometheus reads from a gateway. Seconds are floor seconds; no label names a member or a badge."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest

from floor.words import DenialReason, StopType

STATES = ("busy", "powered_idle", "reserved_unused", "locked_out", "offline", "free")
# A second series for each would say when it began, which nothing here asks.
disable_created_metrics()  # type: ignore[no-untyped-call] # prometheus_client has no type here
BUCKETS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is counted of one machine each second, looked up once; `states` by their names."""

    observed: Counter
    states: Mapping[str, Counter]
    powered_without_session: Counter
    reachable: Gauge
    mismatch: Gauge
    roster_ages: Gauge


class Metrics:
    """The gateway's metrics in a registry of their own."""

    def __init__(self, software: str) -> None:
        self.registry = CollectorRegistry()
        machine = ("machine",)
        self.observed = self._counter(
            "station_observed_seconds", "Seconds for which a station was watched", machine
        )
        self.states = self._counter(
            "station_state_seconds",
            f"Seconds in each state: {', '.join(STATES)}",
            ("machine", "state"),
        )
        self.powered_without_session = self._counter(
            "station_powered_without_session_seconds",
            "Seconds powered although nobody's session ran",
            machine,
        )
        self.taps = self._counter("taps", "Taps by what came of them", ("machine", "outcome"))
        self.tap_to_relay = self._histogram(
            "tap_to_relay_seconds", "From a granted tap to the relay's command"
        )
        self.sessions = self._counter("sessions", "Sessions ended, by stop type", ("machine", "stop_type"))
        self.metered = self._counter(
            "metered", "What sessions used, in the base unit of the quantity", ("machine", "quantity")
        )
        self.journal_lag = self._gauge("journal_lag_entries", "Entries that the server has not acknowledged")
        self.journal_append = self._histogram("journal_append_seconds", "Durable journal transactions")
        self.journal_degraded = self._gauge("journal_degraded", "1 while taps do not wait for the disk")
        self.roster_age = self._gauge("roster_age_seconds", "Since the server last vouched for the roster")
        self.roster_ages = self._gauge(
            "roster_ages", "1 from a day (or half the time) before the roster is too old", machine
        )
        self.roster_refused = self._counter("roster_refused", "Rosters refused, by reason", ("reason",))
        self.broker_connected = self._gauge("broker_connected", "1 while connected to the broker")
        self.alarms = self._counter("alarms", "Alarms raised", ("machine", "code"))
        self.peer_errors = self._counter("peer_errors", "Malformed data from outside", ("source",))
        self.reachable = self._gauge("machine_reachable", "1 while the machine answers", machine)
        self.mismatch = self._gauge("relay_mismatch", "1 while a relay's feedback contradicts it", machine)
        self.disk_free = self._gauge("disk_free_ratio", "What is free of the disk that has the journal")
        self.clock_known = self._gauge("clock_known", "1 while the gateway trusts its clock")
        self.clock_error = self._gauge("clock_error_seconds", "By how much the clock may be wrong")
        self._gauge("gateway_info", "The gateway's software", ("software",)).labels(software).set(1)

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(f"makerfloor_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"makerfloor_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(f"makerfloor_{name}", text, buckets=BUCKETS_S, registry=self.registry)

    def begin(self, machine: str) -> None:
        """Show what may be counted of a machine at 0, so that its first event is seen as an increase."""
        self.observed.labels(machine)
        self.powered_without_session.labels(machine)
        for state in STATES:
            self.states.labels(machine, state)
        for outcome in ("granted", *DenialReason):
            self.taps.labels(machine, outcome)
        for stop_type in StopType:
            self.sessions.labels(machine, stop_type)

    def watched(self, machine: str) -> Watched:
        """Return what is counted of a machine each second; its gauges are shown from now on."""
        return Watched(
            self.observed.labels(machine),
            {state: self.states.labels(machine, state) for state in STATES},
            self.powered_without_session.labels(machine),
            self.reachable.labels(machine),
            self.mismatch.labels(machine),
            self.roster_ages.labels(machine),
        )

    def exposition(self) -> bytes:
        """Return all metrics as text; takes milliseconds, so call it off the event loop."""
        return generate_latest(self.registry)


def free_ratio(folder: Path) -> float:
    """Return what is free of the disk that a folder lies on, 0 to 1."""
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total
