"""A scripted Stripe: answers as its API reference says, and signs events as its webhook guide says.

Shapes, each after the page of docs.stripe.com that is named; it shares no code with what it tests:
- POST /v1/checkout/sessions ("Create a Checkout Session"): form fields with brackets; the session object.
- POST /v1/refunds ("Create a refund"): the refund object.
- errors ("Errors"): {"error": {"type", "code", "message"}}; 401 for a wrong key, 400 for a missing field.
- an Idempotency-Key that comes again gets the first answer ("Idempotent requests").
- Stripe-Signature ("Verify webhook signatures manually"): t=…,v1=…, HMAC-SHA256 over "t.body"; a v0 beside.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

KEY = "sk_test_scripted"
SECRET = "whsec_scripted"


@dataclass
class StripePeer:
    address: str = ""
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    broken: bytes | None = None

    def answer(self, path: str, form: dict[str, str], key: str, token: str) -> tuple[int, bytes]:
        self.requests.append((path, form, key))
        if self.broken is not None:
            return 200, self.broken
        if token != f"Bearer {KEY}":
            return 401, _error("invalid_request_error", "Invalid API Key provided")
        if key in self.answers:
            return 200, self.answers[key]
        if path == "/v1/checkout/sessions":
            for needed in ("mode", "success_url", "line_items[0][price_data][unit_amount]"):
                if needed not in form:
                    return 400, _error("parameter_missing", f"Missing required param: {needed}.")
            number = len(self.answers) + 1
            body = {
                "id": f"cs_test_{number}",
                "object": "checkout.session",
                "client_reference_id": form.get("client_reference_id"),
                "payment_status": "unpaid",
                "status": "open",
                "url": f"{self.address}/c/pay/cs_test_{number}",
            }
        elif path == "/v1/refunds":
            body = {"id": "re_1", "object": "refund", "status": "succeeded", "amount": int(form["amount"])}
        else:
            return 404, _error("resource_missing", "Unrecognized request URL")
        self.answers[key] = json.dumps(body).encode()
        return 200, self.answers[key]


def event(id: str, kind: str, about: dict[str, object]) -> bytes:
    """The Event object, as far as it is documented for every event."""
    return json.dumps(
        {
            "id": id,
            "object": "event",
            "api_version": "2025-03-31.basil",
            "created": 1_779_357_600,
            "data": {"object": about},
            "livemode": False,
            "type": kind,
        }
    ).encode()


def signature(body: bytes, at_s: int, secret: str = SECRET) -> str:
    signed = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={signed},v0={'0' * 64}"


@contextlib.contextmanager
def run_stripe() -> Iterator[StripePeer]:
    peer = StripePeer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            token, key = self.headers.get("authorization", ""), self.headers.get("idempotency-key", "")
            status, body = peer.answer(self.path, form, key, token)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    peer.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"type": "invalid_request_error", "code": code, "message": message}}).encode()
