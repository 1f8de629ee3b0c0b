"""What a furnished floor has of other sites: passes asked for and given, a visitor, a month settled."""

from __future__ import annotations

from fractions import Fraction

from sqlmodel import Session

from booking_api.clock import make_id
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.members import service as members
from booking_api.sites import asking, inbox, known, outbox, settlement, visitors
from booking_api.sites.inbox import Terms
from booking_api.sites.models import SiteCharge, SiteKnown, Visitor, Way
from booking_api.sites.network import HOUR_MS, Agreement
from booking_api.sites.passes import Person
from booking_api.sites.settlement import Cleared
from floor.ledger import Entry, EntryKind, Posting
from floor.money import Commodity
from tests.kit.web import NOW_MS, WebFloor

EURO = Commodity("EUR")
MONTH = "2026-05"
HARBOUR = Agreement("harbour", "kelp", "guest", 50_000_000, 24 * HOUR_MS, Fraction(0), {})


def furnish_sites(web: WebFloor) -> None:
    """Put the space in a network with a site in China, and one near by."""
    with web.context.database.write() as session:
        told = {"address": "http://127.0.0.1:18099", "way": Way.ASK, "limit_micro": 400_000_000, "hours": 24}
        far = SiteKnown(site="harbour", name="海港创客空间", commodity="CNY", fee="1/40", **told)
        near = SiteKnown(site="pier", name="Pier Nine", commodity="EUR", **told)
        known.keep(session, [far, near])
        asking.ask(session, members.get(session, web.people["mira"]), "pier", NOW_MS)
        otto = members.get(session, web.people["otto"])
        for site in ("harbour", "pier"):
            asking.grant(session, otto, site, None, web.people["olga"], NOW_MS)
        asking.grant(session, members.get(session, web.people["mira"]), "harbour", None, "", NOW_MS)
        visitor = _visitor(session, web)
        bills = (_taken(session, otto.id, 90_000_000), _taken(session, otto.id, 31_500_000))
        charges = tuple(row.id for row in _used(session, visitor, 12_500_000))
        settlement.write(session, "harbour", _cleared("CNY", (), bills), NOW_MS)
        settlement.write(session, "harbour", _cleared("EUR", charges, ()), NOW_MS)
        _taken(session, otto.id, 8_000_000)


def _cleared(code: str, charges: tuple[str, ...], bills: tuple[str, ...]) -> Cleared:
    return Cleared(f"{MONTH}:harbour:kelp:{code}", code, charges, bills)


def _visitor(session: Session, web: WebFloor) -> Visitor:
    lin = Person("0196f0c4-5a00-7000-8000-00000000beef", "Lin", "zh", True, None, (), {}, 50_000_000)
    visitors.welcome(session, web.context.vault, lin, HARBOUR, "EUR", NOW_MS)
    found = visitors.find(session, "harbour", lin.ref)
    assert found is not None
    return found


def _taken(session: Session, member: str, micro: int) -> str:
    """Charge a member for what they used at the site in China."""
    charge = SiteCharge(
        id=make_id(NOW_MS), seq=1, site="kelp", ref=member, what="激光切割机", amount_micro=micro,
        commodity="CNY", occurred_ms=NOW_MS, clearing="",
    )  # fmt: skip
    inbox.take(session, "harbour", charge, Terms(EURO, Fraction("0.1281"), Fraction(1, 40)), NOW_MS)
    return charge.id


def _used(session: Session, visitor: Visitor, micro: int) -> list[SiteCharge]:
    """Sell the visitor something, and tell what home took it to be worth."""
    id, account = make_id(NOW_MS), member_account(visitor.account)
    postings = (Posting(account, "EUR", micro), Posting("income:sale:sheet", "EUR", -micro))
    ledger.post(session, [Entry(id, EntryKind.SALE, f"sale:{id}", NOW_MS, NOW_MS, postings)])
    rows = outbox.sweep(session, "EUR", NOW_MS)
    for row in rows:
        row.delivered_ms, row.rate = NOW_MS, "10000/1281"
        row.home_commodity, row.home_micro = "CNY", 97_580_000
        session.add(row)
    return rows
