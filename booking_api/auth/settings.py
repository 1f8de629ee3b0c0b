"""How people sign in: the section `[sign_in]` of the settings, and its providers of single sign-on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from booking_api.setting import Tables
from floor.words import Role

KEYS = (
    "idle_days",
    "longest_days",
    "second_factor",
    "second_factor_grace_days",
    "token_days",
    "token_max_days",
    "invitation_days",
    "requests_per_minute",
    "security_contact",
    "oidc",
)
OIDC_KEYS = ("label", "issuer", "client_id", "client_secret", "scopes", "match", "create")
PROVIDERS_MAX = 8
HERE = frozenset({"localhost", "127.0.0.1", "::1"})
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """A provider of single sign-on. `match_email`: a verified address of a member signs them in, and links
    them; `create`: whoever is unknown is admitted, suspended until staff approve.
    """

    name: str
    label: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: str
    match_email: bool
    create: bool

    def __repr__(self) -> str:
        return f"OidcProvider({self.name!r})"


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """How long browsers stay signed in (days: unused, at most), who must show a second factor and how long
    they may put it off (days), how long tokens and invitations live (days), and how often one token or one
    browser may ask.
    """

    idle_days: int = 14
    longest_days: int = 30
    second_factor: str = "optional"
    second_factor_grace_days: int = 7
    token_days: int = 365
    token_max_days: int = 730
    invitation_days: int = 7
    requests_per_minute: int = 1200
    security_contact: str = ""
    providers: tuple[OidcProvider, ...] = ()

    def must_have_second(self, role: Role) -> bool:
        """Whether somebody of this role must show a second factor."""
        match self.second_factor:
            case "operators":
                return role in {Role.OPERATOR, Role.ADMIN}
            case "staff":
                return role is not Role.MEMBER
        return False

    def provider(self, name: str) -> OidcProvider | None:
        """Return the provider of this name, None without one."""
        return next((one for one in self.providers if one.name == name), None)

    def token_end_ms(self, asked_ms: int | None, now_ms: int) -> int:
        """Return when a new token ends: as asked, but never later than the settings allow."""
        if asked_ms is None:
            return now_ms + self.token_days * DAY_MS
        return min(asked_ms, now_ms + self.token_max_days * DAY_MS)


def read(tables: Tables) -> SignInSettings:
    """Read the section; raises ConfigError with key and remedy."""
    contact = tables.text("sign_in.security_contact", "")
    if contact and not contact.startswith(("mailto:", "https://")):
        remedy = 'Write an address such as "mailto:security@example.org" or "https://…".'
        raise tables.error("sign_in.security_contact", f"is {contact!r}", remedy)
    longest = tables.whole("sign_in.longest_days", 30, 1, 365)
    at_most = tables.whole("sign_in.token_max_days", 730, 1, 3650)
    named = tables.table("sign_in.oidc")
    if len(named) > PROVIDERS_MAX:
        raise tables.error("sign_in.oidc", f"has {len(named)}", f"Name at most {PROVIDERS_MAX} providers.")
    return SignInSettings(
        idle_days=min(tables.whole("sign_in.idle_days", 14, 1, 365), longest),
        longest_days=longest,
        second_factor=tables.choice("sign_in.second_factor", "optional", ("optional", "operators", "staff")),
        second_factor_grace_days=tables.whole("sign_in.second_factor_grace_days", 7, 0, 90),
        token_days=min(tables.whole("sign_in.token_days", 365, 1, 3650), at_most),
        token_max_days=at_most,
        invitation_days=tables.whole("sign_in.invitation_days", 7, 1, 60),
        requests_per_minute=tables.whole("sign_in.requests_per_minute", 1200, 60, 1_000_000),
        security_contact=contact,
        providers=tuple(_provider(tables, name, values) for name, values in named.items()),
    )


def _provider(tables: Tables, name: str, values: object) -> OidcProvider:
    key = f"sign_in.oidc.{name}"
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name):
        raise tables.error(key, "is no name", "Use a short word of small letters, digits and hyphens.")
    if not isinstance(values, Mapping):
        raise tables.error(key, "is not a table", f"Write [{key}] and its keys below.")
    for inner in values:
        if inner not in OIDC_KEYS:
            raise tables.error(f"{key}.{inner}", "is not a key here", f"Use one of: {', '.join(OIDC_KEYS)}.")

    def text(inner: str, default: str = "") -> str:
        value = values.get(inner, default)
        if not isinstance(value, str):
            raise tables.error(f"{key}.{inner}", f"is {value!r}", "Write a text.")
        return value

    issuer, client, matches = text("issuer"), text("client_id"), text("match", "email")
    if not client:
        raise tables.error(f"{key}.client_id", "is missing", "Write what the provider calls this server.")
    if matches not in {"email", "link"}:
        raise tables.error(f"{key}.match", f"is {matches!r}", "Write one of: email, link.")
    create = values.get("create", False)
    if not isinstance(create, bool):
        raise tables.error(f"{key}.create", f"is {create!r}", "Write true or false.")
    variable = f"MAKERFLOOR_OIDC_{name.upper().replace('-', '_')}_SECRET"
    scopes = text("scopes", "openid profile email").split()
    return OidcProvider(
        name=name,
        label=text("label") or name,
        issuer=_issuer(tables, f"{key}.issuer", issuer),
        client_id=client,
        client_secret=tables.environment(variable) or text("client_secret"),
        scopes=" ".join(dict.fromkeys(["openid", *scopes])),
        match_email=matches == "email",
        create=create,
    )


def _issuer(tables: Tables, key: str, issuer: str) -> str:
    parts = urlsplit(issuer)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)
    if not parts.hostname or not safe or parts.query or parts.fragment:
        raise tables.error(key, f"is {issuer!r}", "Write the provider's issuer, which begins with https://.")
    return issuer
