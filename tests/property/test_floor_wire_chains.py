"""The journal's chain notices any edit, and a roster changed by deltas is what a snapshot would be."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floor.access import BadgeStanding, MemberStanding
from floor.errors import PeerError
from floor.policy import MachinePolicy
from floor.wire.examples import ROSTER, journal
from floor.wire.journal import GENESIS, JournalEntry, chained, entry_hash
from floor.wire.roster import Roster, RosterDelta, RosterMachine, RosterVersion, apply
from floor.words import BadgeKind


def holds(entries: list[JournalEntry], epoch: int = 1) -> bool:
    """Follow a chain as the server does."""
    previous = GENESIS
    for seq, entry in enumerate(entries, 1):
        whole = entry.hash == entry_hash(entry.previous, epoch, entry)
        if (entry.seq, entry.previous) != (seq, previous) or not whole:
            return False
        previous = entry.hash
    return True


def test_a_journal_holds_also_after_a_trip_as_json() -> None:
    entries = journal()
    assert holds(entries)
    assert holds([JournalEntry.model_validate_json(entry.model_dump_json()) for entry in entries])


def test_entries_of_another_epoch_do_not_pass() -> None:
    assert not holds(journal(epoch=2), epoch=1)
    assert holds(journal(epoch=2), epoch=2)


EDITS: dict[str, Any] = {
    "seq": 99,
    "recorded_ms": 1,
    "clock_error_ms": None,
    "monotonic_ms": 1,
    "boot_id": "another",
    "previous": "f" * 64,
    "hash": "f" * 64,
}


def other_than(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, StrEnum):
        return next(word for word in type(value) if word != value)
    if isinstance(value, dict):
        return {name: amount + 1 for name, amount in value.items()}
    if isinstance(value, list):
        return [*value, "x"]
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"


@pytest.mark.parametrize("at", range(len(journal())))
def test_any_edit_of_any_entry_breaks_the_chain(at: int) -> None:
    entries = journal()
    edits: list[dict[str, Any]] = [{name: value} for name, value in EDITS.items()]
    edits += [{"fact": other.fact} for n, other in enumerate(entries) if n != at]
    fact = entries[at].fact
    for name in set(type(fact).model_fields) - {"type"}:
        edits.append({"fact": fact.model_copy(update={name: other_than(getattr(fact, name))})})
    for edit in edits:
        edited = entries[at].model_copy(update=edit)
        assert not holds([*entries[:at], edited, *entries[at + 1 :]]), edit


@given(st.permutations(range(len(journal()))))
def test_entries_hold_in_their_order_only(order: list[int]) -> None:
    entries = journal()
    assert holds([entries[n] for n in order]) == (order == sorted(order))


def test_a_forged_past_needs_every_later_hash() -> None:
    entries = journal()
    forged = chained(1, GENESIS, entries[0].model_copy(update={"recorded_ms": 1}))
    assert holds([forged])
    assert not holds([forged, *entries[1:]])


KEYS = st.sampled_from(["a", "b", "c", "d"])
MEMBERS = st.builds(
    MemberStanding,
    id=KEYS,
    shown=st.sampled_from(["x", "y"]),
    tier=st.just("t"),
    account=KEYS,
    suspended=st.booleans(),
)
BADGES = st.builds(
    BadgeStanding, member=KEYS, kind=st.sampled_from(BadgeKind), lost=st.booleans()
) | st.builds(
    BadgeStanding,
    member=KEYS,
    kind=st.sampled_from([kind for kind in BadgeKind if not kind.weak]),
    lost=st.booleans(),
    key=st.binary(min_size=16, max_size=16).map(bytes.hex),
)
MACHINES = st.builds(
    RosterMachine,
    id=KEYS,
    name=st.sampled_from(["m", "n"]),
    policy=st.just(MachinePolicy()),
    tariffs=st.just([]),
    lockout=st.none() | st.just("broken"),
)
CHANGES = st.tuples(
    st.dictionaries(KEYS, st.none() | MEMBERS),
    st.dictionaries(KEYS, st.none() | BADGES),
    st.lists(MACHINES, max_size=3, unique_by=lambda machine: machine.id),
)


@settings(deadline=None)
@given(st.lists(CHANGES, max_size=8))
def test_deltas_lead_where_a_snapshot_of_the_same_changes_leads(changes: list[tuple[Any, Any, Any]]) -> None:
    roster = ROSTER
    members, badges = dict(ROSTER.members), dict(ROSTER.badges)
    machines = {machine.id: machine for machine in ROSTER.machines}
    for n, (some, other, third) in enumerate(changes, 1):
        version = RosterVersion(1, roster.version.n + 1)
        delta = RosterDelta(
            gateway=ROSTER.gateway,
            base=roster.version,
            version=version,
            issued_ms=n,
            members=some,
            badges=other,
            machines=third,
        )
        before = roster.model_dump_json()
        after = apply(roster, RosterDelta.decode(delta.encode(), 1 << 20))
        assert roster.model_dump_json() == before, "a roster never changes: a decision may be using it"
        roster = after
        members = {key: value for key, value in (members | some).items() if value is not None}
        badges = {key: value for key, value in (badges | other).items() if value is not None}
        machines |= {machine.id: machine for machine in third}
        assert (roster.version, roster.issued_ms) == (version, n)
    assert (roster.members, roster.badges) == (members, badges)
    assert {machine.id: machine for machine in roster.machines} == machines
    assert len(roster.machines) == len(machines)
    assert Roster.decode(roster.encode(), 1 << 20) == roster


def delta(**changes: Any) -> RosterDelta:
    base = {
        "gateway": ROSTER.gateway,
        "base": ROSTER.version,
        "version": RosterVersion(1, 42),
        "issued_ms": 5,
    }
    return RosterDelta(**{**base, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"gateway": "metal-shop"},
        {"base": RosterVersion(1, 40)},
        {"base": RosterVersion(2, 41), "version": RosterVersion(2, 42)},
        {"version": RosterVersion(1, 40)},
        {"version": RosterVersion(0, 99)},
    ],
)
def test_a_delta_for_another_roster_or_back_in_time_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a delta"):
        apply(ROSTER, delta(**changes))


def test_a_delta_of_a_restored_server_goes_on_in_its_new_epoch() -> None:
    assert apply(ROSTER, delta(version=RosterVersion(2, 1))).version == (2, 1)
    assert RosterVersion(2, 1) > RosterVersion(1, 999)


@pytest.mark.parametrize(
    "field",
    [
        {"tier": "full member"},
        {"account": ""},
        {"id": "a b"},
        {"allowed": {"a b": 0}},
        {"spendable_micro": 1 << 62},
    ],
)
def test_a_member_whose_session_could_not_be_recorded_is_refused_with_the_roster(
    field: dict[str, Any],
) -> None:
    good = {"id": "m", "shown": "Ann", "tier": "t", "account": "a"}
    text = ROSTER.model_copy(update={"members": {"m": MemberStanding(**(good | field))}}).encode()
    with pytest.raises(PeerError, match=r"Roster: members\.m: "):
        Roster.decode(text, 1 << 20)
