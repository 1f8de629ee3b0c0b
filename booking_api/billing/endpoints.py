"""Billing over HTTP: fees, packs, allowances, and what is changed of charges."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.billing import service
from booking_api.billing.models import AllowanceLot, Charge
from booking_api.idempotency import IdempotencyKey
from booking_api.members import service as members
from booking_api.sessions.models import MachineSession
from floor.errors import Refused
from floor.meter import Quantity
from floor.money import MICRO
from floor.tariff import Occasion

router = Router(prefix="/api/v1", tags=["billing"])
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Word = Annotated[str, Field(min_length=1, max_length=64)]
Reason = Annotated[str, Field(min_length=1, max_length=200)]
Instant = Annotated[int, Field(ge=0, lt=1 << 47, description="UTC milliseconds.")]
Count = Annotated[int, Field(ge=0, lt=1 << 31)]
Micro = Annotated[int, Field(gt=0, lt=1 << 53, description="Micro-units: 1 EUR is 1,000,000.")]
Part = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$", description="A decimal such as 0.2.")]


class ChargeSeen(BaseModel):
    """What a session or a fee costs in one month; amounts in micro-units of `commodity`, times in UTC ms."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    entry: str | None
    session: str | None
    fee: str | None
    occasion: Occasion
    account: str
    member: str
    machine: str | None
    month: str
    period: str
    ended_ms: int
    tariff_version: str
    tier: str
    commodity: str
    gross_micro: int
    taxes: dict[str, int]
    rounding_micro: int
    total_micro: int
    funds: dict[str, int]


class ChargesSeen(BaseModel):
    """Charges of one cause, by month."""

    charges: list[ChargeSeen]


class FeeIn(BaseModel):
    """Something that a tariff charges and no gateway saw. Account and tier are the member's unless said.

    `counts` are those of the tariff, `used` what was metered by hand in base units. The same `source` is
    charged once.
    """

    model_config = ConfigDict(extra="forbid")

    occasion: Occasion
    member: Word
    tariff: Word
    from_ms: Instant | None = None
    to_ms: Instant | None = None
    account: Annotated[str, Field(max_length=64)] = ""
    tier: Annotated[str, Field(max_length=64)] = ""
    machine: Word | None = None
    counts: dict[str, Count] = Field(default_factory=dict)
    used: dict[Quantity, Count] = Field(default_factory=dict)
    coupon: Part = "0"
    pack: Annotated[str, Field(max_length=64)] = ""
    words: Annotated[str, Field(max_length=200)] = ""
    source: Annotated[str, Field(max_length=150)] = ""


class LotSeen(BaseModel):
    """Units of an allowance, exact (such as 7/2); times in UTC milliseconds, `expires_ms` None: never."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    commodity: str
    left: str
    size: str
    granted_ms: int
    expires_ms: int | None
    transferable: bool


class GrantIn(BaseModel):
    """Units to put on an account, in the unit of the component that draws from them."""

    model_config = ConfigDict(extra="forbid")

    commodity: Annotated[str, Field(min_length=1, max_length=200)]
    amount: Part
    expires_ms: Instant | None = None
    transferable: bool = False
    origin: Annotated[str, Field(max_length=150)] = ""


class TransferIn(BaseModel):
    """Units to give to another account."""

    model_config = ConfigDict(extra="forbid")

    account: Word
    amount: Part


class LotAdded(BaseModel):
    """A lot that was made."""

    lot: str
    account: str
    commodity: str
    size: str


class Expired(BaseModel):
    """How many lots had something left when they expired."""

    lots: int


class MoveIn(BaseModel):
    """Which account a session is charged to instead, and why."""

    model_config = ConfigDict(extra="forbid")

    account: Word
    reason: Reason = "chosen afterwards"


class ReasonIn(BaseModel):
    """Why a charge is waived."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class CreditIn(BaseModel):
    """How much of a charge is given back, and why."""

    model_config = ConfigDict(extra="forbid")

    amount_micro: Micro
    reason: Reason


class Undone(BaseModel):
    """The entry that takes something back; None where nothing had been posted."""

    entry: str | None


@router.post("/fees", status_code=201)
def add_fee(who: Writes, session: Writing, context: Ctx, details: FeeIn, key: IdempotencyKey) -> ChargesSeen:
    """Charge a fee: a reservation, a no-show, damage, a class, a membership, a pack, materials."""
    now_ms = context.clock.now_ms()
    given: dict[str, Any] = details.model_dump()
    given |= {"from_ms": details.from_ms if details.from_ms is not None else details.to_ms or now_ms}
    given |= {"to_ms": details.to_ms if details.to_ms is not None else given["from_ms"]}
    given |= {"coupon": Fraction(details.coupon), "used": dict(details.used)}
    made = service.charge_fee(session, service.FeeDetails(**given), who.id, now_ms)
    return ChargesSeen(charges=[ChargeSeen.model_validate(one) for one in made])


@router.get("/charges/{id}")
def get_charge(session: Reading, who: SignedIn, id: str) -> ChargeSeen:
    """Return a charge, also one that was replaced."""
    charge = session.get(Charge, id)
    if charge is None or not who.may_see(charge.member, Permission.LEDGER_READ):
        raise Refused("charge_not_found", f"There is no charge {id} of yours.")
    return ChargeSeen.model_validate(charge)


@router.post("/charges/{id}/waive", status_code=201)
def waive(
    who: Writes, session: Writing, context: Ctx, id: str, details: ReasonIn, key: IdempotencyKey
) -> Undone:
    """Take a whole charge back; what it drew from allowances comes back too."""
    sealed = service.reverse_charge(session, id, details.reason, who.id, context.clock.now_ms())
    return Undone(entry=sealed.entry.id if sealed else None)


@router.post("/charges/{id}/credit", status_code=201)
def credit(
    who: Writes, session: Writing, context: Ctx, id: str, details: CreditIn, key: IdempotencyKey
) -> Undone:
    """Give a part of a charge back."""
    now_ms = context.clock.now_ms()
    sealed = service.credit(session, id, details.amount_micro, details.reason, who.id, now_ms)
    return Undone(entry=sealed.entry.id)


@router.post("/sessions/{id}/account", status_code=201)
def move(
    who: SignedIn, session: Writing, context: Ctx, id: str, details: MoveIn, key: IdempotencyKey
) -> ChargesSeen:
    """Charge a session to another account, until its month is closed; one's own, or with the right."""
    used = session.get(MachineSession, id)
    if used is None or not _may_change(who, used.member):
        raise Refused("session_not_found", f"There is no session {id} of yours.")

    now_ms = context.clock.now_ms()
    made = service.move(session, id, details.account, who.id, details.reason, now_ms)
    return ChargesSeen(charges=[ChargeSeen.model_validate(one) for one in made])


@router.get("/members/{member}/allowances")
def list_allowances(session: Reading, who: SignedIn, context: Ctx, member: str) -> list[LotSeen]:
    """Return what a member's own account holds of packs and allowances, what is drawn first coming first."""
    own_or(who, member, Permission.LEDGER_READ)
    account = members.get(session, member).account
    return [lot_seen(lot) for lot in service.lots(session, account, context.clock.now_ms())]


@router.post("/accounts/{account}/allowances", status_code=201)
def grant(
    who: Writes, session: Writing, context: Ctx, account: str, details: GrantIn, key: IdempotencyKey
) -> LotAdded:
    """Put units of an allowance on an account; the same `origin` is granted once."""
    lot = service.grant(
        session,
        account,
        details.commodity,
        Fraction(details.amount),
        details.expires_ms,
        details.transferable,
        details.origin or f"api:{who.id}:{key}",
        who.id,
        context.clock.now_ms(),
    )
    return _added(lot)


@router.post("/allowances/{lot}/transfer", status_code=201)
def transfer(
    who: SignedIn, session: Writing, context: Ctx, lot: str, details: TransferIn, key: IdempotencyKey
) -> LotAdded:
    """Give units of one's own lot to another account, where the lot may be given on."""
    row = session.get(AllowanceLot, lot)
    own = row is not None and row.account == who.member.account and who.may(Permission.ME_WRITE)
    if row is None or not (own or who.may(Permission.LEDGER_WRITE)):
        raise Refused("allowance_not_found", f"There is no allowance {lot} of yours.")

    amount, now_ms = Fraction(details.amount), context.clock.now_ms()
    return _added(service.transfer(session, lot, details.account, amount, who.id, now_ms))


@router.post("/allowances/expire")
def expire(who: Writes, session: Writing, context: Ctx) -> Expired:
    """Take what is left of expired lots off their accounts; a second time finds nothing."""
    return Expired(lots=len(service.expire_lots(session, context.clock.now_ms())))


def lot_seen(lot: service.LotLeft) -> LotSeen:
    """Return a lot as it is shown."""
    return LotSeen(
        id=lot.id,
        commodity=lot.commodity,
        left=str(lot.left),
        size=str(lot.size),
        granted_ms=lot.granted_ms,
        expires_ms=lot.expires_ms,
        transferable=lot.transferable,
    )


def _added(lot: AllowanceLot) -> LotAdded:
    size = str(Fraction(lot.size_micro, MICRO))
    return LotAdded(lot=lot.id, account=lot.account, commodity=lot.commodity, size=size)


def _may_change(who: Who, member: str) -> bool:
    return (who.id == member and who.may(Permission.ME_WRITE)) or who.may(Permission.LEDGER_WRITE)
