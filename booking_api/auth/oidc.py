"""Single sign-on by OpenID Connect: authorization code with PKCE, state and nonce; the id_token verified.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; Discovery 1.0; RFC 7636 (PKCE, S256). What it
asks and verifies with is loaded by the first sign-in of this kind: most servers have none.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from booking_api.auth.settings import HERE, OidcProvider
from floor.errors import PeerError, Refused

if TYPE_CHECKING:
    import httpx
    from joserfc.jwk import KeySet

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Only signatures by keys that the provider publishes: never `none`, never by the client's own secret."""
WITHIN_S = 10.0
ANSWER_MAX = 1 << 20
CACHED_S = 3_600.0
LEEWAY_S = 60
TOKEN_MAX_AGE_S = 600
"""An id_token that was issued longer ago is none of this sign-in."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser is sent away with, and what must come back: kept with its step."""

    address: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a provider; `email` is "" unless the provider says that it verified it."""

    provider: str
    subject: str
    email: str
    first_name: str
    last_name: str


@dataclass(slots=True)
class _Known:
    """What discovery and the provider's keys said, and when (monotonic seconds)."""

    about: dict[str, str]
    keys: KeySet
    at_s: float


@dataclass(slots=True)
class SingleSignOn:
    """Asks the providers. What they say of themselves is kept for an hour, and asked anew for a new key."""

    transport: httpx.AsyncBaseTransport | None = None
    _known: dict[str, _Known] = field(default_factory=dict)
    _asking: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def begin(self, provider: OidcProvider, back: str) -> Asked:
        """Return where to send a browser; raises Refused when the provider cannot be reached."""
        about = (await self._about(provider)).about
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": back,
            "scope": provider.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        at = about["authorization_endpoint"]
        return Asked(f"{at}{'&' if '?' in at else '?'}{urlencode(query)}", state, nonce, verifier)

    async def finish(
        self, provider: OidcProvider, back: str, code: str, verifier: str, nonce: str
    ) -> Identity:
        """Exchange a code and verify what comes for it; raises Refused when it proves nothing."""
        import httpx

        known = await self._about(provider)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
            "client_id": provider.client_id,
        }
        basic = "client_secret_basic" in known.about["methods"].split()
        auth = None
        if provider.client_secret and basic:
            auth = httpx.BasicAuth(_quoted(provider.client_id), _quoted(provider.client_secret))
        elif provider.client_secret:
            form["client_secret"] = provider.client_secret
        answer = await self._ask(provider, "POST", known.about["token_endpoint"], data=form, auth=auth)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise _unproven(provider)
        claims = await self._verified(provider, token, nonce)
        if "email" not in claims and isinstance(access, str) and known.about["userinfo_endpoint"]:
            more = await self._ask(
                provider,
                "GET",
                known.about["userinfo_endpoint"],
                headers={"authorization": f"Bearer {access}"},
            )
            if more.get("sub") == claims["sub"]:
                claims = {**more, **claims}
        return _identity(provider, claims)

    async def _verified(self, provider: OidcProvider, token: str, nonce: str) -> dict[str, object]:
        """Verify an id_token; with a key that is not known yet, the provider's keys are asked for once."""
        claims = _signed(token, (await self._about(provider)).keys)
        if claims is None:
            claims = _signed(token, (await self._about(provider, anew=True)).keys)
        if claims is None or not _fits(provider, claims, nonce, time.time()):
            raise _unproven(provider)
        return claims

    async def _about(self, provider: OidcProvider, *, anew: bool = False) -> _Known:
        async with self._asking.setdefault(provider.name, asyncio.Lock()):
            kept = self._known.get(provider.name)
            if kept is None or anew or time.monotonic() - kept.at_s > CACHED_S:
                self._known.pop(provider.name, None)
                kept = self._known[provider.name] = await self._discover(provider)
            return kept

    async def _discover(self, provider: OidcProvider) -> _Known:
        at = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        said = await self._ask(provider, "GET", at)
        if said.get("issuer") != provider.issuer:
            raise PeerError(f"{provider.name} calls itself {said.get('issuer')!r}, not {provider.issuer!r}")
        about = {
            name: _endpoint(provider, said, name)
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        }
        about["userinfo_endpoint"] = str(said.get("userinfo_endpoint") or "")
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        about["methods"] = " ".join(map(str, methods)) if isinstance(methods, list) else ""
        keys = await self._ask(provider, "GET", about["jwks_uri"])
        return _Known(about, _key_set(provider, keys), time.monotonic())

    async def _ask(
        self,
        provider: OidcProvider,
        method: str,
        address: str,
        *,
        data: Mapping[str, str] | None = None,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, object]:
        """Ask a provider for a JSON object; raises PeerError, or Refused when it cannot be reached."""
        import httpx

        body = bytearray()
        try:
            async with (
                asyncio.timeout(WITHIN_S),
                httpx.AsyncClient(transport=self.transport, timeout=WITHIN_S, trust_env=False) as client,
                client.stream(method, address, data=data, auth=auth, headers=headers) as answer,
            ):
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > ANSWER_MAX:
                        raise PeerError(f"{provider.name} answers with more than {ANSWER_MAX} bytes")
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            raise _unreachable(provider) from error
        if status >= 500:
            raise _unreachable(provider)
        if status >= 400:
            raise _unproven(provider)
        try:
            said = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise PeerError(f"{provider.name} answers with what is not JSON") from error
        if not isinstance(said, dict):
            raise PeerError(f"{provider.name} answers with what is not an object")
        return said


def _signed(token: str, keys: KeySet) -> dict[str, object] | None:
    """Return the claims of a token that one of the keys signed, else None."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def _fits(provider: OidcProvider, claims: Mapping[str, object], nonce: str, now_s: float) -> bool:
    """Whether claims are of this provider, for this server, of this sign-in, and good (Core 3.1.3.7)."""
    audience = claims.get("aud")
    many = isinstance(audience, list) and len(audience) > 1
    for_us = audience == provider.client_id or (isinstance(audience, list) and provider.client_id in audience)
    party = claims.get("azp")
    if party != provider.client_id if many else party not in (None, provider.client_id):
        return False
    end_s, begun_s, subject = claims.get("exp"), claims.get("iat"), claims.get("sub")
    if not isinstance(end_s, int | float) or not isinstance(begun_s, int | float):
        return False
    said = claims.get("nonce")
    return (
        claims.get("iss") == provider.issuer
        and for_us
        and now_s < end_s + LEEWAY_S
        and now_s - TOKEN_MAX_AGE_S <= begun_s <= now_s + LEEWAY_S
        and isinstance(said, str)
        and secrets.compare_digest(said.encode(), nonce.encode())
        and isinstance(subject, str)
        and 0 < len(subject) <= 255
    )


def _identity(provider: OidcProvider, claims: Mapping[str, object]) -> Identity:
    def text(name: str, most: int) -> str:
        value = claims.get(name)
        return value.strip()[:most] if isinstance(value, str) else ""

    email = text("email", 254) if claims.get("email_verified") is True else ""
    first, last = text("given_name", 100), text("family_name", 100)
    if not (first and last):
        before, _, after = text("name", 200).partition(" ")
        first, last = first or before[:100], last or after[:100]
    return Identity(provider.name, str(claims["sub"]), email, first, last)


def _key_set(provider: OidcProvider, said: dict[str, object]) -> KeySet:
    """Read the keys that can be read: a provider may have others, of kinds that we know nothing of."""
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    keys = []
    listed = said.get("keys")
    for one in listed if isinstance(listed, list) else ():
        try:
            keys += KeySet.import_key_set({"keys": [one]}).keys
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not keys:
        raise PeerError(f"{provider.name} publishes no key that can be read")
    return KeySet(keys)


def _endpoint(provider: OidcProvider, said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    parts = urlsplit(value if isinstance(value, str) else "")
    if not parts.hostname or not (parts.scheme == "https" or parts.hostname in HERE):
        raise PeerError(f"{provider.name} has no {name} that begins with https://")
    return str(value)


def _quoted(text: str) -> str:
    """Write an id or secret as RFC 6749, section 2.3.1, has it before HTTP Basic."""
    return urlencode({"": text})[1:]


def _unreachable(provider: OidcProvider) -> Refused:
    return Refused(
        "provider_unreachable", f"{provider.label} cannot be reached just now. Sign in another way."
    )


def _unproven(provider: OidcProvider) -> Refused:
    return Refused("provider_invalid", f"{provider.label} did not confirm who you are. Try it again.")
