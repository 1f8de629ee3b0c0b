"""Passkeys (WebAuthn level 2): several a member, found without a name, their holder verified each time.

What is WebAuthn's own stands in relying_party.py, which is loaded where it is needed.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from booking_api.auth import ceremonies, second, service
from booking_api.auth.ceremonies import Step
from booking_api.auth.models import Passkey
from booking_api.auth.settings import SignInSettings
from booking_api.auth.throttle import place_of
from booking_api.clock import make_id
from booking_api.members.models import Member
from floor.errors import Refused
from floor.words import Role

PASSKEYS_MAX = 20
CREDENTIAL_MAX = 1_023
"""Bytes of a credential's id (WebAuthn level 2, section 4)."""
NAME = "Passkey"


def site(address: str) -> tuple[str, str] | None:
    """Return the relying party's id and origin of a server's address; None where passkeys cannot work.

    Browsers have them on pages of https and of localhost only, and for names only, not for bare addresses.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    is_address = ":" in host or host.replace(".", "").isdecimal() or place_of(host) != host
    if is_address or not (parts.scheme == "https" or host == "localhost" or host.endswith(".localhost")):
        return None
    return host, f"{parts.scheme}://{parts.netloc}".lower()


def _site(address: str) -> tuple[str, str]:
    found = site(address)
    if found is None:
        raise Refused("passkeys_impossible", "Passkeys need this server to have a name and https.")
    return found


def of_member(session: Session, member: str) -> list[Passkey]:
    """Return a member's passkeys, the oldest first."""
    return list(session.exec(select(Passkey).where(Passkey.member == member).order_by(Passkey.id)))


def begin_registration(
    session: Session, member: Member, address: str, space: str, now_ms: int
) -> tuple[str, str]:
    """Return the token of the browser's cookie, and the options for `navigator.credentials.create`."""
    host, _ = _site(address)
    mine = of_member(session, member.id)
    if len(mine) >= PASSKEYS_MAX:
        raise Refused("passkeys_many", f"You have {PASSKEYS_MAX} passkeys; remove one first.")
    from booking_api.auth import relying_party

    challenge, options = relying_party.to_register(host, space, member, mine)
    token = ceremonies.begin(session, Step.NEW_PASSKEY, now_ms, member.id, challenge=challenge)
    return token, options


def register(
    session: Session, member: str, address: str, token: str | None, answer: str, name: str, now_ms: int
) -> Passkey:
    """Keep a new passkey; raises Refused when the answer does not fit what this browser was asked."""
    from booking_api.auth import relying_party

    host, origin = _site(address)
    step = ceremonies.take(session, Step.NEW_PASSKEY, token, now_ms)
    if step is None or step.member != member:
        raise Refused("passkey_late", "This took too long. Try it again.")
    try:
        made = relying_party.registered(host, origin, step.data["challenge"], answer)
    except relying_party.MALFORMED as error:
        raise Refused("passkey_invalid", "This passkey could not be verified. Try it again.") from error
    credential = relying_party.text(made.credential_id)
    known = select(Passkey.id).where(Passkey.credential == credential)
    if len(made.credential_id) > CREDENTIAL_MAX or session.exec(known).first():
        raise Refused("passkey_invalid", "This passkey could not be verified. Try it again.")
    kept = Passkey(
        id=make_id(now_ms),
        member=member,
        credential=credential,
        public_key=relying_party.text(made.credential_public_key),
        sign_count=made.sign_count,
        name=name.strip()[:100] or NAME,
        created_ms=now_ms,
    )
    session.add(kept)
    service.tell(session, member, "passkey_added", now_ms)
    return kept


def begin_sign_in(session: Session, address: str, next: str, now_ms: int) -> tuple[str, str]:
    """Return the token of the browser's cookie, and the options for `navigator.credentials.get`."""
    host, _ = _site(address)
    from booking_api.auth import relying_party

    challenge, options = relying_party.to_sign_in(host)
    token = ceremonies.begin(session, Step.PASSKEY, now_ms, challenge=challenge, next=next)
    return token, options


def sign_in(
    session: Session, address: str, token: str | None, answer: str, now_ms: int
) -> tuple[str, str] | None:
    """Return whose passkey answered, and where they want to go; None when it proves nothing.

    The challenge is used up either way: the caller commits.
    """
    from booking_api.auth import relying_party

    host, origin = _site(address)
    step = ceremonies.take(session, Step.PASSKEY, token, now_ms)
    if step is None:
        return None
    try:
        credential = relying_party.read(answer)
        holder = credential.response.user_handle
        known = select(Passkey).where(Passkey.credential == relying_party.text(credential.raw_id))
        kept = session.exec(known.with_for_update()).first()
        if kept is None or holder != kept.member.encode():
            return None
        proven = relying_party.proven(host, origin, step.data["challenge"], credential, kept)
    except relying_party.MALFORMED:
        return None
    kept.sign_count, kept.used_ms = proven.new_sign_count, now_ms
    session.add(kept)
    return kept.member, step.data["next"]


def rename(session: Session, member: str, id: str, name: str) -> None:
    """Call one of a member's passkeys something else."""
    kept = _own(session, member, id)
    kept.name = name.strip()[:100] or NAME
    session.add(kept)


def remove(session: Session, settings: SignInSettings, member: str, role: Role, id: str, now_ms: int) -> None:
    """Remove one of a member's passkeys; Refused where it is the last that their role needs."""
    kept = _own(session, member, id)
    others = select(Passkey.id).where(Passkey.member == member, col(Passkey.id) != id)
    if (
        settings.must_have_second(role)
        and not second.has_codes(session, member)
        and session.exec(others).first() is None
    ):
        raise Refused("second_factor_needed", "Your role needs a second factor. Set up codes first.")
    session.delete(kept)
    service.tell(session, member, "passkey_removed", now_ms)


def _own(session: Session, member: str, id: str) -> Passkey:
    kept = session.get(Passkey, id)
    if kept is None or kept.member != member:
        raise Refused("passkey_not_found", "You have no such passkey.")
    return kept


def parsed(options: str) -> dict[str, object]:
    """Return options as they go into an answer."""
    found: dict[str, object] = json.loads(options)
    return found
