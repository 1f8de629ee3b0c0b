"""In whatever order charges, reversals, deliveries and settlements come, two sites agree to the cent."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from booking_api.clock import make_id
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account, site_payable, site_receivable, site_settled
from booking_api.ledger.models import LedgerEntry
from booking_api.sites import inbox, outbox, settlement
from booking_api.sites.courier import Open
from booking_api.sites.inbox import Terms, convert
from booking_api.sites.models import SiteCharge, Visitor
from booking_api.sites.visitors import find
from floor.ledger import Entry, EntryKind, Posting
from floor.money import Commodity
from tests.kit.sites import Two, two_sites

MONTH = "2026-09"
STEPS = st.one_of(
    st.tuples(st.just("charge"), st.booleans(), st.integers(1, 5_000_000_00)),
    st.tuples(st.just("undo"), st.booleans(), st.integers(0, 9)),
    st.tuples(st.just("sweep"), st.booleans(), st.just(0)),
    st.tuples(st.just("deliver"), st.booleans(), st.integers(0, 9)),
    st.tuples(st.just("look"), st.booleans(), st.just(0)),
    st.tuples(st.just("settle"), st.booleans(), st.booleans()),
)


@given(st.integers(-(10**13), 10**13), st.fractions(Fraction(1, 1000), 1000), st.sampled_from([0, 2, 3]))
def test_a_reversal_converts_to_exactly_the_opposite(micro: int, rate: Fraction, exponent: int) -> None:
    own, fee = Commodity("EUR", exponent), Fraction(1, 40)
    made, undone = convert(micro, rate, own, fee), convert(-micro, rate, own, fee)
    assert (undone.exact_micro, undone.charged_micro) == (-made.exact_micro, -made.charged_micro)
    worth = made.charged_micro - made.fee_micro
    assert worth % own.minor_micro == 0
    assert abs(worth - micro * rate) <= own.minor_micro / Fraction(2) + Fraction(1, 2)


@settings(
    max_examples=5, deadline=None, phases=(Phase.generate,), suppress_health_check=[HealthCheck.too_slow]
)
@given(st.lists(STEPS, min_size=4, max_size=24))
def test_two_books_agree_whatever_happens(steps: list[tuple[str, bool, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, two_sites(Path(folder)) as two:
        two.courier.give("berlin", two.ada, "shanghai", None, two.now_ms)
        two.courier.give("shanghai", two.lin, "berlin", None, two.now_ms)
        posted: dict[bool, list[tuple[str, int]]] = {True: [], False: []}
        undone: set[str] = set()
        for word, forth, n in steps:
            _step(two, (word, forth, n), posted[forth], undone)
        two.look()
        two.look()
        assert two.courier.compare() == []
        for forth in (True, False):
            _check(two, forth, [micro for id, micro in posted[forth] if id not in undone])


def _sides(two: Two, forth: bool) -> tuple[Open, Open, str]:
    """Return host, home and who travels: Ada to Shanghai, or Lin to Berlin."""
    return (two.shanghai, two.berlin, two.ada) if forth else (two.berlin, two.shanghai, two.lin)


def _step(two: Two, step: tuple[str, bool, int], posted: list[tuple[str, int]], undone: set[str]) -> None:
    word, forth, n = step
    host, home, ref = _sides(two, forth)
    two.now_ms += 1_000
    match word:
        case "charge":
            with host.db.write() as session:
                posted.append(
                    (_charge(session, _visitor(session, home.id, ref), host.code, n, two.now_ms), n)
                )
        case "undo" if n < len(posted) and posted[n][0] not in undone:
            with host.db.write() as session:
                ledger.reverse(session, posted[n][0], "it broke", "test", two.now_ms)
            undone.add(posted[n][0])
        case "sweep":
            with host.db.write() as session:
                outbox.sweep(session, host.code, two.now_ms)
        case "deliver":
            _deliver(two, host, home, n)
        case "look":
            two.look()
        case "settle" if n:  # one side is written, and then the network stops
            first, other = ("berlin", "shanghai")
            for cleared in two.courier.cleared(first, other, MONTH):
                with two.courier.sites[first].db.write() as session:
                    settlement.write(session, other, cleared, two.now_ms)
        case "settle":
            two.courier.settle(MONTH, two.now_ms)


def _visitor(session: Session, home: str, ref: str) -> Visitor:
    found = find(session, home, ref)
    assert found is not None
    return found


def _charge(session: Session, visitor: Visitor, code: str, micro: int, now_ms: int) -> str:
    id = make_id(now_ms)
    postings = (
        Posting(member_account(visitor.account), code, micro),
        Posting("income:sale:sheet", code, -micro),
    )
    ledger.post(session, [Entry(id, EntryKind.SALE, f"sale:{id}", now_ms, now_ms, postings)])
    return id


def _deliver(two: Two, host: Open, home: Open, n: int) -> None:
    """Deliver one charge, whichever, and forget to tell the host: it comes again."""
    with host.db.read() as session:
        rows = list(session.exec(select(SiteCharge).where(SiteCharge.site == home.id)))
    if n < len(rows):
        rate = two.courier.network.rate(host.code, home.code, home.day(two.now_ms))
        fee = Fraction(1, 40) if host.id == "shanghai" else Fraction(0)
        with home.db.write() as session:
            inbox.take(session, host.id, rows[n], Terms(home.settings.currency, rate, fee), two.now_ms)


def _check(two: Two, forth: bool, stands: list[int]) -> None:
    host, home, ref = _sides(two, forth)
    rate = two.courier.network.rate(host.code, home.code, home.day(two.now_ms))
    assert rate is not None
    fee = Fraction(1, 40) if forth else Fraction(0)
    with host.db.read() as here, home.db.read() as there:
        visitor = _visitor(here, home.id, ref)
        owed = ledger.balance(here, site_receivable(home.id), host.code)
        owes = ledger.balance(there, site_payable(host.id), host.code)
        settled = ledger.balance(here, site_settled(home.id), host.code)
        assert ledger.balance(here, member_account(visitor.account), host.code) == 0
        assert (owed + owes, owed + settled) == (0, sum(stands))
        assert settled == -ledger.balance(there, site_settled(host.id), host.code)
        charged = sum(convert(micro, rate, home.settings.currency, fee).charged_micro for micro in stands)
        assert ledger.balance(there, member_account(ref), home.code) == charged
        visits = select(LedgerEntry.id).where(LedgerEntry.kind == EntryKind.VISIT)
        assert len(there.exec(visits).all()) >= len(stands)
        assert visitor.used_micro == sum(stands)
