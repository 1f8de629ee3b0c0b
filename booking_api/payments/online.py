"""Online payments: begun by a member, posted when the provider says so, each of its events taken once."""

from __future__ import annotations

from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.ledger.accounts import member_account, provider_account
from booking_api.payments import books
from booking_api.payments.models import OnlinePayment, OnlineState, ProviderEvent
from booking_api.payments.provider import Event, Happened, Order, Provider, Started
from booking_api.payments.stripe import Stripe
from booking_api.settings import Settings
from floor.errors import Refused
from floor.ledger import EntryKind, Posting
from floor.money import Commodity

UNMATCHED = "no payment of ours"


def provider_of(settings: Settings) -> Provider:
    """Return the provider that the settings name; raises Refused where there is none."""
    payments = settings.payments
    if not payments.stripe_key or not payments.stripe_webhook_secret:
        raise Refused("online_not_found", "Payment online is not set up here.")
    return Stripe(payments.stripe_key, payments.stripe_webhook_secret, payments.stripe_address)


def begin(
    session: Session,
    account: str,
    member: str,
    amount_micro: int,
    currency: Commodity,
    name: str,
    now_ms: int,
) -> OnlinePayment:
    """Keep that a payment is about to be asked for, before anybody is asked."""
    books.check_amount(amount_micro, currency)
    payment = OnlinePayment(
        id=make_id(now_ms),
        provider=name,
        account=account,
        member=member,
        amount_micro=amount_micro,
        commodity=currency.code,
        started_ms=now_ms,
    )
    session.add(payment)
    session.flush()
    return payment


def order_of(payment: OnlinePayment, currency: Commodity, words: str, back_url: str) -> Order:
    """Return what the provider is asked for."""
    return Order(payment.id, payment.amount_micro // currency.minor_micro, currency.code, words, back_url)


def started(session: Session, id: str, answer: Started) -> None:
    """Keep what the provider calls a payment."""
    payment = session.get(OnlinePayment, id)
    assert payment is not None
    payment.reference = answer.reference
    session.add(payment)


def take_event(session: Session, event: Event, provider: str, currency: Commodity, now_ms: int) -> str:
    """Do what an event says, once, and return what came of it; the same event again answers the same."""
    books.hold(session)
    known = session.get(ProviderEvent, (provider, event.id))
    if known is not None:
        return known.outcome
    outcome = _act(session, event, provider, currency, now_ms)
    session.add(
        ProviderEvent(
            provider=provider, id=event.id, kind=event.kind, outcome=outcome[:200], received_ms=now_ms
        )
    )
    session.flush()
    return outcome


def refundable(session: Session, id: str, amount_micro: int, currency: Commodity) -> str:
    """Return what a payment is refunded by; raises Refused for more than is left of it, or in credit."""
    books.check_amount(amount_micro, currency)
    books.hold(session)
    payment = session.get(OnlinePayment, id)
    if payment is None or payment.charge is None:
        raise Refused("online_payment_not_found", "There is no such payment.")
    credit_micro = -books.owed_micro(session, payment.account, payment.commodity)
    if amount_micro > min(payment.amount_micro - payment.refunded_micro, credit_micro):
        raise Refused("credit_too_small", "The account has not so much in credit.")
    return payment.charge


def of_account(session: Session, account: str, limit: int = 20) -> list[OnlinePayment]:
    """Return an account's online payments, newest first."""
    query = select(OnlinePayment).where(OnlinePayment.account == account)
    return list(session.exec(query.order_by(col(OnlinePayment.id).desc()).limit(limit)))


def _act(session: Session, event: Event, provider: str, currency: Commodity, now_ms: int) -> str:
    if event.happened is Happened.OTHER:
        return "acknowledged"
    payment = _payment(session, event, provider)
    if payment is None:
        return UNMATCHED
    if event.currency != payment.commodity or payment.commodity != currency.code:
        return f"another currency: {event.currency[:8]}"
    amount_micro = event.amount_minor * currency.minor_micro
    match event.happened:
        case Happened.PAID:
            return _paid(session, payment, event, amount_micro, now_ms)
        case Happened.EXPIRED:
            if payment.state is OnlineState.STARTED:
                payment.state = OnlineState.EXPIRED
                session.add(payment)
            return "expired"
        case Happened.REFUNDED:
            return _refunded(session, payment, event, amount_micro, now_ms)
        case Happened.WITHDRAWN:
            payment.state = OnlineState.DISPUTED
            session.add(payment)
            return _move(session, payment, event, amount_micro, EntryKind.REFUND, "dispute", now_ms)
        case Happened.REINSTATED:
            payment.state = OnlineState.PAID
            session.add(payment)
            return _move(session, payment, event, -amount_micro, EntryKind.PAYMENT, "dispute won", now_ms)
    raise AssertionError(event.happened)


def _payment(session: Session, event: Event, provider: str) -> OnlinePayment | None:
    """Return the payment that an event is about: by our id, else by the provider's."""
    query = select(OnlinePayment).where(OnlinePayment.provider == provider)
    if event.order:
        return session.exec(query.where(OnlinePayment.id == event.order)).first()
    if event.charge:
        return session.exec(query.where(OnlinePayment.charge == event.charge)).first()
    return None


def _paid(session: Session, payment: OnlinePayment, event: Event, amount_micro: int, now_ms: int) -> str:
    """Post what was really paid, once for a payment, however many events tell of it."""
    if payment.entry is not None:
        return "paid already"
    if amount_micro <= 0:
        return "nothing was paid"
    payment.charge, payment.state = event.charge or None, OnlineState.PAID
    postings = (
        Posting(provider_account(payment.provider), payment.commodity, amount_micro),
        Posting(member_account(payment.account), payment.commodity, -amount_micro),
    )
    source = f"{payment.provider}:{payment.id}"
    memo = "paid online"
    sealed = books.post(
        session, EntryKind.PAYMENT, postings, payment.provider, now_ms, source=source, memo=memo
    )
    payment.entry = sealed.entry.id
    session.add(payment)
    return "paid" if amount_micro == payment.amount_micro else "paid, another amount than asked"


def _refunded(session: Session, payment: OnlinePayment, event: Event, amount_micro: int, now_ms: int) -> str:
    """Post what was refunded since the last time: the event tells the sum of all refunds."""
    more = amount_micro - payment.refunded_micro
    if more <= 0:
        return "refunded already"
    payment.refunded_micro = amount_micro
    session.add(payment)
    return _move(session, payment, event, more, EntryKind.REFUND, "refunded online", now_ms)


def _move(
    session: Session,
    payment: OnlinePayment,
    event: Event,
    amount_micro: int,
    kind: EntryKind,
    words: str,
    now_ms: int,
) -> str:
    """Post that money left the provider (> 0: the account owes it again) or came back to it."""
    if not amount_micro:
        return "nothing"
    postings = (
        Posting(member_account(payment.account), payment.commodity, amount_micro),
        Posting(provider_account(payment.provider), payment.commodity, -amount_micro),
    )
    source = f"{payment.provider}:{event.id}"
    books.post(session, kind, postings, payment.provider, now_ms, source=source, memo=words)
    return words
