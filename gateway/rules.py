"""The rules on use without a reservation, as the roster carries them: read once, asked at every tap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo

from floor.errors import ConfigError
from floor.reservation import walk_in
from floor.reservation.model import Policies
from floor.wire.roster import WalkInRules

FILE = "reservations.toml"


@dataclass(frozen=True, slots=True)
class Rules:
    """Versions of the rules with when each begins, in order; `problem` says what could not be read.

    `count`: some limit of theirs counts use, so that what is used here must be remembered.
    """

    versions: tuple[tuple[int, Policies], ...] = ()
    problem: str = ""
    count: bool = False

    def at(self, now_ms: int) -> Policies | None:
        """Return the rules that hold at an instant (UTC milliseconds), None where none do."""
        held = [policies for from_ms, policies in self.versions if from_ms <= now_ms]
        return held[-1] if held else None


NONE = Rules()


def read_rules(told: WalkInRules, zone: tzinfo) -> Rules:
    """Read what a roster carries. A version that a newer server wrote, and that is not understood here, binds
    nobody: the server's word is not less true for it, and `problem` tells staff.

    Blocks are left out: they come as bookings, which say whom they let in.
    """
    if not told.texts:
        return NONE
    from floor.reservation.load import read_policies  # most gateways have no rules to read

    versions, problem = [], ""
    for one in sorted(told.texts, key=lambda text: text.from_ms):
        policies = Policies()
        try:
            policies = replace(read_policies(one.text, FILE, zone, told.kinds), blocks=())
        except ConfigError as error:
            problem = f"The rules on use without a reservation are not understood here: {error}"
        versions.append((one.from_ms, policies))
    machines = told.kinds
    count = any(walk_in.counting(policies, machine) for _, policies in versions for machine in machines)
    return Rules(tuple(versions), problem, count)
