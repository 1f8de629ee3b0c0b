"""A real provider of single sign-on (oidc-provider-mock) on a free port, and a browser's way through it.

What the provider says can be changed before it leaves, as a hostile or broken one would have it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from booking_api.auth.settings import OidcProvider
from tests.kit.signing_in import House

Claims = dict[str, Any]


@dataclass
class Provider:
    """The provider's process-wide parts: where it is, and how its answers are changed."""

    server: BaseWSGIServer
    app: Any
    down: bool = False
    change: Callable[[Claims], Claims] | None = None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "ours"}))
    published: list[RSAKey] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    _challenge: str = ""

    @property
    def issuer(self) -> str:
        """Its issuer: its address."""
        return f"http://localhost:{self.server.server_port}"

    def settings(self, **values: object) -> OidcProvider:
        """How a server is told of it."""
        known: dict[str, Any] = {
            "name": "club", "label": "The club", "issuer": self.issuer, "client_id": "floor",
            "client_secret": "s3cret/+", "scopes": "openid profile email",
            "match_email": True, "create": False,
        }  # fmt: skip
        return OidcProvider(**(known | values))

    def person(self, sub: str, **claims: object) -> None:
        """Let it know somebody."""
        answer = httpx.put(f"{self.issuer}/users/{sub}", json=claims)
        answer.raise_for_status()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer as the provider does, but for what the test changes. It asks for PKCE's proof besides."""
        request = Request(environ)
        self.asked.append(request.path)
        answer: Any = self.app
        if self.down:
            answer = Response("broken", 503)
        elif request.path == "/jwks" and self.published:
            keys = [key.as_dict(private=False) for key in self.published]
            answer = Response(json.dumps({"keys": keys}), mimetype="application/json")
        elif request.path == "/oauth2/authorize":
            self._challenge = request.args.get("code_challenge", "")
        elif request.path == "/oauth2/token":
            answer = self._exchange(request, environ)
        return answer(environ, start_response)

    def _exchange(self, request: Request, environ: Any) -> Response:
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)
        verifier = parse_qs(body.decode()).get("code_verifier", [""])[0]
        proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if proof != self._challenge:
            return Response('{"error": "invalid_grant"}', 400, mimetype="application/json")
        answer = Response.from_app(self.app, environ)
        if self.change is None or answer.status_code != 200:
            return answer
        said = json.loads(answer.get_data())
        part = said["id_token"].split(".")[1]
        claims: Claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        header = {"alg": "RS256", "kid": self.key.kid or ""}
        said["id_token"] = jwt.encode(header, self.change(claims), self.key)
        return Response(json.dumps(said), mimetype="application/json")


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """Run a provider until the block ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the mock's own library tells of its own future
        from oidc_provider_mock import app as make_app

        mock = make_app()
    made = Provider(None, mock)  # type: ignore[arg-type] # its server is made next, around it
    made.server = make_server("localhost", 0, made, threaded=True)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join(10)
        made.server.server_close()


async def through(house: House, browser: httpx.AsyncClient, at: str, sub: str) -> httpx.Response:
    """Go a browser's way: to the provider, sign in there as somebody, and back. Returns the last answer."""
    sent = await browser.get(at)
    assert sent.status_code == 303, sent.text
    back = await at_provider(sent.headers["location"], sub)
    own = house.web.context.settings.address
    assert back.startswith(f"{own}/sign-in/with/club/back?")
    return await browser.get(back.removeprefix(own))


async def at_provider(address: str, sub: str) -> str:
    """Sign in at the provider as somebody, and return where it sends the browser."""
    query = parse_qs(urlsplit(address).query)
    assert query["code_challenge_method"] == ["S256"]
    async with httpx.AsyncClient(trust_env=False) as outside:
        done = await outside.post(address, data={"sub": sub})
    assert done.status_code in {302, 303}, done.text
    return done.headers["location"]
