"""What an account's slice still allows here, between the server's word and what it does not know yet.

The server subtracts what a session holds from the next slice as soon as it has applied the entry that says
so: the start, a choice of account, a hold that grew. Until a roster has come that can know of it, the gateway
holds the amount itself, and after the end the price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from floor.access import AccountStanding


@dataclass(slots=True, eq=False)
class _Hold:
    """A part of what a session holds: from `from_micro` of its price on, told in entry `seq` of `epoch`."""

    keys: tuple[str, ...]
    from_micro: int
    amount_micro: int
    epoch: int
    seq: int


class Credit:
    """Holds of sessions that began here, by session; only where spending is limited.

    Each counts against the account's own slice, and against the budgets that several share.
    """

    def __init__(self) -> None:
        self._holds: dict[str, list[_Hold]] = {}
        self._held: dict[str, int] = {}

    def hold(
        self,
        session_id: str,
        account: AccountStanding,
        part: tuple[int, int],
        at: tuple[int, int],
    ) -> None:
        """Hold a part of a session's limit: what it may cost from one amount up to another (micro-units).

        With another account than before, `release` what was held of that one first. `at` is the place in the
        journal (epoch, number) of the entry that tells the server.
        """
        low, high = part
        hold = _Hold((_own(account.id), *account.budgets), low, 0, *at)
        self._holds.setdefault(session_id, []).append(hold)
        self._resize(hold, high - low)

    def release(self, session_id: str) -> None:
        """Hold nothing more: the session is charged to another account."""
        for hold in self._holds.pop(session_id, ()):
            self._resize(hold, 0)

    def ended(self, session_id: str, price_micro: int) -> None:
        """Hold the price instead of the limit; what it passes the limit by goes to the last part."""
        holds = self._holds.get(session_id, [])
        for hold in holds:
            above = max(0, price_micro - hold.from_micro)
            self._resize(hold, above if hold is holds[-1] else min(above, hold.amount_micro))

    def roster_came(self, epoch: int, seq: int, *, all_known: bool) -> None:
        """Let go of what the roster counts: all of `epoch` up to the entry `seq`, or of the whole journal."""
        for session_id, holds in list(self._holds.items()):
            known = [one for one in holds if all_known or (one.epoch == epoch and one.seq <= seq)]
            for hold in known:
                self._resize(hold, 0)
                holds.remove(hold)
            if not holds:
                del self._holds[session_id]

    def left(self, account: AccountStanding, budgets: Mapping[str, int]) -> int | None:
        """Return what may still be spent here of an account, None for no limit.

        A budget that the account shares and that the roster does not have is spent.
        """
        limits = [budgets.get(key, 0) - self._held.get(key, 0) for key in account.budgets]
        if account.spendable_micro is not None:
            limits.append(account.spendable_micro - self._held.get(_own(account.id), 0))
        return min(limits, default=None)

    def _resize(self, hold: _Hold, amount_micro: int) -> None:
        """Keep the sums by key, so that no tap waits for what was held before."""
        for key in hold.keys:
            held = self._held.pop(key, 0) + amount_micro - hold.amount_micro
            if held:
                self._held[key] = held
        hold.amount_micro = amount_micro


def _own(account: str) -> str:
    """Name an account's own slice, whoever spends it; no budget's key has a space."""
    return f"account {account}"
