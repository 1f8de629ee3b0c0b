"""Whatever two gateways grant, raise and choose while they are alone: no account is spent beyond its limit.

The gateway's own credit and rules, beside the server's rule for slices (booking_api.gateways.credit) in a few
lines. Rosters come late, after acknowledgements that were given after they were written, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from floor.access import AccountStanding, Lease, choose, raise_hold
from floor.policy import MachinePolicy
from gateway.credit import Credit

LIMITS = {"ada": 100, "team": 70}


@dataclass
class Server:
    """What the server has applied, and what each gateway may still believe."""

    applied: list[int] = field(default_factory=lambda: [0, 0])
    sessions: dict[str, tuple[str, int, int | None]] = field(default_factory=dict)
    issued: list[dict[str, int]] = field(default_factory=lambda: [dict.fromkeys(LIMITS, 0) for _ in "ab"])
    believed: list[dict[str, int]] = field(default_factory=lambda: [dict.fromkeys(LIMITS, 0) for _ in "ab"])

    def slices(self, here: int) -> dict[str, int]:
        for account, limit in LIMITS.items():
            mine = [(most, price) for one, most, price in self.sessions.values() if one == account]
            available = limit - sum(most if price is None else price for most, price in mine)
            slice_ = max(0, min(available // 2, available - self.believed[1 - here][account]))
            self.issued[here][account] = slice_
            self.believed[here][account] = max(self.believed[here][account], slice_)
        return dict(self.issued[here])


@dataclass
class Pi:
    """A gateway: its journal, its roster's slices, its credit and the sessions that run."""

    name: str
    credit: Credit = field(default_factory=Credit)
    slices: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LIMITS, 0))
    journal: list[tuple[str, str, int, int | None]] = field(default_factory=list)
    coming: list[tuple[dict[str, int], int]] = field(default_factory=list)
    running: dict[str, Lease] = field(default_factory=dict)
    spent: list[tuple[str, int]] = field(default_factory=list)

    def standing(self, account: str) -> AccountStanding:
        return AccountStanding(account, account, self.slices[account])

    def left(self, account: str) -> int:
        left = self.credit.left(self.standing(account), {})
        assert left is not None
        return left

    def hold(self, lease: Lease, low: int) -> None:
        part = (low, lease.limit_micro or 0)
        self.credit.hold(lease.session_id, self.standing(lease.account), part, (1, len(self.journal) + 1))
        self.running[lease.session_id] = lease
        self.journal.append((lease.session_id, lease.account, part[1], None))

    def begin(self, account: str, hold: int) -> None:
        left = self.left(account)
        if left > 0:
            id = f"{self.name}{len(self.journal)}"
            limit = min(left, hold) if hold else left
            self.hold(Lease(id, "m", "ada", account, "b", "t", "Ada", 0, 60, limit), 0)

    def grow(self, lease: Lease, hold: int) -> None:
        price, policy = lease.limit_micro or 0, MachinePolicy(hold_micro=hold)
        if more := raise_hold(lease, self.left(lease.account), price - 1 if hold else price, policy):
            self.hold(more, lease.limit_micro or 0)

    def choose(self, lease: Lease, account: str, used: int, hold: int) -> None:
        if account != lease.account:
            wanted = replace(self.standing(account), spendable_micro=self.left(account))
            price = used * (lease.limit_micro or 0) // 9
            if chosen := choose(lease, wanted, price, MachinePolicy(hold_micro=hold)):
                self.credit.release(lease.session_id)
                self.hold(chosen, 0)

    def end(self, lease: Lease, used: int) -> None:
        price = used * (lease.limit_micro or 0) // 9
        self.credit.ended(lease.session_id, price)
        self.journal.append((lease.session_id, lease.account, lease.limit_micro or 0, price))
        del self.running[lease.session_id]
        self.spent.append((lease.account, price))


ACTIONS = st.tuples(
    st.sampled_from(
        ["begin", "begin", "grow", "grow", "choose", "end", "deliver", "write", "roster", "lost", "confirm"]
    ),
    st.integers(0, 1),
    st.sampled_from(sorted(LIMITS)),
    st.integers(0, 9),
    st.sampled_from([0, 10, 10, 40]),
)


def act(server: Server, pis: list[Pi], action: tuple[str, int, str, int, int]) -> None:
    what, here, account, number, hold = action
    pi = pis[here]
    lease = pi.running.get(sorted(pi.running)[number % len(pi.running)]) if pi.running else None
    match what:
        case "begin":
            pi.begin(account, hold)
        case "grow" if lease:
            pi.grow(lease, hold)
        case "choose" if lease:
            pi.choose(lease, account, number, hold)
        case "end" if lease:
            pi.end(lease, number)
        case "deliver":
            until = min(len(pi.journal), server.applied[here] + number)
            for id, payer, limit, price in pi.journal[server.applied[here] : until]:
                server.sessions[id] = (payer, limit, price)
            server.applied[here] = until
        case "lost":
            server.slices(here)
        case "write":
            pi.coming.append((server.slices(here), server.applied[here]))
        case "roster" if pi.coming:
            pi.slices, known = pi.coming.pop(0)
            pi.credit.roster_came(1, known, all_known=known == len(pi.journal))
        case "confirm" if not pi.coming and server.applied[here] == len(pi.journal):
            if pi.slices == server.issued[here]:
                server.believed[here] = dict(server.issued[here])


@settings(max_examples=250, deadline=None)
@given(st.lists(ACTIONS, min_size=12, max_size=60))
def test_what_gateways_spend_and_hold_never_passes_the_limit(
    actions: list[tuple[str, int, str, int, int]],
) -> None:
    server, pis = Server(), [Pi("a"), Pi("b")]
    first = [(what, here, "ada", 0, 0) for here in (0, 1) for what in ("write", "roster")]
    for action in [*first, *actions]:
        act(server, pis, action)
        for account, limit in LIMITS.items():
            ended = sum(price for pi in pis for payer, price in pi.spent if payer == account)
            runs = [lease for pi in pis for lease in pi.running.values() if lease.account == account]
            assert ended + sum(lease.limit_micro or 0 for lease in runs) <= limit, (account, action)
