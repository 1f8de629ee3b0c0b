"""Payment online against a scripted Stripe: begun, told by signed events once, refunded, disputed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from booking_api.ledger.models import AccountBalance
from booking_api.payments import stripe
from booking_api.payments.models import OnlinePayment, OnlineState, ProviderEvent
from booking_api.payments.stripe import TOLERANCE_MS
from floor.errors import PeerError
from tests.kit.web import WebFloor, build
from tests.peers.stripe import KEY, SECRET, StripePeer, event, run_stripe, signature

HOOK = "/api/v1/payments/stripe/events"
EURO = 1_000_000


@pytest.fixture
def peer() -> Iterator[StripePeer]:
    with run_stripe() as made:
        yield made


@pytest.fixture
def web(tmp_path: Path, peer: StripePeer) -> Iterator[WebFloor]:
    made = build(tmp_path)
    told = replace(
        made.context.settings.payments,
        stripe_key=KEY,
        stripe_webhook_secret=SECRET,
        stripe_address=peer.address,
    )
    made.app.state.context = replace(made.context, settings=replace(made.context.settings, payments=told))
    yield made
    made.context.database.close()


async def begin(web: WebFloor, amount: int = 20 * EURO) -> dict[str, str]:
    path = f"/api/v1/members/{web.people['otto']}/online-payments"
    answer = await web.program("otto").post(path, json={"amount_micro": amount})
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


async def tell(web: WebFloor, body: bytes, header: str | None = None) -> httpx.Response:
    at_s = web.context.wall.now_ms() // 1000
    headers = {"stripe-signature": signature(body, at_s) if header is None else header}
    return await web.browser().post(HOOK, content=body, headers=headers)


def paid(
    order: str, id: str = "evt_1", amount: int = 2_000, status: str = "paid", currency: str = "eur"
) -> bytes:
    about = {
        "id": "cs_test_1", "object": "checkout.session", "client_reference_id": order, "amount_total": amount,
        "currency": currency, "payment_intent": "pi_1", "payment_status": status,
    }  # fmt: skip
    return event(id, "checkout.session.completed", about)


def owed(web: WebFloor) -> tuple[int, int]:
    """What Otto owes, and what lies at the provider."""
    with web.context.database.read() as session:
        rows = {row.account: row.amount_micro for row in session.exec(select(AccountBalance))}
    return rows.get(f"assets:member:{web.people['otto']}", 0), rows.get("assets:provider:stripe", 0)


async def test_a_payment_is_posted_when_the_provider_says_so_and_once(
    web: WebFloor, peer: StripePeer
) -> None:
    before = owed(web)[0]
    begun = await begin(web)
    assert begun["url"].startswith(peer.address)
    path, form, key = peer.requests[0]
    assert (path, key, form["client_reference_id"]) == ("/v1/checkout/sessions", begun["id"], begun["id"])
    assert form["line_items[0][price_data][unit_amount]"] == "2000"
    assert form["line_items[0][price_data][currency]"] == "eur"
    assert owed(web) == (before, 0)
    for id in ("evt_1", "evt_1", "evt_2"):
        assert (await tell(web, paid(begun["id"], id))).status_code == 200
    assert owed(web) == (before - 20 * EURO, 20 * EURO)


async def test_refunds_and_disputes_are_posted_as_the_events_tell(web: WebFloor) -> None:
    before = owed(web)[0]
    begun = await begin(web)
    await tell(web, paid(begun["id"]))
    charge = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "currency": "eur"}
    for n, total in enumerate((500, 500, 700)):
        body = event(f"evt_r{n}", "charge.refunded", charge | {"amount_refunded": total})
        assert (await tell(web, body)).status_code == 200
    assert owed(web) == (before - 13 * EURO, 13 * EURO)
    dispute = {
        "id": "dp_1",
        "object": "dispute",
        "payment_intent": "pi_1",
        "amount": 1_300,
        "currency": "eur",
    }
    await tell(web, event("evt_d", "charge.dispute.funds_withdrawn", dispute))
    assert owed(web) == (before, 0)
    assert state(web, begun["id"]) is OnlineState.DISPUTED
    await tell(web, event("evt_w", "charge.dispute.funds_reinstated", dispute))
    assert owed(web) == (before - 13 * EURO, 13 * EURO)


def state(web: WebFloor, id: str) -> OnlineState:
    with web.context.database.read() as session:
        payment = session.get(OnlinePayment, id)
        assert payment is not None
        return payment.state


@pytest.mark.parametrize(
    "body",
    [
        paid("none-of-ours"),
        event("evt_9", "customer.created", {"id": "cus_1"}),
        event(
            "evt_9", "charge.refunded", {"payment_intent": "pi_9", "amount_refunded": 5, "currency": "eur"}
        ),
    ],
)
async def test_what_is_not_ours_is_acknowledged_and_kept_in_mind(web: WebFloor, body: bytes) -> None:
    before = owed(web)
    assert (await tell(web, body)).status_code == 200
    assert owed(web) == before
    with web.context.database.read() as session:
        assert len(session.exec(select(ProviderEvent)).all()) == 1


async def test_a_payment_that_waits_or_is_in_other_money_posts_nothing(web: WebFloor) -> None:
    before, begun = owed(web), await begin(web)
    await tell(web, paid(begun["id"], "evt_1", status="unpaid"))
    await tell(web, paid(begun["id"], "evt_2", currency="usd"))
    assert owed(web) == before
    later = paid(begun["id"], "evt_3").replace(b"session.completed", b"session.async_payment_succeeded")
    await tell(web, later)
    assert owed(web)[1] == 20 * EURO


async def test_an_event_that_is_not_signed_old_or_changed_is_refused(web: WebFloor) -> None:
    begun = await begin(web)
    body, now_s = paid(begun["id"]), web.context.wall.now_ms() // 1000
    old = now_s - TOLERANCE_MS // 1000 - 5
    for header in ("", "t=1", signature(body, now_s, "whsec_other"), signature(body, old), f"t={now_s},v1=",
                   signature(body + b" ", now_s), signature(body, now_s).replace("v1=", "v9=")):  # fmt: skip
        answer = await tell(web, body, header)
        assert answer.status_code == 400, header
        assert answer.json()["code"] == "event_malformed"
    assert owed(web)[1] == 0
    several = signature(body, now_s).replace("v1=", "v1=" + "0" * 64 + ",v1=")
    assert (await tell(web, body, several)).status_code == 200


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(web: WebFloor) -> None:
    assert (await tell(web, b"x" * (stripe.BODY_MAX + 1))).status_code == 422


async def test_an_operator_refunds_at_the_provider_and_no_more_than_is_in_credit(
    web: WebFloor, peer: StripePeer
) -> None:
    before = owed(web)[0]
    begun = await begin(web)
    await tell(web, paid(begun["id"]))
    path, headers = f"/api/v1/online-payments/{begun['id']}/refund", {"idempotency-key": "refund-1"}
    much = await web.program("olga").post(path, json={"amount_micro": 20 * EURO}, headers=headers)
    assert (before > 0, much.status_code, much.json()["code"]) == (True, 409, "credit_too_small")
    done = await web.program("olga").post(path, json={"amount_micro": 10 * EURO}, headers=headers)
    assert done.status_code == 202
    assert peer.requests[-1][:2] == ("/v1/refunds", {"payment_intent": "pi_1", "amount": "1000"})


@pytest.mark.parametrize("broken", [b"not json", b"[]", b"{}", b'{"id": 1, "url": 2}'])
async def test_a_provider_that_answers_nonsense_is_a_clear_sentence(
    web: WebFloor, peer: StripePeer, broken: bytes
) -> None:
    peer.broken = broken
    path = f"/api/v1/members/{web.people['otto']}/online-payments"
    answer = await web.program("otto").post(path, json={"amount_micro": EURO})
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unreachable")


async def test_without_keys_there_is_no_payment_online(tmp_path: Path) -> None:
    plain = build(tmp_path)
    path = f"/api/v1/members/{plain.people['otto']}/online-payments"
    answer = await plain.program("otto").post(path, json={"amount_micro": EURO})
    assert (answer.status_code, answer.json()["code"]) == (404, "online_not_found")
    assert (await plain.browser().post(HOOK, content=b"{}")).status_code == 404
    plain.context.database.close()


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_bytes_are_an_event_or_refused(body: bytes) -> None:
    for text in (body, event("e", "charge.refunded", {"amount_refunded": body.decode("latin-1")})):
        try:
            stripe.read_event(text)
        except PeerError:
            continue


async def test_the_page_leads_on_by_a_link_as_no_form_may(web: WebFloor, peer: StripePeer) -> None:
    browser = await web.signed_in("otto")
    assert "Pay online" in (await browser.get("/shop")).text
    page = await browser.post("/shop/pay", data={"amount": "12,50"})
    assert f'href="{peer.address}/c/pay/' in page.text
    assert "€12.50" in page.text
