"""Payment online over HTTP: begun by a member, told by the provider, refunded by an operator."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, holds, own_or
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.idempotency import IdempotencyKey
from booking_api.ledger.endpoints import Micro
from booking_api.members import service as members
from booking_api.metering.metrics import PEER_ERRORS
from booking_api.payments import online
from booking_api.payments.acting import acts_for
from booking_api.payments.bank_endpoints import bounded_body
from booking_api.payments.models import OnlineState
from booking_api.payments.provider import ProviderUnreachable
from booking_api.payments.stripe import BODY_MAX
from booking_api.problems import problem
from floor.errors import PeerError, Refused

router = Router(prefix="/api/v1", tags=["payments"])
Writes = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Acts = Annotated[Who, Depends(acts_for)]


class Asked(BaseModel):
    """What a member wants to pay online."""

    amount_micro: Micro


class Begun(BaseModel):
    """Where the payer goes on."""

    id: str
    url: str


class PaymentSeen(BaseModel):
    """An online payment."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    provider: str
    amount_micro: int
    commodity: str
    state: OnlineState
    refunded_micro: int
    started_ms: int


class Taken(BaseModel):
    """What came of an event."""

    outcome: str


@router.post("/members/{member}/online-payments", status_code=201)
async def begin(who: Acts, context: Ctx, member: str, details: Asked) -> Begun:
    """Begin a payment onto a member's own account; it is posted when the provider says that it was paid."""
    return await begin_payment(context, member, details.amount_micro)


@router.get("/members/{member}/online-payments")
def list_payments(who: SignedIn, session: Reading, member: str) -> list[PaymentSeen]:
    """Return a member's online payments."""
    own_or(who, member, Permission.LEDGER_READ)
    found = online.of_account(session, members.get(session, member).account)
    return [PaymentSeen.model_validate(payment) for payment in found]


@router.post("/online-payments/{id}/refund", status_code=202)
async def refund(who: Writes, context: Ctx, id: str, details: Asked, key: IdempotencyKey) -> Taken:
    """Ask the provider to give a payment back; it is posted when the provider says that it was."""
    provider = online.provider_of(context.settings)
    currency = context.settings.currency
    charge = await context.database.transact(
        lambda session: online.refundable(session, id, details.amount_micro, currency)
    )
    try:
        await provider.refund(charge, details.amount_micro // currency.minor_micro, f"{id}/{key}")
    except ProviderUnreachable as error:
        raise Refused("provider_unreachable", str(error)) from error
    return Taken(outcome="asked")


@router.post("/payments/stripe/events", response_model=Taken)
async def take_event(
    request: Request,
    context: Ctx,
    signature: Annotated[str, Header(alias="Stripe-Signature", max_length=4000)] = "",
) -> JSONResponse | Taken:
    """Take an event of Stripe's, signed over its raw body, once; unknown ones are acknowledged."""
    provider = online.provider_of(context.settings)
    body = await bounded_body(request, BODY_MAX)
    try:
        event = provider.read_event(body, signature, context.wall.now_ms())
    except PeerError as error:
        PEER_ERRORS.labels(provider.name).inc()
        return problem(400, "event_malformed", str(error))
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    outcome = await context.database.transact(
        lambda session: online.take_event(session, event, provider.name, currency, now_ms)
    )
    return Taken(outcome=outcome)


async def begin_payment(context: Context, member: str, amount_micro: int) -> Begun:
    """Keep the payment, ask the provider, keep what it answered; raises Refused without an answer."""
    provider = online.provider_of(context.settings)
    currency, now_ms = context.settings.currency, context.clock.now_ms()
    payment = await context.database.transact(
        lambda session: online.begin(
            session,
            members.get(session, member).account,
            member,
            amount_micro,
            currency,
            provider.name,
            now_ms,
        )
    )
    order = online.order_of(
        payment, currency, context.settings.space_name, f"{context.settings.address}/shop"
    )
    try:
        answer = await provider.start(order)
    except ProviderUnreachable as error:
        raise Refused("provider_unreachable", str(error)) from error
    await context.database.transact(lambda session: online.started(session, payment.id, answer))
    return Begun(id=payment.id, url=answer.url)
