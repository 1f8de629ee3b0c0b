"""The books balance, a correction undoes exactly, and no edit of a sealed entry goes unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from floor.ledger import GENESIS, Entry, EntryKind, Posting, Sealed, breaks, imbalance, reversal, seal

ACCOUNTS = ["assets:member:a", "assets:member:b", "assets:cash", "income:laser", "income:rounding"]
COMMODITIES = ["EUR", "laser-minutes"]
AMOUNTS = st.integers(-(1 << 62), 1 << 62)
KINDS = [kind for kind in EntryKind if kind is not EntryKind.REVERSAL]


@st.composite
def postings(draw: st.DrawFn) -> tuple[Posting, ...]:
    """Postings that balance in each of one or two commodities."""
    made: list[Posting] = []
    for commodity in draw(st.lists(st.sampled_from(COMMODITIES), min_size=1, max_size=2, unique=True)):
        parts = draw(st.lists(st.tuples(st.sampled_from(ACCOUNTS), AMOUNTS), min_size=1, max_size=4))
        made += [Posting(account, commodity, amount) for account, amount in parts]
        made.append(Posting(draw(st.sampled_from(ACCOUNTS)), commodity, -sum(amount for _, amount in parts)))
    return tuple(made)


def charge(n: int, posted: tuple[Posting, ...]) -> Entry:
    return Entry(f"e{n}", EntryKind.CHARGE, f"session:{n}", n, n + 1, posted, memo="Ann", detail="{}")


def chain(books: list[tuple[Posting, ...]]) -> list[Sealed]:
    sealed: list[Sealed] = []
    for n, posted in enumerate(books, 1):
        sealed.append(seal(sealed[-1].hash if sealed else GENESIS, n, charge(n, posted)))
    return sealed


CHAINS = st.lists(postings(), min_size=1, max_size=6).map(chain)


@given(postings(), st.integers(0, 7), st.integers(1, 1 << 62))
def test_an_entry_that_does_not_balance_is_not_made(posted: tuple[Posting, ...], at: int, off: int) -> None:
    at %= len(posted)
    bad = replace(posted[at], amount_micro=posted[at].amount_micro + off)
    with pytest.raises(ValueError, match="does not balance"):
        charge(1, (*posted[:at], bad, *posted[at + 1 :]))
    assert imbalance([*posted[:at], bad, *posted[at + 1 :]]) == {bad.commodity: off}


@pytest.mark.parametrize("posted", [(), (Posting("assets:cash", "EUR", 0),)])
def test_an_entry_has_two_sides(posted: tuple[Posting, ...]) -> None:
    with pytest.raises(ValueError, match="at least two"):
        charge(1, posted)


def test_commodities_do_not_balance_each_other() -> None:
    with pytest.raises(ValueError, match="does not balance"):
        charge(1, (Posting("a", "EUR", 5), Posting("b", "coins", -5)))


@given(postings())
def test_a_reversal_nets_every_account_to_zero_and_says_why(posted: tuple[Posting, ...]) -> None:
    entry = charge(1, posted)
    undone = reversal(entry, id="r", posted_ms=9, author="ops", reason="sensor was wrong")
    sums: dict[tuple[str, str], int] = {}
    for posting in (*entry.postings, *undone.postings):
        key = (posting.account, posting.commodity)
        sums[key] = sums.get(key, 0) + posting.amount_micro
    assert not any(sums.values())
    assert (undone.kind, undone.reverses, undone.source) == (EntryKind.REVERSAL, "e1", "reversal:e1")
    assert (undone.author, undone.memo, undone.occurred_ms) == ("ops", "sensor was wrong", 1)
    with pytest.raises(ValueError, match="not reversed"):
        reversal(undone, id="r2", posted_ms=9, author="ops", reason="again")
    with pytest.raises(ValueError, match="reason"):
        reversal(entry, id="r", posted_ms=9, author="ops", reason=" ")


ENTRY_EDITS = ["id", "source", "author", "detail", "occurred_ms", "posted_ms", "reverses", "kind"]


@st.composite
def edited(draw: st.DrawFn) -> tuple[list[Sealed], list[Sealed], int]:
    """A chain, the same chain with one field of one entry edited, and where."""
    books = draw(CHAINS)
    at = draw(st.integers(0, len(books) - 1))
    one = books[at]
    field = draw(st.sampled_from([*ENTRY_EDITS, "postings", "account", "hash", "previous", "seq"]))
    if field in ("hash", "previous"):
        forged = draw(st.text("0123456789abcdef", min_size=64, max_size=64))
        changed = replace(one, **{field: forged})
    elif field == "seq":
        changed = replace(one, seq=one.seq + draw(st.integers(1, 9)))
    else:
        changed = replace(one, entry=_edit(draw, one.entry, field))
    assume(changed != one)
    return books, [*books[:at], changed, *books[at + 1 :]], at


def _edit(draw: st.DrawFn, entry: Entry, field: str) -> Entry:
    if field == "postings":
        return replace(entry, postings=draw(postings()))
    if field == "account":
        first = replace(entry.postings[0], account=draw(st.sampled_from(ACCOUNTS)))
        return replace(entry, postings=(first, *entry.postings[1:]))
    values: dict[str, st.SearchStrategy[object]] = {
        "kind": st.sampled_from(EntryKind),
        "occurred_ms": st.integers(0, 99),
        "posted_ms": st.integers(0, 99),
    }
    return replace(entry, **{field: draw(values.get(field, st.text(max_size=4)))})


@given(edited())
def test_an_edit_of_any_field_breaks_the_chain_at_its_place(
    case: tuple[list[Sealed], list[Sealed], int],
) -> None:
    books, tampered, at = case
    assert list(breaks(books)) == []
    found = list(breaks(tampered))
    assert found
    assert found[0].seq in (at + 1, at + 2)


@given(CHAINS, st.data())
def test_an_entry_that_is_taken_out_moved_or_doubled_is_missed(
    books: list[Sealed], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(books) - 1))
    assert list(breaks([*books[: at + 1], *books[at:]])), "doubled"
    if at < len(books) - 1:
        assert list(breaks(books[:at] + books[at + 1 :])), "taken out"
        assert list(breaks([*books[:at], books[at + 1], books[at], *books[at + 2 :]])), "moved"


@given(CHAINS, st.text(max_size=9))
def test_a_name_may_be_erased_from_a_memo_and_the_chain_still_holds(books: list[Sealed], memo: str) -> None:
    erased = [replace(one, entry=replace(one.entry, memo=memo)) for one in books]
    assert list(breaks(erased)) == []


def test_the_reason_of_a_reversal_may_be_erased_and_not_changed() -> None:
    entry = Entry(
        "e1", EntryKind.CHARGE, "session:1", 1, 2, (Posting("a", "EUR", 5), Posting("b", "EUR", -5))
    )
    undone = reversal(entry, id="r", posted_ms=9, author="ops", reason="sensor was wrong")
    first = seal(GENESIS, 1, entry)
    second = seal(first.hash, 2, undone)
    erased, changed = (replace(second, entry=replace(undone, memo=memo)) for memo in ("", "it was right"))
    assert list(breaks([first, second])) == []
    assert list(breaks([first, erased])) == []
    assert [one.problem for one in breaks([first, changed])] == ["its reason is not what was sealed"]
    again = reversal(entry, id="r2", posted_ms=9, author="ops", reason="sensor was wrong")
    assert undone.detail != again.detail


class Book(RuleBasedStateMachine):
    """Random charges, payments and reversals: the book sums to 0 and holds, whatever was posted."""

    def __init__(self) -> None:
        super().__init__()
        self.book: list[Sealed] = []
        self.balances: dict[tuple[str, str], int] = {}

    def post(self, entry: Entry) -> None:
        previous = self.book[-1].hash if self.book else GENESIS
        self.book.append(seal(previous, len(self.book) + 1, entry))
        for one in entry.postings:
            key = (one.account, one.commodity)
            self.balances[key] = self.balances.get(key, 0) + one.amount_micro

    @rule(posted=postings(), kind=st.sampled_from(KINDS))
    def charge(self, posted: tuple[Posting, ...], kind: EntryKind) -> None:
        n = len(self.book) + 1
        self.post(Entry(f"e{n}", kind, f"{kind}:{n}", n, n, posted))

    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        gone = {one.entry.reverses for one in self.book}
        left = [
            e.entry for e in self.book if e.entry.kind is not EntryKind.REVERSAL and e.entry.id not in gone
        ]
        if left:
            entry = data.draw(st.sampled_from(left))
            n = len(self.book) + 1
            self.post(reversal(entry, id=f"e{n}", posted_ms=n, author="ops", reason="wrong"))

    @rule()
    def reverse_all(self) -> None:
        gone = {one.entry.reverses for one in self.book}
        for one in list(self.book):
            if one.entry.kind is not EntryKind.REVERSAL and one.entry.id not in gone:
                n = len(self.book) + 1
                self.post(reversal(one.entry, id=f"e{n}", posted_ms=n, author="ops", reason="all"))
        assert not any(self.balances.values())

    @invariant()
    def sums_to_zero(self) -> None:
        for commodity in COMMODITIES:
            assert sum(amount for (_, c), amount in self.balances.items() if c == commodity) == 0

    @invariant()
    def holds(self) -> None:
        assert list(breaks(self.book)) == []
        assert len({one.entry.source for one in self.book}) == len(self.book)


Book.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestBook = Book.TestCase
