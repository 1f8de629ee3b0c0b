"""In whatever order charges, reversals, deliveries and settlements come, each two of three sites agree."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from booking_api.clock import make_id
from booking_api.db import Database
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account, site_payable, site_receivable, site_settled
from booking_api.sites import inbox, outbox, settlement
from booking_api.sites.courier import Open
from booking_api.sites.inbox import Terms, convert
from booking_api.sites.models import SiteCharge, SiteSettlement, Visitor
from booking_api.sites.visitors import find
from floor.ledger import Entry, EntryKind, Posting
from floor.money import Commodity
from tests.kit.sites import PLACES, Two, two_sites

MONTH = "2026-09"
NOBODY = "postgresql+psycopg://x@127.0.0.1:1/x"
PAIRS = [(host, home) for host in PLACES for home in PLACES if host != home]
FEES = {("shanghai", "berlin"): "2.5", ("berlin", "lisbon"): "1", ("shanghai", "lisbon"): "3"}
STEPS = st.one_of(
    st.tuples(st.just("charge"), st.sampled_from(PAIRS), st.integers(1, 5_000_000_00)),
    st.tuples(st.just("undo"), st.sampled_from(PAIRS), st.integers(0, 9)),
    st.tuples(st.just("sweep"), st.sampled_from(PAIRS), st.just(0)),
    st.tuples(st.just("deliver"), st.sampled_from(PAIRS), st.integers(0, 9)),
    st.tuples(st.just("look"), st.sampled_from(PAIRS), st.just(0)),
    st.tuples(st.just("away"), st.sampled_from(PAIRS), st.just(0)),
    st.tuples(st.just("settle"), st.sampled_from(PAIRS), st.booleans()),
)
Pair = tuple[str, str]


@given(st.integers(-(10**13), 10**13), st.fractions(Fraction(1, 1000), 1000), st.sampled_from([0, 2, 3]))
def test_a_reversal_converts_to_exactly_the_opposite(micro: int, rate: Fraction, exponent: int) -> None:
    own, fee = Commodity("EUR", exponent), Fraction(1, 40)
    made, undone = convert(micro, rate, own, fee), convert(-micro, rate, own, fee)
    assert (undone.exact_micro, undone.charged_micro) == (-made.exact_micro, -made.charged_micro)
    worth = made.charged_micro - made.fee_micro
    assert worth % own.minor_micro == 0
    assert abs(worth - micro * rate) <= own.minor_micro / Fraction(2) + Fraction(1, 2)


@settings(
    max_examples=3, deadline=None, phases=(Phase.generate,), suppress_health_check=[HealthCheck.too_slow]
)
@given(st.lists(STEPS, min_size=8, max_size=32))
def test_books_agree_whatever_happens(steps: list[tuple[str, Pair, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, two_sites(Path(folder), third=True) as net:
        whole = dict(net.courier.sites)
        for host, home in PAIRS:
            net.courier.give(home, net.people[home], host, None, net.now_ms)
        posted: dict[Pair, list[tuple[str, int]]] = {pair: [] for pair in PAIRS}
        undone: set[str] = set()
        for word, pair, n in steps:
            _step(net, whole, (word, pair, n), posted[pair], undone)
        net.courier.sites = whole
        net.look()
        net.look()
        for host, home in PAIRS:  # as the next `settle` begins
            net.courier.complete(host, home, net.now_ms)
        assert net.courier.compare() == []
        stands = {pair: [micro for id, micro in posted[pair] if id not in undone] for pair in PAIRS}
        for pair in PAIRS:
            _check(net, pair, stands[pair])
        _check_people(net, stands)
        _check_settled(net, stands)


def _step(
    net: Two,
    whole: dict[str, Open],
    step: tuple[str, Pair, int],
    posted: list[tuple[str, int]],
    undone: set[str],
) -> None:
    word, (host_id, home_id), n = step
    host, home = whole[host_id], whole[home_id]
    net.now_ms += 1_000
    match word:
        case "charge":
            with host.db.write() as session:
                visitor = _visitor(session, home_id, net.people[home_id])
                posted.append((_charge(session, visitor, host.code, n, net.now_ms), n))
        case "undo" if n < len(posted) and posted[n][0] not in undone:
            with host.db.write() as session:
                ledger.reverse(session, posted[n][0], "it broke", "test", net.now_ms)
            undone.add(posted[n][0])
        case "sweep":
            with host.db.write() as session:
                outbox.sweep(session, host.code, net.now_ms)
        case "deliver":
            _deliver(net, host, home, n)
        case "look":
            net.look()
            net.courier.sites = whole
        case "away":  # until the next look is over, nobody reaches the host's database
            gone = replace(host, db=Database(NOBODY, host.db.data, host.db.zone))
            net.courier.sites = {**net.courier.sites, host_id: gone}
        case "settle" if n:  # one side is written, and then the network stops
            net.courier.sites = whole
            first, other = sorted((host_id, home_id))
            for cleared in net.courier.cleared(first, other, MONTH):
                with whole[first].db.write() as session:
                    settlement.write(session, other, cleared, net.now_ms)
        case "settle":
            net.courier.sites = whole
            net.courier.settle(MONTH, net.now_ms)


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


def _terms(net: Two, pair: Pair) -> Terms:
    host, home = (net.courier.sites[id] for id in pair)
    rate = net.courier.network.rate(host.code, home.code, home.day(net.now_ms))
    return Terms(home.settings.currency, rate, Fraction(FEES.get(pair, "0")) / 100)


def _deliver(net: Two, host: Open, home: Open, n: int) -> None:
    """Deliver one charge, whichever, and forget to tell the host: it comes again."""
    with host.db.read() as session:
        rows = list(session.exec(select(SiteCharge).where(SiteCharge.site == home.id)))
    if n < len(rows):
        with home.db.write() as session:
            inbox.take(session, host.id, rows[n], _terms(net, (host.id, home.id)), net.now_ms)


def _check(net: Two, pair: Pair, stands: list[int]) -> None:
    """What each two owe each other is one figure, whichever book is asked."""
    host, home = (net.courier.sites[id] for id in pair)
    with host.db.read() as here, home.db.read() as there:
        visitor = _visitor(here, home.id, net.people[home.id])
        owed = ledger.balance(here, site_receivable(home.id), host.code)
        assert owed + ledger.balance(there, site_payable(host.id), host.code) == 0
        assert ledger.balance(here, member_account(visitor.account), host.code) == 0
        assert visitor.used_micro == sum(stands)
        charges = here.exec(select(SiteCharge).where(SiteCharge.site == home.id)).all()
        assert sum(one.amount_micro for one in charges) == sum(stands)
        worth = [convert(one.amount_micro, _rate(net, pair), home.settings.currency) for one in charges]
        assert [one.home_micro for one in charges] == [one.charged_micro for one in worth]


def _rate(net: Two, pair: Pair) -> Fraction:
    rate = _terms(net, pair).rate
    assert rate is not None
    return rate


def _check_people(net: Two, stands: dict[Pair, list[int]]) -> None:
    """A member owes at home what they used at both of the others, and nothing else."""
    for home, site in net.courier.sites.items():
        charged = 0
        for pair in (pair for pair in PAIRS if pair[1] == home):
            terms = _terms(net, pair)
            made = [convert(micro, _rate(net, pair), terms.own, terms.fee) for micro in stands[pair]]
            charged += sum(one.charged_micro for one in made)
        with site.db.read() as session:
            assert ledger.balance(session, member_account(net.people[home]), site.code) == charged


def _check_settled(net: Two, stands: dict[Pair, list[int]]) -> None:
    """Once all is settled nothing is open, each two are opposite, and all together is nothing; then paid."""
    net.courier.settle(MONTH, net.now_ms)
    assert net.courier.settle(MONTH, net.now_ms) == []
    sums: dict[str, int] = {}
    ids: set[str] = set()
    for host, home in PAIRS:
        mine, theirs = (net.courier.sites[id] for id in (host, home))
        with mine.db.read() as session:
            assert ledger.balance(session, site_receivable(home), mine.code) == 0
            rows = session.exec(select(SiteSettlement).where(SiteSettlement.site == home)).all()
            ids |= {one.id for one in rows if one.receivable_micro != one.payable_micro}
            for code in {mine.code, theirs.code}:
                net_micro = sum(sum(stands[pair]) * sign for pair, sign in _both(net, host, home, code))
                assert ledger.balance(session, site_settled(home), code) == net_micro
                sums[code] = sums.get(code, 0) + net_micro
    assert not any(sums.values())
    for id in sorted(ids):
        net.courier.paid(id, "test", net.now_ms)
    assert net.courier.compare() == []
    for host, home in PAIRS:
        with net.courier.sites[host].db.read() as session:
            for code in ("EUR", "CNY"):
                assert ledger.balance(session, site_settled(home), code) == 0


def _both(net: Two, one: str, other: str, code: str) -> list[tuple[Pair, int]]:
    """Return the pairs that are settled in a currency between two sites, and who owes by them."""
    found = []
    for pair, sign in (((one, other), 1), ((other, one), -1)):
        if net.courier.sites[pair[0]].code == code:
            found.append((pair, sign))
    return found
