"""The books over HTTP: balances, statements, payments and reversals."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.billing import changes as billing
from booking_api.idempotency import IdempotencyKey
from booking_api.ledger import service
from booking_api.ledger.statement import Statement, balances, statement
from booking_api.members import service as members
from booking_api.sessions.seen import Lines, lines_seen
from floor.ledger import EntryKind

router = Router(prefix="/api/v1", tags=["ledger"])
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Instant = Annotated[int, Query(ge=0, lt=1 << 47, description="UTC milliseconds.")]
Micro = Annotated[int, Field(gt=0, lt=1 << 53, description="Micro-units: 1 EUR is 1,000,000.")]


class Balance(BaseModel):
    """What an account owes in one commodity (> 0), or has in credit (< 0), in micro-units."""

    commodity: str
    amount_micro: int


class ItemSeen(BaseModel):
    """One entry on a statement; `lines` say how a charge came about."""

    model_config = ConfigDict(from_attributes=True)

    entry: str
    kind: EntryKind
    at_ms: int
    amount_micro: int
    commodity: str
    memo: str
    reverses: str | None
    charge: str | None
    session: str | None
    lines: Lines


class StatementSeen(BaseModel):
    """A period of an account: `opening_micro` and all items make `closing_micro`."""

    commodity: str
    from_ms: int
    to_ms: int
    opening_micro: int
    closing_micro: int
    items: list[ItemSeen]


class PaymentDetails(BaseModel):
    """Money that a member paid in cash."""

    amount_micro: Micro
    commodity: Annotated[str, Field(min_length=1, max_length=16)]
    memo: Annotated[str, Field(max_length=200)] = ""


class Posted(BaseModel):
    """An entry in its place in the books."""

    entry: str
    seq: int
    hash: str


class ReversalDetails(BaseModel):
    """Why an entry is undone."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("/members/{member}/balances")
def get_balances(session: Reading, who: SignedIn, member: str) -> list[Balance]:
    """Return what a member owes or has in credit."""
    own_or(who, member, Permission.LEDGER_READ)
    kept = balances(session, members.get(session, member).account)
    return [Balance(commodity=commodity, amount_micro=amount) for commodity, amount in kept.items()]


@router.get("/members/{member}/statement")
def get_statement(
    session: Reading,
    context: Ctx,
    who: SignedIn,
    member: str,
    from_ms: Instant,
    to_ms: Instant,
    commodity: Annotated[str, Query(max_length=16)] = "",
) -> StatementSeen:
    """Return what happened on a member's account, newest first."""
    own_or(who, member, Permission.LEDGER_READ)
    account = members.get(session, member).account
    unit = commodity or context.settings.currency.code
    return _seen(statement(session, account, unit, from_ms, to_ms))


@router.post("/members/{member}/payments", status_code=201)
def take_payment(
    who: Writes, session: Writing, context: Ctx, member: str, details: PaymentDetails, key: IdempotencyKey
) -> Posted:
    """Post money that a member paid in cash."""
    sealed = service.take_payment(
        session,
        members.get(session, member).account,
        details.amount_micro,
        details.commodity,
        context.clock.now_ms(),
        who.id,
        details.memo,
    )
    return Posted(entry=sealed.entry.id, seq=sealed.seq, hash=sealed.hash)


@router.post("/ledger/entries/{entry}/reverse", status_code=201)
def reverse(
    who: Writes, session: Writing, context: Ctx, entry: str, details: ReversalDetails, key: IdempotencyKey
) -> Posted:
    """Undo an entry by its reversal; a charge is waived with it."""
    sealed = billing.reverse_entry(session, entry, details.reason, who.id, context.clock.now_ms())
    return Posted(entry=sealed.entry.id, seq=sealed.seq, hash=sealed.hash)


def _seen(read: Statement) -> StatementSeen:
    items = [
        ItemSeen(
            entry=item.entry,
            kind=item.kind,
            at_ms=item.at_ms,
            amount_micro=item.amount_micro,
            commodity=item.commodity,
            memo=item.memo,
            reverses=item.reverses,
            charge=item.charge.id if item.charge else None,
            session=item.session.id if item.session else None,
            lines=lines_seen(item.lines),
        )
        for item in read.items
    ]
    return StatementSeen(
        commodity=read.commodity,
        from_ms=read.from_ms,
        to_ms=read.to_ms,
        opening_micro=read.opening_micro,
        closing_micro=read.closing_micro,
        items=items,
    )
