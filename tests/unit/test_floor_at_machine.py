"""What a reservation means at the machine: who is let in, what is released, what a session begins."""

from __future__ import annotations

from floor.access import MemberStanding
from floor.reservation.at_machine import NOTHING, begins, holds, look
from floor.wire.roster import Booking, OnReserved

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000
ANN, BOB = MemberStanding("ann", "Ann", "t", "ann"), MemberStanding("bob", "Bob", "t", "bob")
IVY = MemberStanding("ivy", "Ivy", "t", "ivy", supervisor=True)
TEC = MemberStanding("tec", "Tec", "t", "tec", technician=True)
MINE = Booking(id="r1", begins_ms=NOW_MS, ends_ms=NOW_MS + 60 * MINUTE_MS, member="ann", shown="Ann")
LATER = Booking(id="r2", begins_ms=MINE.ends_ms, ends_ms=MINE.ends_ms + MINUTE_MS, member="bob")
CLASS = Booking(id="c1", begins_ms=NOW_MS, ends_ms=NOW_MS + 60 * MINUTE_MS, guests=["bob"], opens=True)
RELEASED_MS = NOW_MS + 15 * MINUTE_MS


def test_who_is_let_in_and_who_is_refused() -> None:
    def said(at_ms: int, who: MemberStanding | None, *bookings: Booking) -> tuple[str, str, str, bool]:
        seen = look(bookings, who, at_ms, ())
        named = [one.id if one else "" for one in (seen.mine, seen.other, seen.coming)]
        return (*named, seen.refuses)  # type: ignore[return-value]

    both = (MINE, LATER)
    assert said(NOW_MS - 1, ANN, *both) == ("", "", "r2", False)
    assert said(NOW_MS - 1, BOB, *both) == ("", "", "r1", False)
    assert said(NOW_MS, ANN, *both) == ("r1", "", "r2", False)
    assert said(NOW_MS, BOB, *both) == ("", "r1", "", True)
    assert said(NOW_MS, None, *both) == ("", "r1", "r2", True)
    assert said(NOW_MS, IVY, *both) == said(NOW_MS, TEC, *both) == ("", "r1", "r2", True)
    assert said(MINE.ends_ms, ANN, *both) == ("", "r2", "", True)
    assert said(LATER.ends_ms, ANN, *both) == ("", "", "", False)
    warns = MINE.model_copy(update={"on_others": OnReserved.WARN})
    assert said(NOW_MS, BOB, warns) == ("", "r1", "", False)
    with_guest = MINE.model_copy(update={"guests": ["bob"]})
    assert said(NOW_MS, BOB, with_guest) == ("r1", "", "", False)
    for who, mine in ((ANN, False), (BOB, True), (IVY, True), (TEC, True)):
        assert said(NOW_MS, who, CLASS) == (("c1", "", "", False) if mine else ("", "c1", "", True)), who
    taken = LATER.model_copy(update={"begins_ms": NOW_MS, "id": "r0"})
    assert said(NOW_MS, ANN, taken, MINE) == ("r1", "", "", False), "who holds one too is let in"
    assert look((), ANN, NOW_MS, ()) == NOTHING


def test_a_no_show_holds_no_more() -> None:
    released = MINE.model_copy(update={"released_ms": RELEASED_MS})
    assert holds(released, RELEASED_MS - 1, ())
    assert not holds(released, RELEASED_MS, ())
    assert holds(released, RELEASED_MS, {"r1"}), "begun here, as this gateway knows by itself"
    assert holds(released.model_copy(update={"begun": True}), RELEASED_MS, ())
    assert not holds(released.model_copy(update={"begun": True}), MINE.ends_ms, {"r1"})
    assert look([released], BOB, RELEASED_MS, ()).other is None


def test_what_a_session_begins() -> None:
    released = MINE.model_copy(update={"released_ms": RELEASED_MS})
    assert begins([released], ANN, NOW_MS, NOW_MS) == {"r1"}
    assert begins([released], ANN, NOW_MS - MINUTE_MS, NOW_MS - 1) == set()
    assert begins([released], ANN, NOW_MS - MINUTE_MS, RELEASED_MS + 1) == {"r1"}
    assert begins([released], ANN, RELEASED_MS, RELEASED_MS + 1) == set(), "it was released before they came"
    assert begins([released], BOB, NOW_MS, NOW_MS) == set()
    assert begins([MINE, LATER], ANN, MINE.ends_ms, MINE.ends_ms) == set()
