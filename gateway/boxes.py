"""A box in the field at a station: what it asks is answered, and what it is not fit for is refused."""

from __future__ import annotations

from collections.abc import Callable

from floor.access import Lease
from floor.policy import MachinePolicy
from floor.session_states import Running, State
from gateway.clock import SystemClock
from gateway.config import GatewayConfig
from gateway.roster import RosterStore
from hardware.events import BadgeAsked, BadgeTapped
from hardware.nodes.node import Node
from hardware.nodes.question import Verdict

UNFIT = "keeps power on without this gateway (it is not fail-safe): not for a hazardous machine"


class Box:
    """What the station must know of its box; without one everything is as if this were not here."""

    def __init__(self, node: Node | None, alarm: Callable[[str, str], None]) -> None:
        self._node = node
        self._alarm = alarm
        self._told = False

    def fit(self, policy: MachinePolicy) -> bool:
        """Whether the machine may have its power by this box."""
        return self._node is None or self._node.fail_safe or not policy.hazardous

    def look(self, policy: MachinePolicy) -> None:
        """Tell staff of a box at the wrong machine; once, until it is mended."""
        fit, told = self.fit(policy), self._told
        self._told = not fit
        if self._node is not None and not fit and not told:
            self._alarm("box_not_fail_safe", f"The box {self._node.name} {UNFIT}")


def late(tap: BadgeTapped) -> bool:
    """Whether the box that asked has had its answer already: nobody waits for this tap."""
    return isinstance(tap, BadgeAsked) and not tap.question.open


def answer(tap: BadgeTapped, reference: str, state: State) -> None:
    """Tell a box that asked whether this badge has a session now."""
    if not isinstance(tap, BadgeAsked):
        return
    if isinstance(state, Running) and state.lease.badge == reference:
        tap.question.answer(_yes(state.lease))
    else:
        tap.question.answer(Verdict(granted=False))


def _yes(lease: Lease) -> Verdict:
    return Verdict(granted=True, shown=lease.shown, max_duration_s=lease.max_duration_s)


def hazardous(config: GatewayConfig) -> set[str]:
    """Return the machines that are hazardous by the roster on disk; none where there is no roster yet."""
    return {name for name, policy in _policies(config).items() if policy.hazardous}


def may_keep(config: GatewayConfig) -> set[str]:
    """Return the machines whose relay is left on when the gateway ends: known to be not hazardous."""
    wanted = {station.machine for station in config.stations if station.keeps}
    policies = _policies(config) if wanted else {}
    return {name for name in wanted if name in policies and not policies[name].hazardous}


def _policies(config: GatewayConfig) -> dict[str, MachinePolicy]:
    path = config.data / "roster.jsonl"
    roster = RosterStore(path, config.name, config.badge_key, config.server_key, SystemClock())
    roster.load()
    return {name: machine.entry.policy for name, machine in roster.machines.items()}
