"""What is asked of Prometheus about the time of machines, in its own language."""

from __future__ import annotations

import re


def spent(by: str, window: str, positive: bool = False) -> str:
    """Ask for seconds by state (those above 0 only, where most are 0) and, without one, for observed ones."""
    some = " > 0" if positive else ""
    return (
        f"(sum by ({by}) (increase(makerfloor_station_state_seconds_total{window})){some})"
        f" or sum by ({by}) (increase(makerfloor_station_observed_seconds_total{window}))"
    )


def busy(window: str) -> str:
    """Ask for busy seconds, and without a state for observed ones."""
    return (
        f'sum by (machine, state) (increase(makerfloor_station_state_seconds_total{{state="busy"}}{window}))'
        f" or sum by (machine) (increase(makerfloor_station_observed_seconds_total{window}))"
    )


def exactly(machine: str) -> str:
    """Return a pattern of RE2 that fits this text only."""
    return re.sub(r"[^\w-]", lambda found: f"\\x{{{ord(found[0]):x}}}", machine)


def quoted(text: str) -> str:
    """Return a text as a string of PromQL."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
