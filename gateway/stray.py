"""A job that began while nobody had tapped: by policy it is held, cancelled, or waits for a tap."""

from __future__ import annotations

from firmware_bridge.events import JobStarted
from floor.access import Decision, Denied, Granted, MemberStanding, accounts_of
from floor.job_codes import code_of, codes_in
from floor.policy import MachinePolicy, OnUnclaimedJob
from floor.words import DenialReason
from gateway.hands import Hands


class Stray:
    """The stray job of one machine, if there is one. Times are monotonic milliseconds."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._job: JobStarted | None = None
        self._since_ms = 0
        self._held = False

    @property
    def waits(self) -> bool:
        """Whether a job is on hold until somebody taps."""
        return self._held

    def began(self, job: JobStarted, at_ms: int, policy: MachinePolicy, *, ran_before: bool) -> None:
        """Do with a job what the policy says.

        One that `ran_before` anybody looked (the gateway began anew) may have been paid for: it goes on.
        """
        self._job, self._since_ms = job, at_ms
        if policy.on_unclaimed_job is OnUnclaimedJob.CANCEL and not ran_before:
            self._hands.give("cancel", lambda driver: driver.cancel())
        elif policy.on_unclaimed_job is OnUnclaimedJob.HOLD and not ran_before:
            self._held = True
            self._hands.give("hold", lambda driver: driver.hold())

    def ended(self) -> None:
        """Take note that the job is over."""
        self._job, self._held = None, False

    def admit(self, decision: Decision, member: MemberStanding | None) -> Decision:
        """Refuse whoever a job that carries codes is not for: the machine is in use."""
        if self._job is None or not isinstance(decision, Granted) or member is None:
            return decision
        codes = codes_in(self._job.name)
        mine = {code_of(name) for name in (member.number, *(one.id for one in accounts_of(member)))}
        return Denied(DenialReason.IN_USE, member.id) if codes and not codes & mine else decision

    def claim(self, at_ms: int, policy: MachinePolicy) -> bool:
        """End the wait by a session's start; returns whether all of the job belongs to it."""
        job, held = self._job, self._held
        in_time = at_ms - self._since_ms <= policy.claim_s * 1000
        self.ended()
        if held:
            self._hands.give("resume", lambda driver: driver.resume())
        return job is not None and (held or (policy.on_unclaimed_job is OnUnclaimedJob.CLAIM and in_time))
