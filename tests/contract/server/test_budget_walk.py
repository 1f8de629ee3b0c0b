"""Whatever three gateways do alone, in whatever order the server hears of it, no limit is overspent.

Sessions stop at their limit. Gateways confirm late or never, journals and rosters cross; the walk prints its
seed. What is checked is the money that was charged in the end, not the slices.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from booking_api.accounts import service, teams
from booking_api.accounts.service import Charged, charged
from booking_api.accounts.teams import PersonDetails, TeamDetails
from booking_api.clock import make_id
from booking_api.gateways import enrol
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import machine_income, member_account
from booking_api.machines import service as machines
from booking_api.sessions.models import MachineSession, SessionState
from floor.access import AccountStanding, accounts_of
from floor.ledger import Entry, EntryKind, Posting
from gateway.credit import Credit
from tests.kit.rosters import GatewayPeer, badge
from tests.kit.server import NOW_MS, Floor

EUR = 1_000_000
MONTH = "2026-09"
STEPS = 160
WHAT = ("start", "start", "stop", "tell", "tell", "roster", "roster", "lose", "confirm")


@dataclass
class Run:
    id: str
    member: str
    account: str
    limit_micro: int
    price_micro: int = 0
    over: bool = False


@dataclass
class Alone:
    """A gateway: it holds what it gave out, as gateways do, until a roster has come that can know of it."""

    peer: GatewayPeer
    credit: Credit = field(default_factory=Credit)
    running: list[Run] = field(default_factory=list)
    journal: list[Run] = field(default_factory=list)
    missed: bool = False

    def standing(self, member: str, account: str) -> AccountStanding:
        return next(one for one in accounts_of(self.peer.held.members[member]) if one.id == account)

    def left(self, member: str, account: str) -> int:
        left = self.credit.left(self.standing(member, account), self.peer.held.budgets)
        assert left is not None, "every account of the walk has a limit"
        return left


@dataclass
class Walk:
    floor: Floor
    chance: random.Random
    gateways: list[Alone]
    choices: list[tuple[str, str]]
    started: int = 0

    def step(self) -> None:
        gateway = self.chance.choice(self.gateways)
        match self.chance.choice(WHAT):
            case "start":
                self.start(gateway)
            case "stop" if gateway.running:
                self.stop(gateway)
            case "tell":
                self.tell(gateway)
            case "roster":
                self.tell(gateway)  # what the server writes can know of all that the gateway did
                (gateway.peer.hello if gateway.missed else gateway.peer.update)()
                gateway.credit.roster_came(1, 0, all_known=True)
                gateway.missed = False
            case "lose":
                self.tell(gateway)
                gateway.missed = gateway.peer.miss_update() or gateway.missed
            case "confirm":
                gateway.peer.confirm()

    def start(self, gateway: Alone) -> None:
        member, account = self.chance.choice(self.choices)
        left = gateway.left(member, account)
        if left <= 0:
            return
        self.started += 1
        limit = left if self.chance.random() < 0.8 else self.chance.randint(1, left)
        run = Run(make_id(NOW_MS), member, account, limit)
        gateway.credit.hold(run.id, gateway.standing(member, account), (0, limit), (1, 1))
        gateway.running.append(run)
        gateway.journal.append(run)

    def stop(self, gateway: Alone) -> None:
        run = gateway.running.pop(self.chance.randrange(len(gateway.running)))
        run.price_micro = run.limit_micro if self.chance.random() < 0.8 else run.limit_micro // 2
        run.over = True
        gateway.credit.ended(run.id, run.price_micro)
        if run not in gateway.journal:
            gateway.journal.append(run)

    def tell(self, gateway: Alone) -> None:
        for run in gateway.journal:
            apply(self.floor, gateway.peer.name, run)
        gateway.journal = []


def apply(floor: Floor, gateway: str, run: Run) -> None:
    """Have the server learn of a start, or of an end: it prices it, and posts."""
    with floor.db.write() as session:
        row = session.get(MachineSession, run.id) or MachineSession(
            id=run.id,
            gateway=gateway,
            machine="laser-1",
            member=run.member,
            account=run.account,
            tier="member",
            badge="b",
            state=SessionState.OPEN,
            started_ms=NOW_MS,
            limit_micro=run.limit_micro,
        )
        session.add(row)
        session.flush()
        if not run.over:
            service.told(session, service.get(session, run.account), NOW_MS)
            return
        row.state = SessionState.PRICED
        postings = (
            Posting(member_account(run.account), "EUR", run.price_micro),
            Posting(machine_income("laser-1"), "EUR", -run.price_micro),
        )
        if run.price_micro:
            entry = Entry(make_id(NOW_MS), EntryKind.CHARGE, f"session:{run.id}", NOW_MS, NOW_MS, postings)
            ledger.post(session, [entry])
            charged(session, [Charged(run.account, run.member, MONTH, "EUR", run.price_micro)])


def furnish(floor: Floor) -> list[GatewayPeer]:
    badge(floor, floor.ada, b"\1\2\3\4")
    badge(floor, floor.ben, b"\5\6\7\1")
    with floor.db.write() as session:
        service.set_limits(session, floor.ada, {"credit_limit_micro": 30 * EUR}, NOW_MS)
        service.set_limits(session, floor.ben, {"monthly_limit_micro": 20 * EUR}, NOW_MS)
        details = TeamDetails(
            id="bots", name="Robots", monthly_limit_micro=90 * EUR, credit_limit_micro=80 * EUR
        )
        teams.add(session, details, NOW_MS, floor.ada)
        teams.put_person(session, "bots", floor.ben, PersonDetails(monthly_limit_micro=35 * EUR), NOW_MS)
        arm = TeamDetails(id="arm", name="Arm", parent="bots", monthly_limit_micro=50 * EUR)
        teams.add(session, arm, NOW_MS)
        for name in ("gw2", "gw3"):
            enrol.enrol(session, floor.vault, name, NOW_MS)
            session.flush()
            machines.add(session, machines.MachineDetails(id=f"saw-{name}", name="Saw", gateway=name), NOW_MS)
    return [GatewayPeer(floor, name) for name in ("gw", "gw2", "gw3")]


@pytest.mark.parametrize("seed", range(2))
def test_no_limit_is_overspent(floor: Floor, seed: int) -> None:
    chance = random.Random(seed)
    gateways = [Alone(peer) for peer in furnish(floor)]
    for gateway in gateways:
        gateway.peer.hello()
    mine = [(who, account) for who in (floor.ada, floor.ben) for account in (who, "bots", "arm")]
    walk = Walk(floor, chance, gateways, mine)
    for _ in range(STEPS):
        walk.step()
    for gateway in gateways:
        while gateway.running:
            walk.stop(gateway)
        walk.tell(gateway)
    assert walk.started > 8, f"seed {seed} does nothing"
    with floor.db.read() as session:
        sums = service.charged_in(session, [floor.ada, floor.ben, "bots", "arm"], MONTH, "EUR")
        owed = [ledger.balance(session, member_account(one), "EUR") for one in (floor.ada, "bots", "arm")]
    assert owed[0] <= 30 * EUR, f"seed {seed}"
    assert owed[1] + owed[2] <= 80 * EUR, f"seed {seed}"
    assert sums[floor.ben, ""] <= 20 * EUR, f"seed {seed}"
    assert sums["bots", ""] <= 90 * EUR, f"seed {seed}"
    assert sums.get(("arm", ""), 0) <= 50 * EUR, f"seed {seed}"
    assert sums.get(("bots", floor.ben), 0) <= 35 * EUR, f"seed {seed}"
