"""What is done with webhooks: registered, told, tried again, paused. Times are real UTC milliseconds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, delete, func, select, update

from booking_api.audit.notes import note
from booking_api.clock import make_id
from booking_api.happenings.again import KEPT_MS
from booking_api.happenings.models import Happened
from booking_api.happenings.words import Happening
from booking_api.vault import Vault
from booking_api.webhooks import signing
from booking_api.webhooks.addresses import Reach, check
from booking_api.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from floor.errors import Refused

WEBHOOKS_MAX = 50
EVERYTHING = "*"
PING = "ping"
PAUSED = "the webhook is paused"
PURGED_MAX = 5_000


class WebhookDetails(BaseModel):
    """A new webhook: what it is called, where it is, and which happenings it is told ("*": all)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    address: Annotated[str, Field(min_length=1, max_length=500)]
    happenings: Annotated[list[str], Field(min_length=1, max_length=100)]


class WebhookChanges(BaseModel):
    """What to change of a webhook: only the fields that are given."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=100)] = ""
    address: Annotated[str, Field(min_length=1, max_length=500)] = ""
    happenings: Annotated[list[str], Field(min_length=1, max_length=100)] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many deliveries of a webhook stand where."""

    pending: int = 0
    delivered: int = 0
    dead: int = 0


def listed(session: Session) -> list[Webhook]:
    """Return the webhooks, the oldest first."""
    return list(session.exec(select(Webhook).order_by(col(Webhook.id))))


def get(session: Session, id: str) -> Webhook:
    """Return a webhook; raises Refused when there is none."""
    found = session.get(Webhook, id)
    if found is None:
        raise Refused("webhook_not_found", "There is no such webhook.")
    return found


def add(
    session: Session, vault: Vault, details: WebhookDetails, reach: Reach, author: str, now_ms: int
) -> tuple[Webhook, str]:
    """Register a webhook and return it with its secret, which is shown this once."""
    check(details.address, reach)
    _check_happenings(details.happenings)
    if len(listed(session)) >= WEBHOOKS_MAX:
        raise Refused("webhooks_many", f"There are {WEBHOOKS_MAX} webhooks; remove one first.")
    secret = signing.new_secret()
    made = Webhook(
        id=make_id(now_ms),
        name=details.name,
        address=details.address,
        happenings=sorted(set(details.happenings)),
        secret_sealed=vault.seal(secret.encode()),
        author=author,
        created_ms=now_ms,
    )
    session.add(made)
    return made, secret


def change(session: Session, id: str, changes: WebhookChanges, reach: Reach) -> Webhook:
    """Change a webhook; what waits for it goes to its new address."""
    webhook, given = get(session, id), changes.model_dump(exclude_unset=True)
    if "address" in given:
        check(given["address"], reach)
    if "happenings" in given:
        _check_happenings(given["happenings"])
    webhook.sqlmodel_update(given)
    session.add(webhook)
    return webhook


def renew_secret(session: Session, vault: Vault, id: str) -> tuple[Webhook, str]:
    """Give a webhook another secret and return it, shown this once; the old one signs nothing more."""
    webhook, secret = get(session, id), signing.new_secret()
    webhook.secret_sealed = vault.seal(secret.encode())
    session.add(webhook)
    return webhook, secret


def remove(session: Session, id: str) -> None:
    """Forget a webhook and all that was sent to it."""
    webhook = get(session, id)
    session.exec(delete(WebhookDelivery).where(col(WebhookDelivery.webhook) == id))
    session.delete(webhook)


def resume(session: Session, id: str) -> Webhook:
    """Send to a paused webhook again; what died meanwhile is sent by `again`."""
    webhook = get(session, id)
    webhook.paused_ms = webhook.failing_ms = None
    session.add(webhook)
    return webhook


def counts(session: Session) -> dict[str, Counts]:
    """Return by webhook how many deliveries stand where."""
    kind, number = WebhookDelivery, func.count()
    query = select(kind.webhook, kind.state, number).group_by(kind.webhook, kind.state)
    found: dict[str, dict[str, int]] = {}
    for webhook, state, count in session.exec(query):
        found.setdefault(webhook, {})[str(state)] = count
    return {webhook: Counts(**of) for webhook, of in found.items()}


def again(session: Session, webhook: str, now_ms: int, id: str | None = None) -> int:
    """Send one delivery again, or (None) all that are dead; returns how many. Refused for an unknown one."""
    get(session, webhook)
    mine = col(WebhookDelivery.webhook) == webhook
    which = col(WebhookDelivery.id) == id if id else col(WebhookDelivery.state) == DeliveryState.DEAD
    done = session.exec(
        update(WebhookDelivery)
        .where(mine, which)
        .values(state=DeliveryState.PENDING, since_ms=now_ms, next_ms=now_ms, tries=0, done_ms=None)
    ).rowcount
    if id and not done:
        raise Refused("delivery_not_found", "There is no such delivery.")
    note(session, "webhook", webhook, "sent again", deliveries=done)
    return done


def ping(session: Session, id: str, now_ms: int) -> WebhookDelivery:
    """Send a webhook something that did not happen, to see whether it is taken."""
    webhook = get(session, id)
    if webhook.paused_ms is not None:
        raise Refused("webhook_paused", "This webhook is paused. Resume it first.")
    made = _delivery(webhook, PING, webhook.id, None, {}, now_ms, now_ms)
    session.add(made)
    return made


def is_wanted(session: Session, what: Happening) -> bool:
    """Whether any webhook is told of such happenings."""
    return any(_takes(one, what) for one in listed(session))


def plan(session: Session, rows: Iterable[Happened], now_ms: int) -> None:
    """Make the deliveries of happenings; for a webhook that is paused they are dead from the begin."""
    webhooks = listed(session)
    for row in rows:
        for one in webhooks:
            if _takes(one, row.what):
                session.add(_delivery(one, row.what, row.subject, row.member, row.data, row.at_ms, now_ms))


def purge(session: Session, now_ms: int) -> None:
    """Forget deliveries that were done or given up long ago."""
    old = select(WebhookDelivery.id).where(col(WebhookDelivery.done_ms) < now_ms - KEPT_MS).limit(PURGED_MAX)
    session.exec(delete(WebhookDelivery).where(col(WebhookDelivery.id).in_(old)))


def _takes(webhook: Webhook, what: str) -> bool:
    return EVERYTHING in webhook.happenings or what in webhook.happenings


def _check_happenings(words: Iterable[str]) -> None:
    unknown = sorted(set(words) - set(Happening) - {EVERYTHING})
    if unknown:
        known = ", ".join(Happening)
        raise Refused("happening_unknown", f"{unknown[0]!r} never happens. Use *, or some of: {known}.")


def _delivery(
    webhook: Webhook, what: str, subject: str, member: str | None, data: object, at_ms: int, now_ms: int
) -> WebhookDelivery:
    id = make_id(now_ms)
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    told = {"id": id, "what": what, "subject": subject, "member": member, "data": data, "at": at}
    is_dead = webhook.paused_ms is not None
    return WebhookDelivery(
        id=id,
        webhook=webhook.id,
        what=what,
        subject=subject,
        body=json.dumps(told, ensure_ascii=False),
        state=DeliveryState.DEAD if is_dead else DeliveryState.PENDING,
        created_ms=now_ms,
        since_ms=now_ms,
        next_ms=now_ms,
        done_ms=now_ms if is_dead else None,
        problem=PAUSED if is_dead else "",
    )
