"""A gateway as the server sees it, for tests of rosters and of what they let members spend."""

from __future__ import annotations

from booking_api.badges import service as badges
from booking_api.gateways import enrol
from booking_api.gateways.office import Office
from booking_api.machines import service as machines
from floor.access import AccountStanding, MemberStanding
from floor.wire.messages import Hello
from floor.wire.roster import Roster, RosterDelta, RosterVersion, apply
from floor.words import BadgeKind
from tests.kit.server import NOW_MS, Floor

UID = bytes.fromhex("04a2b3c4")


class GatewayPeer:
    """A gateway as the server sees it: it holds what it was given, and says so."""

    def __init__(self, floor: Floor, name: str = "gw") -> None:
        self.floor = floor
        self.name = name
        self.office = Office(floor.vault, "EUR")
        self.roster: Roster | None = None
        self.now_ms = NOW_MS

    def hello(self, version: RosterVersion | None = None) -> Roster | RosterDelta:
        held = version or (self.roster.version if self.roster else None)
        hello = Hello(gateway=self.name, boot_id="b", software="1", journal_epoch=1, next_seq=1, roster=held)
        with self.floor.db.write() as session:
            _, given = self.office.greet(session, hello, self.now_ms)
        self.take(given)
        return given

    def update(self) -> Roster | RosterDelta | None:
        with self.floor.db.write() as session:
            given = self.office.update(session, self.name, self.now_ms)
        if given is not None:
            self.take(given)
        return given

    def miss_update(self) -> bool:
        """The server writes a roster that never arrives; whether it did."""
        with self.floor.db.write() as session:
            return self.office.update(session, self.name, self.now_ms) is not None

    def confirm(self) -> None:
        with self.floor.db.write() as session:
            self.office.confirm(session, self.name, self.held.version, self.now_ms)

    @property
    def held(self) -> Roster:
        assert self.roster is not None
        return self.roster

    def spendable(self, member: str) -> int | None:
        return self.held.members[member].spendable_micro

    def standing(self, member: str, account: str) -> MemberStanding | AccountStanding:
        """What the roster says of one of a member's accounts."""
        kept = self.held.members[member]
        return kept if kept.account == account else next(o for o in kept.others if o.id == account)

    def left(self, member: str, account: str) -> int | None:
        """What a member may spend of an account here, before anything is held."""
        standing = self.standing(member, account)
        limits = [self.held.budgets.get(key, 0) for key in standing.budgets]
        limits += [standing.spendable_micro] if standing.spendable_micro is not None else []
        return min(limits) if limits else None

    def take(self, given: Roster | RosterDelta) -> None:
        given = type(given).decode(given.encode(), 4 << 20)
        self.roster = given if isinstance(given, Roster) else apply(self.held, given)


def badge(floor: Floor, member: str, uid: bytes = UID) -> str:
    with floor.db.write() as session:
        return badges.enrol(session, floor.vault, member, uid, BadgeKind.UID_13MHZ, "", NOW_MS).id


def second_gateway(floor: Floor) -> GatewayPeer:
    with floor.db.write() as session:
        enrol.enrol(session, floor.vault, "gw2", NOW_MS)
        session.flush()
        machines.add(session, machines.MachineDetails(id="saw", name="Saw", gateway="gw2"), NOW_MS)
    return GatewayPeer(floor, "gw2")


def settle_down(*peers: GatewayPeer) -> None:
    """Let gateways confirm and hear until nothing changes."""
    for _ in range(8):
        told = [peer.update() for peer in peers]
        for peer in peers:
            peer.confirm()
        if not any(told):
            return
    raise AssertionError("slices never come to rest")
