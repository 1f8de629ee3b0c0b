"""Payments over HTTP: the drawer, money onto accounts and back, what is overdue; the rest is included."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.idempotency import IdempotencyKey
from booking_api.ledger.endpoints import Micro, Posted
from booking_api.payments import (
    books,
    desk,
    drawer,
    overdue,
)
from booking_api.payments import levels as level_files
from booking_api.payments import reminders as runs
from booking_api.payments.books import Means
from booking_api.payments.models import Drawer
from floor.errors import Refused
from floor.ledger import Sealed

router = Router(prefix="/api/v1", tags=["payments"])
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Looks = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Counted = Annotated[int, Field(ge=0, lt=1 << 53, description="Micro-units: 1 EUR is 1,000,000.")]


class DrawerSeen(BaseModel):
    """An opening of the cash drawer; `expected_micro` is what must be in it by the books."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    opened_ms: int
    opened_by: str
    float_micro: int
    commodity: str
    expected_micro: int
    by_kind: dict[str, int]
    closed_ms: int | None
    closed_by: str | None
    counted_micro: int | None
    difference_micro: int
    reason: str


class Float(BaseModel):
    """What is counted into the drawer."""

    float_micro: Counted


class Count(BaseModel):
    """What is counted out of the drawer, and why it differs from the books."""

    counted_micro: Counted
    reason: Annotated[str, Field(max_length=200)] = ""


class MoneyDetails(BaseModel):
    """Money onto an account, or credit back."""

    amount_micro: Micro
    means: Means = Means.CASH
    memo: Annotated[str, Field(max_length=200)] = ""


class Units(BaseModel):
    """The space's own units for money; with `means` None they are charged to the account."""

    unit: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,16}$")]
    count: Annotated[int, Field(gt=0, le=1_000_000)]
    means: Means | None = Means.CASH


class BlockSeen(BaseModel):
    """An account that opens no machine until what fell due before `before_ms` is paid."""

    model_config = ConfigDict(from_attributes=True)

    account: str
    name: str
    before_ms: int
    since_ms: int


class DueSeen(BaseModel):
    """What a run of reminders would do for an account: remind at `level` (0: not), and block it or not."""

    model_config = ConfigDict(from_attributes=True)

    account: str
    name: str
    overdue_micro: int
    due_ms: int
    invoices: list[str]
    level: int
    blocks: bool


@router.get("/desk/drawer")
def get_drawer(who: Looks, session: Reading) -> DrawerSeen | None:
    """Return the open drawer, null while it is closed."""
    found = drawer.current(session)
    return drawer_seen(found, drawer.contents(session, found)) if found else None


@router.post("/desk/drawer/open", status_code=201)
def open_drawer(
    who: Writes, session: Writing, context: Ctx, details: Float, key: IdempotencyKey
) -> DrawerSeen:
    """Open the drawer with its float."""
    currency = context.settings.currency.code
    found = drawer.open_drawer(session, details.float_micro, currency, who.id, context.clock.now_ms())
    return drawer_seen(found, drawer.contents(session, found))


@router.post("/desk/drawer/close", status_code=201)
def close_drawer(
    who: Writes, session: Writing, context: Ctx, details: Count, key: IdempotencyKey
) -> DrawerSeen:
    """Close the drawer with what was counted; a difference is posted, and needs a reason."""
    now_ms = context.clock.now_ms()
    found = drawer.close_drawer(session, details.counted_micro, details.reason, who.id, now_ms)
    return drawer_seen(found, drawer.contents(session, found))


@router.post("/desk/drawer/banked", status_code=201)
def bank_cash(
    who: Writes, session: Writing, context: Ctx, details: MoneyDetails, key: IdempotencyKey
) -> Posted:
    """Take cash out of the drawer to the bank."""
    now_ms = context.clock.now_ms()
    return posted(drawer.bank_cash(session, details.amount_micro, who.id, now_ms, details.memo))


@router.post("/accounts/{account}/top-ups", status_code=201)
def top_up(
    who: Writes, session: Writing, context: Ctx, account: str, details: MoneyDetails, key: IdempotencyKey
) -> Posted:
    """Take money onto an account, named by its id or a member's number."""
    target = books.find_account(session, account)
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    amount, means, memo = details.amount_micro, details.means, details.memo
    return posted(desk.top_up(session, target, amount, currency, means, who.id, now_ms, memo))


@router.post("/accounts/{account}/refunds", status_code=201)
def refund(
    who: Writes, session: Writing, context: Ctx, account: str, details: MoneyDetails, key: IdempotencyKey
) -> Posted:
    """Give credit back, never more than there is."""
    target = books.find_account(session, account)
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    amount, means, memo = details.amount_micro, details.means, details.memo
    return posted(desk.refund(session, target, amount, currency, means, who.id, now_ms, memo))


@router.post("/accounts/{account}/units", status_code=201)
def buy_units(
    who: Writes, session: Writing, context: Ctx, account: str, details: Units, key: IdempotencyKey
) -> Posted:
    """Sell the space's own units by what the tariff says that they are worth."""
    target = books.find_account(session, account)
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    unit, count, means = details.unit, details.count, details.means
    return posted(desk.buy_units(session, target, unit, count, currency, means, who.id, now_ms))


@router.get("/overdue")
def list_due(who: Looks, session: Reading, context: Ctx) -> list[DueSeen]:
    """Return what a run of reminders would do now; it is run by `makerfloor remind`."""
    settings = context.settings.payments
    levels = level_files.load(settings.reminders)
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    plan = runs.plan(session, levels, settings.block_after_days, currency, now_ms)
    return [DueSeen.model_validate(due) for due in plan]


@router.get("/blocks")
def list_blocks(who: Looks, session: Reading) -> list[BlockSeen]:
    """Return the accounts that are blocked because they are overdue."""
    return [
        BlockSeen(
            account=row.account,
            name=books.name_of(session, row.account),
            before_ms=row.before_ms,
            since_ms=row.since_ms,
        )
        for row in overdue.blocks(session)
    ]


@router.delete("/blocks/{account}", status_code=204)
def lift_block(who: Writes, session: Writing, context: Ctx, account: str) -> None:
    """Take a block away before what is due is paid; the next run of reminders puts it back."""
    if not overdue.lift(session, books.find_account(session, account), context.clock.now_ms()):
        raise Refused("block_not_found", "This account is not blocked.")


def drawer_seen(found: Drawer, contents: drawer.Contents) -> DrawerSeen:
    """Return a drawer as it is seen over HTTP."""
    return DrawerSeen(
        **found.model_dump(exclude={"opened_seq", "closed_seq"}),
        expected_micro=contents.expected_micro,
        by_kind={str(kind): amount for kind, amount in contents.by_kind.items()},
    )


def posted(sealed: Sealed) -> Posted:
    """Return an entry's place in the books."""
    return Posted(entry=sealed.entry.id, seq=sealed.seq, hash=sealed.hash)
