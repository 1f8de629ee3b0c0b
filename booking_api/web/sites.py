"""Other sites of the network as pages: a member's passes; who of ours goes there and of theirs comes here."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from fastapi import Depends, Form
from sqlmodel import Session, col, func, select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts import service as accounts
from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.ledger.models import LedgerEntry
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.sites import asking, known, passes
from booking_api.sites.asking import Standing
from booking_api.sites.models import SiteBill, SiteKnown, SitePass, Visitor
from booking_api.web.formats import Formats
from booking_api.web.pages import Paged
from booking_api.web.paging import ROWS, At, around
from booking_api.web.render import Page
from booking_api.web.statement import machine_names
from booking_api.web.typed import Amount, read_optional_amount

router = Router(include_in_schema=False)
Keeps = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
STANDING: dict[Standing, tuple[str, str]] = {
    Standing.ASKED: ("accent", "asked for"),
    Standing.GIVEN: ("good", "you may go"),
    Standing.PAUSED: ("warn", "not now"),
    Standing.ENDED: ("quiet", "over"),
}
STAFF_STANDING = STANDING | {Standing.GIVEN: ("good", "may go")}
TEXTS = (
    {key: words for key, (_, words) in STANDING.items()},
    {key: words for key, (_, words) in STAFF_STANDING.items()},
)
"""What pages call how a pass stands; a catalogue has each text."""


@dataclass(frozen=True, slots=True)
class Going:
    """A site and the pass of a member to it; `left_micro` is what they may use there now, in its currency."""

    site: SiteKnown
    given: SitePass | None
    standing: Standing | None

    @property
    def left_micro(self) -> int:
        """What the host may let them use before home has charged it, as it was told last."""
        return max(0, self.given.allowed_micro - self.given.used_micro) if self.given else 0

    @property
    def may_take(self) -> bool:
        """Whether nobody need be asked."""
        return asking.may_take(self.site, self.given)

    def fee(self, f: Formats) -> str:
        """Write what home adds to the site's prices."""
        part = Fraction(self.site.fee)
        return f.rate(part) if part else f.texts.gettext("nothing")


@dataclass(frozen=True, slots=True)
class Guest:
    """A visitor here; `at` is the machine that they use now, "" for none."""

    member: Member
    visitor: Visitor
    left_micro: int
    is_lapsed: bool
    is_suspended: bool
    at: str


@router.get("/me/sites")
def my_sites(who: SignedIn, session: Reading, page: Paged) -> Response:
    """Show the reader which other sites they may use, and for how much."""
    require(who, Permission.ME_READ)
    reader, given = members.get(session, who.id), asking.of_member(session, who.id)
    able = passes.able(session, [reader], page.context.clock.now_ms())
    visitor, names = session.get(Visitor, who.id), _names(session)
    rows = []
    for site in known.listed(session):
        mine = given.get(site.site)
        if site.way is not None or mine is not None:
            rows.append(Going(site, mine, asking.standing(mine, able) if mine else None))
    values = {
        "rows": [] if visitor else rows,
        "home": names.get(visitor.site, visitor.site) if visitor else "",
        "standing": STANDING,
        "code": page.context.settings.currency.code,
        "ends_ms": reader.valid_until_ms,
    }
    return page.answer("me_sites.html", values)


@router.post("/me/sites/{site}/ask")
def ask(who: SignedIn, session: Writing, page: Paged, site: str) -> Response:
    """Ask for a pass, or take one where the sites agreed on that."""
    require(who, Permission.ME_WRITE)
    made = asking.ask(session, members.get(session, who.id), site, page.context.clock.now_ms())
    notice = "asked" if made.asked_ms is not None else "pass_taken"
    return RedirectResponse(f"/me/sites?notice={notice}", 303)


@router.post("/me/sites/{site}/back")
def give_back(who: SignedIn, session: Writing, page: Paged, site: str) -> Response:
    """Give a pass back, or take back what was asked."""
    require(who, Permission.ME_WRITE)
    asking.end(session, who.id, site, who.id, page.context.clock.now_ms())
    return RedirectResponse("/me/sites?notice=pass_back", 303)


@router.get("/sites")
def overview(who: Keeps, session: Reading, page: Paged, at: At = 0, guest: At = 0) -> Response:
    """Show who of ours may use other sites, and who of others visits here."""
    now_ms, sites = page.context.clock.now_ms(), known.listed(session)
    found = asking.current(session, ROWS + 1, at)
    able = passes.able(session, [member for _, member in found], now_ms)
    guests = _guests(session, page, now_ms, guest)
    values = {
        "rows": [
            (Going(known.named(session, one.site), one, asking.standing(one, able)), member)
            for one, member in found[:ROWS]
        ],
        "pages": around(at, len(found)),
        "last": _last_used(session, [one.member for one, _ in found]),
        "guests": guests[:ROWS],
        "guest_pages": around(guest, len(guests)),
        "open": [one for one in sites if one.way is not None],
        "names": _names(session),
        "standing": STAFF_STANDING,
        "code": page.context.settings.currency.code,
    }
    return page.answer("sites.html", values)


@router.post("/sites/passes")
def grant(
    who: Keeps,
    session: Writing,
    page: Paged,
    site: Annotated[str, Form(max_length=16)],
    member: Annotated[str, Form(max_length=254)],
    limit: Amount = "",
) -> Response:
    """Give a member a pass to another site, asked for or not."""
    found = members.find(session, member.strip())
    limit_micro = read_optional_amount(limit)
    asking.grant(session, found, site, limit_micro, who.id, page.context.clock.now_ms())
    return RedirectResponse("/sites?notice=pass_given", 303)


@router.post("/sites/{site}/passes/{member}/end")
def withdraw(who: Keeps, session: Writing, page: Paged, site: str, member: str) -> Response:
    """Take a pass away, or say no to who asked for one."""
    asking.end(session, member, site, who.id, page.context.clock.now_ms())
    return RedirectResponse("/sites?notice=pass_ended", 303)


def _names(session: Session) -> dict[str, str]:
    return {one.site: one.name for one in known.listed(session)}


def _last_used(session: Session, people: list[str]) -> dict[tuple[str, str], int]:
    """Return when each member used each site last (UTC milliseconds)."""
    query = (
        select(SiteBill.member, SiteBill.site, func.max(LedgerEntry.occurred_ms))
        .join(LedgerEntry, col(LedgerEntry.id) == SiteBill.entry)
        .where(col(SiteBill.member).in_(people))
        .group_by(SiteBill.member, SiteBill.site)
    )
    return {(member, site): int(at_ms) for member, site, at_ms in session.exec(query)}


def _guests(session: Session, page: Page, now_ms: int, begin: int) -> list[Guest]:
    names = machine_names(session)
    query = select(Visitor, Member).join(Member, col(Member.id) == Visitor.member)
    running = select(MachineSession.member, MachineSession.machine).join(
        Visitor, col(Visitor.member) == MachineSession.member
    )
    using = dict(session.exec(running.where(MachineSession.state == SessionState.OPEN)).all())
    found = []
    ordered = query.where(col(Member.erased_ms).is_(None)).order_by(Visitor.site, Member.sort, Member.id)
    for visitor, member in session.exec(ordered.limit(ROWS + 1).offset(begin)):
        at, left_micro = using.get(member.id, ""), accounts.get(session, visitor.account).credit_limit_micro
        lapsed = member.valid_until_ms is not None and member.valid_until_ms <= now_ms
        suspended = members.is_suspended(member, now_ms)
        found.append(Guest(member, visitor, left_micro or 0, lapsed, suspended, names.get(at, at)))
    return found
