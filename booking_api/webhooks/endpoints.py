"""Webhooks over HTTP, for who may make them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel
from sqlmodel import Session, col, select

from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.paging import Cursor, Limit, Page, page
from booking_api.webhooks import service
from booking_api.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from booking_api.webhooks.service import WebhookChanges, WebhookDetails

router = Router(prefix="/api/v1/webhooks", tags=["webhooks"])
Keeper = Annotated[Who, Depends(holds(Permission.WEBHOOKS_WRITE))]


class WebhookSeen(BaseModel):
    """A webhook without its secret. `failing_ms`: since when it took nothing; `paused_ms`: sent nothing."""

    id: str
    name: str
    address: str
    happenings: list[str]
    author: str
    created_ms: int
    failing_ms: int | None
    paused_ms: int | None


class WebhookMade(WebhookSeen):
    """A webhook with its new secret, which is shown this once."""

    secret: str


class DeliverySeen(BaseModel):
    """One delivery. `body` is what is sent; times are real UTC milliseconds."""

    id: str
    webhook: str
    what: str
    subject: str
    body: str
    state: DeliveryState
    created_ms: int
    next_ms: int
    tries: int
    done_ms: int | None
    status: int | None
    problem: str


class SentAgain(BaseModel):
    """How many deliveries are tried again."""

    deliveries: int


@router.get("")
def list_webhooks(who: Keeper, session: Reading) -> list[WebhookSeen]:
    """List the webhooks."""
    return [_seen(one) for one in service.listed(session)]


@router.post("", status_code=201)
def add_webhook(who: Keeper, session: Writing, context: Ctx, details: WebhookDetails) -> WebhookMade:
    """Register an address; its secret is in this answer and nowhere else."""
    reach, now_ms = context.settings.notices.reach, context.wall.now_ms()
    made, secret = service.add(session, context.vault, details, reach, who.id, now_ms)
    return _made(made, secret)


@router.patch("/{id}")
def change_webhook(
    who: Keeper, session: Writing, context: Ctx, id: str, changes: WebhookChanges
) -> WebhookSeen:
    """Change a webhook."""
    return _seen(service.change(session, id, changes, context.settings.notices.reach))


@router.delete("/{id}", status_code=204)
def remove_webhook(who: Keeper, session: Writing, id: str) -> None:
    """Forget a webhook and what was sent to it."""
    service.remove(session, id)


@router.post("/{id}/secret")
def renew_secret(who: Keeper, session: Writing, context: Ctx, id: str) -> WebhookMade:
    """Give a webhook another secret."""
    return _made(*service.renew_secret(session, context.vault, id))


@router.post("/{id}/resume")
def resume(who: Keeper, session: Writing, id: str) -> WebhookSeen:
    """Send to a paused webhook again."""
    return _seen(service.resume(session, id))


@router.post("/{id}/ping", status_code=202)
def ping(who: Keeper, session: Writing, context: Ctx, id: str) -> DeliverySeen:
    """Send a webhook something that did not happen: `ping`."""
    return _delivery(service.ping(session, id, context.wall.now_ms()))


@router.get("/{id}/deliveries")
def list_deliveries(
    who: Keeper,
    session: Reading,
    id: str,
    state: DeliveryState | None = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> Page[DeliverySeen]:
    """List what was sent to a webhook, newest first."""
    rows, more = deliveries_of(session, id, state, cursor, limit)
    return Page(items=[_delivery(row) for row in rows], next=more)


@router.post("/{id}/again", status_code=202)
def send_all_again(who: Keeper, session: Writing, context: Ctx, id: str) -> SentAgain:
    """Send all deliveries again that are dead."""
    return SentAgain(deliveries=service.again(session, id, context.wall.now_ms()))


@router.post("/{id}/deliveries/{delivery}/again", status_code=202)
def send_again(who: Keeper, session: Writing, context: Ctx, id: str, delivery: str) -> SentAgain:
    """Send one delivery again, whatever came of it."""
    return SentAgain(deliveries=service.again(session, id, context.wall.now_ms(), delivery))


def deliveries_of(
    session: Session, id: str, state: DeliveryState | None, cursor: str, limit: int
) -> tuple[list[WebhookDelivery], str | None]:
    """Return deliveries of a webhook, newest first, and the next page's cursor."""
    service.get(session, id)
    query = select(WebhookDelivery).where(WebhookDelivery.webhook == id)
    if state is not None:
        query = query.where(WebhookDelivery.state == state)
    return page(session, query, col(WebhookDelivery.id), cursor, limit, newest_first=True)


def _seen(one: Webhook) -> WebhookSeen:
    return WebhookSeen.model_validate(one.model_dump(exclude={"secret_sealed"}))


def _made(one: Webhook, secret: str) -> WebhookMade:
    return WebhookMade.model_validate(one.model_dump(exclude={"secret_sealed"}) | {"secret": secret})


def _delivery(one: WebhookDelivery) -> DeliverySeen:
    return DeliverySeen.model_validate(one.model_dump(exclude={"since_ms"}))
