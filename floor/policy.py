"""How one machine behaves: data that the server keeps, the roster carries and floor.session obeys."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

DAY_S = 86_400
RANGES = {
    "max_duration_s": (1, 31 * DAY_S),
    "idle_after_s": (0, DAY_S),
    "idle_warn_s": (0, 3600),
    "run_on_s": (0, 3600),
    "max_roster_age_s": (60, 90 * DAY_S),
    "hold_micro": (0, 1_000_000_000_000),
    "claim_s": (0, 3600),
    "proof_s": (1, 120),
}
"""What each number of a policy may be: seconds, or micro-units of the space's currency."""


class OnLeave(StrEnum):
    """What a tap-out does while a job runs."""

    OPEN = "open"
    HOLD_FOR_JOB = "hold_for_job"


class OnCreditSpent(StrEnum):
    """What happens when a session has used what its lease may spend."""

    FINISH_AND_OWE = "finish_and_owe"
    STOP_WHEN_IDLE = "stop_when_idle"
    STOP_AT_ONCE = "stop_at_once"


class OnUnclaimedJob(StrEnum):
    """What happens to a job that begins while nobody has tapped; it is reported in any case.

    A job on hold, or one that began at most `claim_s` before, becomes that of whoever taps next.
    """

    REPORT = "report"
    HOLD = "hold"
    CANCEL = "cancel"
    CLAIM = "claim"


class OnOops(StrEnum):
    """What happens when somebody presses "oops"; it is reported in any case."""

    LOCK_OUT = "lock_out"
    REPORT = "report"


class OnProofLost(StrEnum):
    """What happens when extraction or cooling is proven no more while a session runs; staff are told.

    A hazardous machine is locked out whatever stands here.
    """

    LOCK_OUT = "lock_out"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class MachinePolicy:
    """The policy of one machine; times in whole seconds, 0 meaning "never" where a field says so.

    `hold_micro` is how much of an account's credit a session holds at a time; 0 holds all that there is.
    Raises ValueError that names the field and its range when a value cannot be meant.
    """

    on_leave: OnLeave = OnLeave.OPEN
    card_must_stay: bool = False
    takeover: bool = False
    max_duration_s: int = 8 * 3600
    idle_after_s: int = 0
    idle_warn_s: int = 60
    run_on_s: int = 0
    on_credit_spent: OnCreditSpent = OnCreditSpent.FINISH_AND_OWE
    needs_machine_reachable: bool = False
    accepts_weak_badges: bool = True
    hazardous: bool = False
    max_roster_age_s: int = 7 * DAY_S
    hold_micro: int = 0
    on_unclaimed_job: OnUnclaimedJob = OnUnclaimedJob.REPORT
    claim_s: int = 60
    on_oops: OnOops = OnOops.LOCK_OUT
    needs_supervisor: bool = False
    break_glass: bool = True
    proof_s: int = 15
    on_proof_lost: OnProofLost = OnProofLost.LOCK_OUT

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                unit = "seconds" if name.endswith("_s") else "micro-units"
                raise ValueError(f"{name} is {value}, but must be from {low} to {high} {unit}")


POLICY_KEYS = tuple(field.name for field in fields(MachinePolicy))
