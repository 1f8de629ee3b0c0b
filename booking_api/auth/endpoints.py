"""API tokens over HTTP: everybody makes and revokes their own, from a signed-in browser."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from booking_api.api.routes import Router
from booking_api.auth import service
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, in_browser, require, require_recent
from booking_api.auth.models import ApiToken
from booking_api.auth.permissions import Permission

router = Router(prefix="/api/v1/tokens", tags=["tokens"])


class TokenDetails(BaseModel):
    """A new token: what it is for, what it may, and until when (UTC milliseconds).

    Without an end it gets the settings' own; one that is too late is brought to the latest that they allow.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[set[Permission], Field(min_length=1)]
    expires_ms: Annotated[int, Field(ge=0, lt=1 << 47)] | None = None


class TokenSeen(BaseModel):
    """A token without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    used_ms: int | None
    ends_soon: bool


class TokenMade(TokenSeen):
    """A new token with its secret, which is shown this once."""

    secret: str


@router.get("")
def list_tokens(session: Reading, who: SignedIn, context: Ctx) -> list[TokenSeen]:
    """List one's own tokens, newest first."""
    require(who, Permission.ME_READ)
    now_ms = context.wall.now_ms()
    return [TokenSeen.model_validate(_seen(token, now_ms)) for token in service.tokens_of(session, who.id)]


@router.post("", status_code=201)
def make_token(who: SignedIn, session: Writing, context: Ctx, details: TokenDetails) -> TokenMade:
    """Make a token with a part of one's own rights; no token makes another."""
    in_browser(who)
    require(who, Permission.ME_WRITE)
    require_recent(who, context)
    scopes = frozenset(details.scopes)
    now_ms = context.wall.now_ms()
    end_ms = context.settings.sign_in.token_end_ms(details.expires_ms, now_ms)
    token, secret = service.issue_token(session, who, details.name, scopes, end_ms, now_ms)
    return TokenMade.model_validate(_seen(token, now_ms) | {"secret": secret})


@router.delete("/{id}", status_code=204)
def revoke_token(who: SignedIn, session: Writing, context: Ctx, id: str) -> None:
    """End one of one's own tokens."""
    require(who, Permission.ME_WRITE)
    service.revoke_token(session, who.id, id, context.wall.now_ms())


def _seen(token: ApiToken, now_ms: int) -> dict[str, object]:
    more = {"scopes": token.scopes.split(), "ends_soon": service.ends_soon(token, now_ms)}
    return token.model_dump(exclude={"token_hash", "scopes", "warned_ms"}) | more
