"""Other sites of the network over HTTP: who may use them, and what was settled with them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, acts_for, holds, own_or, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.members import service as members
from booking_api.paging import LISTED_MAX
from booking_api.sites import asking, known, passes, uses
from booking_api.sites.asking import Standing
from booking_api.sites.models import SitePass, Way
from floor.errors import Refused

router = Router(prefix="/api/v1", tags=["sites"])
Keeps = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]


class SiteSeen(BaseModel):
    """Another site. `way` is how our members come by a pass to it, null where there is no agreement.

    A pass is for `limit_micro` of its `commodity` at most; home adds the part `fee` (exact, as 1/40) to
    prices, and a visit lapses `hours` after the host last heard from home.
    """

    model_config = ConfigDict(from_attributes=True)

    site: str
    name: str
    address: str
    commodity: str
    way: Way | None
    limit_micro: int
    hours: int
    fee: str


class PassSeen(BaseModel):
    """A member's pass to a site. Amounts are micro-units of the site's `commodity`, times UTC milliseconds.

    `allowed_micro` is what the site may let them use since the beginning, `used_micro` what home has charged.
    """

    member: str
    site: str
    standing: Standing
    commodity: str
    limit_micro: int
    allowed_micro: int
    used_micro: int
    asked_ms: int | None
    ended_ms: int | None


class Granting(BaseModel):
    """For how much at a time, in micro-units of the site's commodity; null: for what the sites agreed on."""

    limit_micro: Annotated[int, Field(gt=0, lt=1 << 53)] | None = None


class UseSeen(BaseModel):
    """A use, or what took one back. `ours`: a member of ours used the other site; `who` is their number here.

    `home_micro` is what it is worth in the currency of home at `rate` (exact, home's money for one of the
    host's), without what home adds; null where home has told no rate.
    """

    model_config = ConfigDict(from_attributes=True)

    ours: bool
    at_ms: int
    what: str
    who: str
    amount_micro: int
    commodity: str
    rate: Annotated[str, BeforeValidator(str)] | None
    home_micro: int | None
    home_commodity: str


class SettlementSeen(BaseModel):
    """What was cleared with a site in one currency. `net_micro` is paid to us; less than 0: by us."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    site: str
    month: str
    commodity: str
    receivable_micro: int
    payable_micro: int
    net_micro: int
    at_ms: int
    paid: str | None


class SettlementWhole(SettlementSeen):
    """The same with its uses, in the order in which they were used."""

    uses: list[UseSeen]


@router.get("/sites")
def list_sites(who: SignedIn, session: Reading) -> list[SiteSeen]:
    """List the other sites of the network; none where the space is in no network."""
    return [SiteSeen.model_validate(one) for one in known.listed(session)]


@router.get("/passes")
def list_passes(who: Keeps, session: Reading, context: Ctx) -> list[PassSeen]:
    """List the passes that are in force or asked for, the asked first."""
    found = asking.current(session, LISTED_MAX, 0)
    able = passes.able(session, [member for _, member in found], context.clock.now_ms())
    return [_seen(one, able) for one, _ in found]


@router.get("/members/{member}/passes")
def list_own(who: SignedIn, session: Reading, context: Ctx, member: str) -> list[PassSeen]:
    """List a member's passes, by site; those too that are over."""
    own_or(who, member, Permission.MEMBERS_READ)
    able = passes.able(session, [members.get(session, member)], context.clock.now_ms())
    return [_seen(one, able) for _, one in sorted(asking.of_member(session, member).items())]


@router.post("/members/{member}/passes/{site}")
def grant(who: Keeps, session: Writing, context: Ctx, member: str, site: str, details: Granting) -> PassSeen:
    """Give a member a pass, asked for or not."""
    found, now_ms = members.get(session, member), context.clock.now_ms()
    given = asking.grant(session, found, site, details.limit_micro, who.id, now_ms)
    return _seen(given, passes.able(session, [found], now_ms))


@router.post("/members/{member}/passes/{site}/ask")
def ask(who: SignedIn, session: Writing, context: Ctx, member: str, site: str) -> PassSeen:
    """Ask for a pass of one's own, or take one where the sites agreed on that."""
    require(who, Permission.ME_WRITE)
    if who.id != member:
        raise Refused("forbidden", "This is another member's.")
    found, now_ms = members.get(session, member), context.clock.now_ms()
    return _seen(asking.ask(session, found, site, now_ms), passes.able(session, [found], now_ms))


@router.post("/members/{member}/passes/{site}/end", status_code=204)
def end(who: SignedIn, session: Writing, context: Ctx, member: str, site: str) -> None:
    """Give one's own pass back, or take back what was asked; staff end anybody's, and say no."""
    acts_for(who, member, Permission.MEMBERS_WRITE)
    asking.end(session, member, site, who.id, context.clock.now_ms())


@router.get("/settlements")
def list_settlements(who: Reads, session: Reading) -> list[SettlementSeen]:
    """List what was settled with other sites, the newest month first."""
    return [SettlementSeen.model_validate(row) for row in uses.settlements(session, LISTED_MAX, 0)]


@router.get("/settlements/{site}/{month}")
def get_settlements(who: Reads, session: Reading, site: str, month: str) -> list[SettlementWhole]:
    """Return what was settled with a site for a month (YYYY-MM), one a currency and each late one."""
    return [
        SettlementWhole(
            **SettlementSeen.model_validate(one.row).model_dump(),
            uses=[UseSeen.model_validate(use) for use in one.uses],
        )
        for one in uses.of_month(session, site, month)
    ]


def _seen(given: SitePass, able: Collection[str]) -> PassSeen:
    return PassSeen(**given.model_dump(), standing=asking.standing(given, able))
