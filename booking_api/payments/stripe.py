"""Stripe's Checkout: **never run against Stripe itself**, only against a scripted peer.

Sources, Stripe's API reference and guides as published (docs.stripe.com):
- "Create a Checkout Session", POST /v1/checkout/sessions: form-encoded with brackets for what is nested
  (`line_items[0][price_data][unit_amount]`), Bearer key, header `Idempotency-Key`; answers `id` and `url`.
- "Create a refund", POST /v1/refunds with `payment_intent` and `amount`.
- "Errors": a body `{"error": {"type", "code", "message"}}` with a status of 4xx or 5xx.
- "Verify webhook signatures manually": header `Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX]`, HMAC-SHA256 of
  `SECONDS.BODY` by the endpoint's secret, a tolerance of five minutes; schemes other than v1 are ignored.
- "The Event object": `id`, `type`, `data.object`. "The Checkout Session object": `client_reference_id`,
  `payment_status`, `amount_total`, `currency`, `payment_intent`. "The Charge object": `payment_intent`,
  `amount_refunded` (all refunds so far). "The Dispute object": `payment_intent`, `amount`, `currency`; money
  goes with charge.dispute.funds_withdrawn and is back with charge.dispute.funds_reinstated.
Amounts are in the smallest unit of the currency; Stripe's exceptions (ISK, UGX, HUF for payouts) are not met.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from booking_api.payments.provider import Event, Happened, Order, ProviderUnreachable, Started
from floor.errors import PeerError

BODY_MAX = 1 << 20
TOLERANCE_MS = 300_000
TIMEOUT_S = 15
HAPPENED = {
    "checkout.session.completed": Happened.PAID,
    "checkout.session.async_payment_succeeded": Happened.PAID,
    "checkout.session.expired": Happened.EXPIRED,
    "checkout.session.async_payment_failed": Happened.EXPIRED,
    "charge.refunded": Happened.REFUNDED,
    "charge.dispute.funds_withdrawn": Happened.WITHDRAWN,
    "charge.dispute.funds_reinstated": Happened.REINSTATED,
}
"""Stripe's events that change something; a completed session that is not paid yet waits for the next one."""
_AMOUNT_OF = {
    Happened.PAID: "amount_total",
    Happened.EXPIRED: "amount_total",
    Happened.REFUNDED: "amount_refunded",
    Happened.WITHDRAWN: "amount",
    Happened.REINSTATED: "amount",
}


@dataclass(frozen=True)
class Stripe:
    """Stripe, as a Provider. `address` is its API's, another one for trials."""

    key: str
    webhook_secret: str
    address: str

    def __repr__(self) -> str:
        return f"Stripe({self.address})"

    @property
    def name(self) -> str:
        """What the books call it."""
        return "stripe"

    async def start(self, order: Order) -> Started:
        """Create a Checkout Session for one payment; the order's id is its Idempotency-Key."""
        form = {
            "mode": "payment",
            "client_reference_id": order.id,
            "success_url": order.back_url,
            "cancel_url": order.back_url,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": order.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(order.amount_minor),
            "line_items[0][price_data][product_data][name]": order.words,
        }
        answer = await self._post("/v1/checkout/sessions", form, order.id)
        reference, url = answer.get("id"), answer.get("url")
        if not isinstance(reference, str) or not isinstance(url, str) or not url.startswith("http"):
            raise ProviderUnreachable("The provider answered without an address to pay at.")
        return Started(reference[:200], url)

    async def refund(self, charge: str, amount_minor: int, key: str) -> None:
        """Refund a part of a PaymentIntent."""
        form = {"payment_intent": charge, "amount": str(amount_minor)}
        await self._post("/v1/refunds", form, key)

    def read_event(self, body: bytes, signature: str, now_ms: int) -> Event:
        """Return what a signed event says; `now_ms` is real time, for the tolerance of five minutes."""
        if len(body) > BODY_MAX:
            raise PeerError("The event is larger than a megabyte.")
        check_signature(body, signature, self.webhook_secret, now_ms)
        return read_event(body)

    async def _post(self, path: str, form: Mapping[str, str], key: str) -> Mapping[str, object]:
        import httpx  # here: most servers never ask a provider

        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key}
        try:
            async with httpx.AsyncClient(base_url=self.address, timeout=TIMEOUT_S) as client:
                answer = await client.post(path, data=dict(form), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderUnreachable("The payment provider cannot be reached. Try again later.") from error
        try:
            table = answer.json()
        except (ValueError, RecursionError):
            table = None
        if answer.status_code != 200 or not isinstance(table, dict):
            words = _problem(table)
            raise ProviderUnreachable(f"The payment provider refused ({answer.status_code}{words}).")
        return table


def check_signature(body: bytes, header: str, secret: str, now_ms: int) -> None:
    """Raise PeerError unless one v1 signature of the raw body holds and is at most five minutes old."""
    at, signatures = "", []
    for part in header[:4_000].split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            at = value
        elif name == "v1":
            signatures.append(value)
    if not secret or not (at.isascii() and at.isdigit() and len(at) <= 12):
        raise PeerError("The event is not signed.")
    expected = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures):
        raise PeerError("The event's signature does not hold.")
    if abs(now_ms - int(at) * 1000) > TOLERANCE_MS:
        raise PeerError("The event is too old, or a clock is wrong.")


def read_event(body: bytes) -> Event:
    """Return what an event says; raises PeerError for what is no event. Kinds we do not know are `OTHER`."""
    try:
        table = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PeerError("The event is not JSON.") from error
    if not isinstance(table, dict):
        raise PeerError("The event is not an object.")
    id, kind = _text(table, "id"), _text(table, "type")
    if not id or not kind:
        raise PeerError("The event has no id or no type.")
    data = table.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    happened = HAPPENED.get(kind, Happened.OTHER)
    if happened is Happened.OTHER:
        return Event(id, kind[:100], happened)
    if not isinstance(about, dict):
        raise PeerError("The event says nothing of a payment.")
    if happened is Happened.PAID and about.get("payment_status") != "paid":
        happened = Happened.OTHER  # by bank or wallet, later: another event follows
    amount = about.get(_AMOUNT_OF.get(happened, "amount_total"), 0)
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount < 1 << 50:
        raise PeerError("The event's amount is none.")
    return Event(
        id=id,
        kind=kind[:100],
        happened=happened,
        order=_text(about, "client_reference_id"),
        reference=_text(about, "id"),
        charge=_text(about, "payment_intent"),
        amount_minor=amount,
        currency=_text(about, "currency").upper(),
    )


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    return value[:200].replace("\x00", "") if isinstance(value, str) and value.isprintable() else ""


def _problem(table: object) -> str:
    error = table.get("error") if isinstance(table, dict) else None
    code = (error.get("code") or error.get("type")) if isinstance(error, dict) else None
    return f": {code[:60]}" if isinstance(code, str) and code.isprintable() else ""
