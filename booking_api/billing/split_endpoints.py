"""Splits of sessions between accounts, over HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from sqlmodel import Session

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.billing import service
from booking_api.billing.endpoints import ChargeSeen, ChargesSeen, Instant, Reason, Word
from booking_api.billing.models import SessionSplit
from booking_api.idempotency import IdempotencyKey
from booking_api.sessions.models import MachineSession
from floor.errors import Refused

router = Router(prefix="/api/v1", tags=["billing"])
ShareText = Annotated[str, Field(max_length=24, description='Parts: "1", "2.5", "1/3"; or per cents: "25%".')]
OverLimits = Annotated[
    bool, Field(description="Staff: although an account is overdue, or a limit would be passed.")
]

EXAMPLE: JsonDict = {
    "shares": [{"account": "rocket", "share": "60%"}, {"account": "kelp", "share": "40%"}],
    "reason": "They cut it together.",
}


class ShareIn(BaseModel):
    """What an account bears."""

    model_config = ConfigDict(extra="forbid")

    account: Word
    share: ShareText


class SplitIn(BaseModel):
    """How a session is split, and why: by `shares`, or at an instant from which `after` pays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    shares: Annotated[list[ShareIn], Field(max_length=20)] = Field(default_factory=list)
    instant_ms: Instant | None = None
    after: Annotated[str, Field(max_length=64)] = ""
    reason: Reason
    over_limits: OverLimits = False

    @model_validator(mode="after")
    def _one_way(self) -> SplitIn:
        if bool(self.shares) == (self.instant_ms is not None) or bool(self.after) == bool(self.shares):
            raise ValueError("give either shares, or instant_ms with after")
        return self


class JoinIn(BaseModel):
    """Why a session is charged to one account again."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    over_limits: OverLimits = False


class Bears(BaseModel):
    """What an account bears: `weight` of the sum of all weights."""

    account: str
    weight: int


class SplitSeen(BaseModel):
    """How a session is split, by whom and why, with the charges of its accounts; times in UTC ms."""

    session: str
    shares: list[Bears]
    instant_ms: int | None
    reason: str
    author: str
    made_ms: int
    over_limits: bool
    charges: list[ChargeSeen]


@router.get("/sessions/{id}/split")
def get_split(session: Reading, who: SignedIn, id: str) -> SplitSeen:
    """Return how a session is split."""
    used = session.get(MachineSession, id)
    split = service.split_of(session, id)
    if used is None or split is None or not who.may_see(used.member, Permission.LEDGER_READ):
        raise Refused("split_not_found", "There is no such split session of yours.")
    return _seen(session, split)


@router.post("/sessions/{id}/split", status_code=201)
def split(
    who: SignedIn, session: Writing, context: Ctx, id: str, details: SplitIn, key: IdempotencyKey
) -> SplitSeen:
    """Split a session between accounts that its member may charge to; one's own, or with the right."""
    check_may_split(session, who, id, details.over_limits)

    now_ms = context.clock.now_ms()
    shares = service.parse_shares([(one.account, one.share) for one in details.shares])
    wanted = service.Wanted(shares, details.instant_ms, details.after)
    service.split(session, id, wanted, who.id, details.reason, now_ms, over_limits=details.over_limits)
    made = service.split_of(session, id)
    assert made is not None, "it was just made"
    return _seen(session, made)


@router.post("/sessions/{id}/split/undo", status_code=201)
def undo(
    who: SignedIn, session: Writing, context: Ctx, id: str, details: JoinIn, key: IdempotencyKey
) -> ChargesSeen:
    """Charge a session that is split to its own account alone again."""
    check_may_split(session, who, id, details.over_limits)

    now_ms, over = context.clock.now_ms(), details.over_limits
    made = service.undo_split(session, id, who.id, details.reason, now_ms, over_limits=over)
    return ChargesSeen(charges=[ChargeSeen.model_validate(one) for one in made])


def check_may_split(session: Session, who: Who, id: str, over_limits: bool = False) -> MachineSession:
    """Return a session that somebody may split: their own, or with the right; else raise Refused.

    `over_limits` asks for the right.
    """
    used = session.get(MachineSession, id)
    own = used is not None and who.id == used.member and who.may(Permission.ME_WRITE)
    if used is None or not (own or who.may(Permission.LEDGER_WRITE)):
        raise Refused("session_not_found", "This is no session of yours.")
    if over_limits:
        require(who, Permission.LEDGER_WRITE)
    return used


def _seen(session: Session, split: SessionSplit) -> SplitSeen:
    charges = service.charges_of(session, split.session)
    return SplitSeen(
        session=split.session,
        shares=[Bears(account=account, weight=weight) for account, weight in split.shares],
        instant_ms=split.instant_ms,
        reason=split.reason,
        author=split.author,
        made_ms=split.made_ms,
        over_limits=split.over_limits,
        charges=[ChargeSeen.model_validate(one) for one in charges],
    )
