"""What a member's slice still allows here, between the server's word and what it does not know yet.

The server subtracts a session's whole limit from the next slice as soon as it has applied its start. Until a
roster has come that can know of a start, the gateway holds the limit itself, and after the end the price.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from floor.access import MemberStanding
from floor.wire.journal import JournalEntry, SessionStarted


@dataclass(frozen=True, slots=True)
class _Hold:
    member: str
    amount_micro: int
    epoch: int
    seq: int


class Credit:
    """Holds of sessions that began here, by session; only of members whose spending is limited."""

    def __init__(self) -> None:
        self._holds: dict[str, _Hold] = {}

    def recall(self, epoch: int, unacknowledged: Iterable[JournalEntry]) -> None:
        """Hold again, after a restart, the limits of starts that the server has not acknowledged."""
        for entry in unacknowledged:
            if isinstance(entry.fact, SessionStarted):
                self.began(entry.fact, epoch, entry.seq)

    def began(self, started: SessionStarted, epoch: int, seq: int) -> None:
        """Hold a session's whole limit; `seq` is its start's place in the journal."""
        if started.limit_micro is not None:
            self._holds[started.session_id] = _Hold(started.member, started.limit_micro, epoch, seq)

    def ended(self, session_id: str, price_micro: int) -> None:
        """Hold the price instead of the limit."""
        if hold := self._holds.get(session_id):
            self._holds[session_id] = replace(hold, amount_micro=max(0, price_micro))

    def roster_came(self, epoch: int, acknowledged: int, *, all_known: bool) -> None:
        """Let go of what the server knew when it wrote the roster; `all_known`: it has all of the journal."""
        self._holds = {
            session_id: hold
            for session_id, hold in self._holds.items()
            if not all_known and (hold.epoch != epoch or hold.seq > acknowledged)
        }

    def left(self, member: MemberStanding, *, costs: bool = True) -> MemberStanding:
        """Return the member with what is left to spend here; what `costs` nothing takes no credit."""
        if member.spendable_micro is None:
            return member
        if not costs:
            return replace(member, spendable_micro=None)
        held = sum(hold.amount_micro for hold in self._holds.values() if hold.member == member.id)
        return replace(member, spendable_micro=member.spendable_micro - held) if held else member
