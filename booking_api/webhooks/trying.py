"""Who tries which delivery, and what came of it. Times are real UTC milliseconds.

A try is claimed by moving its time on, if nobody has done so meanwhile: one worker of several has it, and
when that one dies, its time comes again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, func, select, update
from sqlmodel.sql.expression import Select

from booking_api.happenings.again import GIVE_UP_MS, delay_ms
from booking_api.webhooks.models import DeliveryState, Webhook, WebhookDelivery

LEASE_MS = 60_000
"""How long whoever claimed a try may take; longer than any timeout of sending."""
LOOKED_AT = 64
OF_ONE_MAX = 4
"""So many tries of one webhook at a time: one that hangs leaves room for the others."""


@dataclass(frozen=True, slots=True)
class Try:
    """A delivery that this worker has claimed."""

    id: str
    webhook: str
    address: str
    secret_sealed: str
    body: str


def due(session: Session, now_ms: int) -> bool:
    """Whether any try is due; reads only."""
    return session.exec(_due(now_ms).limit(1)).first() is not None


def claim(session: Session, now_ms: int, room: int, running: Mapping[str, int]) -> list[Try]:
    """Claim at most `room` tries that are due; `running` is how many run here already, by webhook."""
    found = session.exec(_due(now_ms).order_by(col(WebhookDelivery.next_ms)).limit(LOOKED_AT)).all()
    mine: list[Try] = []
    busy = Counter(running)
    for delivery, webhook in found:
        if len(mine) >= room:
            break
        if busy[webhook.id] >= OF_ONE_MAX:
            continue
        taken = session.exec(
            update(WebhookDelivery)
            .where(
                col(WebhookDelivery.id) == delivery.id,
                col(WebhookDelivery.next_ms) == delivery.next_ms,
                col(WebhookDelivery.state) == DeliveryState.PENDING,
            )
            .values(next_ms=now_ms + LEASE_MS, tries=delivery.tries + 1),
            execution_options={"synchronize_session": False},
        ).rowcount
        if taken:
            busy[webhook.id] += 1
            sealed = webhook.secret_sealed
            mine.append(Try(delivery.id, webhook.id, webhook.address, sealed, delivery.body))
    return mine


def succeeded(session: Session, id: str, status: int, now_ms: int) -> None:
    """Write down that a delivery was taken."""
    delivery = session.get(WebhookDelivery, id)
    if delivery is None:
        return  # its webhook was removed meanwhile
    delivery.state, delivery.status = DeliveryState.DELIVERED, status
    delivery.done_ms, delivery.problem = now_ms, ""
    webhook = session.get_one(Webhook, delivery.webhook)
    if webhook.failing_ms is not None:
        webhook.failing_ms = None
    session.add_all((delivery, webhook))


def failed(
    session: Session, id: str, status: int | None, problem: str, now_ms: int
) -> tuple[WebhookDelivery, Webhook | None] | None:
    """Write down that a delivery was not taken: it is tried again or dead.

    Returns it, and the webhook if that was paused by this; None when both are gone.
    """
    delivery = session.get(WebhookDelivery, id)
    if delivery is None:
        return None
    delivery.status, delivery.problem = status, problem[:200]
    if now_ms - delivery.since_ms >= GIVE_UP_MS:
        delivery.state, delivery.done_ms = DeliveryState.DEAD, now_ms
    else:
        delivery.next_ms = now_ms + delay_ms(delivery.tries - 1, random.random())
    webhook = session.get_one(Webhook, delivery.webhook)
    if webhook.failing_ms is None:
        webhook.failing_ms = now_ms
    is_over = now_ms - webhook.failing_ms >= GIVE_UP_MS and webhook.paused_ms is None
    if is_over:
        webhook.paused_ms = now_ms
    session.add_all((delivery, webhook))
    return delivery, webhook if is_over else None


def waiting(session: Session) -> int:
    """Return how many deliveries wait."""
    pending = col(WebhookDelivery.state) == DeliveryState.PENDING
    return session.exec(select(func.count()).select_from(WebhookDelivery).where(pending)).one()


def _due(now_ms: int) -> Select[WebhookDelivery, Webhook]:
    return (
        select(WebhookDelivery, Webhook)
        .join(Webhook, col(Webhook.id) == col(WebhookDelivery.webhook))
        .where(
            col(WebhookDelivery.state) == DeliveryState.PENDING,
            col(WebhookDelivery.next_ms) <= now_ms,
            col(Webhook.paused_ms).is_(None),
        )
    )
