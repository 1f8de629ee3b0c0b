"""What members chose to be told, where their phones are told, and how mails of a kind are ended."""

from __future__ import annotations

import hmac
import re
from urllib.parse import quote, unquote, urlencode, urlsplit

from sqlmodel import Session, col, select, update
from sqlmodel.sql.expression import SelectOfScalar

from booking_api.db import one_of
from booking_api.notices.kinds import DEFAULTS, Kind, Way
from booking_api.notices.models import Notice, NoticeChoice, NoticePush
from booking_api.notices.settings import NoticeSettings
from booking_api.vault import Vault
from floor.errors import Refused

PUSH_MAX = 500
_FILES = re.compile(r"[?&;]\W*(template|keyfile|subfile|attach)\W*=", re.IGNORECASE)
"""Parts of an address by which Apprise would read a file of this server, and send it along."""
_HEADED = "unsubscribe"


def choices(session: Session, member: str) -> dict[Kind, Way]:
    """Return how a member is told of each kind."""
    rows = session.exec(select(NoticeChoice).where(NoticeChoice.member == member))
    return DEFAULTS | {row.kind: row.way for row in rows}


def choose(session: Session, member: str, kind: Kind, way: Way) -> None:
    """Choose how to be told of a kind; raises Refused for security, which is always told."""
    if kind is Kind.SECURITY and way is Way.NOTHING:
        raise Refused("notice_essential", "Of changes to your sign-in and badges you are always told.")
    kept = session.get(NoticeChoice, (member, kind)) or NoticeChoice(member=member, kind=kind, way=way)
    kept.way = way
    session.add(kept)


def push_scheme(session: Session, member: str) -> str:
    """Return the scheme of a member's own push address, "" without one."""
    kept = session.get(NoticePush, member)
    return kept.scheme if kept else ""


def set_push(
    session: Session, vault: Vault, member: str, url: str, settings: NoticeSettings, now_ms: int
) -> None:
    """Keep a member's push address ("" forgets it); raises Refused for a scheme that is not allowed."""
    kept = session.get(NoticePush, member)
    if not url.strip():
        if kept is not None:
            session.delete(kept)
        return
    scheme = check_push(url.strip(), settings)
    sealed = vault.seal(url.strip().encode())
    kept = kept or NoticePush(member=member, url_sealed=sealed, scheme=scheme, set_ms=now_ms)
    kept.url_sealed, kept.scheme, kept.set_ms = sealed, scheme, now_ms
    session.add(kept)


def check_push(url: str, settings: NoticeSettings) -> str:
    """Return the scheme of a push address; raises Refused for one that is not allowed or no address."""
    parts = urlsplit(url) if url.isascii() and url.isprintable() and "[" not in url else None
    scheme = parts.scheme.lower() if parts and parts.netloc else ""
    if scheme not in settings.push:
        known = ", ".join(f"{one}://" for one in settings.push) or "none"
        raise Refused("push_invalid", f"This kind of address is not allowed here. Allowed: {known}.")
    if _FILES.search(unquote(unquote(url))):
        raise Refused("push_invalid", "This address names a file. Leave that part of it out.")
    if len(url) > PUSH_MAX:
        raise Refused("push_length", f"An address has at most {PUSH_MAX} characters.")
    return scheme


def is_wanted(session: Session, kind: Kind, members: set[str]) -> set[str]:
    """Return those of the members who want to be told of a kind that is not told by default."""
    query = select(NoticeChoice.member).where(
        NoticeChoice.kind == kind, NoticeChoice.way != Way.NOTHING, one_of(NoticeChoice.member, members)
    )
    return set(session.exec(query))


def blank(session: Session, member: str) -> None:
    """Forget what was chosen by, and written to, a member who is erased; what waits is not sent."""
    for row in (session.get(NoticePush, member), *session.exec(_choices_of(member))):
        if row is not None:
            session.delete(row)
    session.exec(update(Notice).where(col(Notice.member) == member).values(title="", body="", next_ms=None))


def stop_address(vault: Vault, address: str, member: str, kind: Kind) -> str:
    """Return the address that ends a member's mails of a kind, without signing in."""
    query = urlencode({"member": member, "kind": kind, "sign": _sign(vault, member, kind)}, quote_via=quote)
    return f"{address}/notices/stop?{query}"


def check_stop(vault: Vault, member: str, kind: Kind, sign: str) -> None:
    """Raise Refused for an address that no mail of ours carried."""
    if not hmac.compare_digest(sign.encode(), _sign(vault, member, kind).encode()):
        raise Refused("link_invalid", "This link is not one of ours. Choose on your own page.")


def _sign(vault: Vault, member: str, kind: Kind) -> str:
    return vault.lookup(f"{_HEADED} {member} {kind}".encode())


def _choices_of(member: str) -> SelectOfScalar[NoticeChoice]:
    return select(NoticeChoice).where(NoticeChoice.member == member)
