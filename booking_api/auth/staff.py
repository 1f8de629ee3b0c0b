"""What staff do with others' sign-in: look after it, never in it. Whose role is more than a member's is an
administrator's business.
"""

from __future__ import annotations

from sqlmodel import Session

from booking_api.auth import second, service
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.members import service as members
from floor.errors import Refused
from floor.words import Role


def check_role(who: Who, role: Role) -> None:
    """Let only those who may give roles touch the sign-in of anybody but a plain member."""
    if role is not Role.MEMBER and not who.may(Permission.ROLES_WRITE):
        raise Refused("forbidden", "Only an admin gives or takes a role, or changes the sign-in of staff.")


def sign_out(session: Session, who: Who, member: str, now_ms: int) -> None:
    """Sign somebody out in every browser."""
    check_role(who, members.get(session, member).role)
    service.sign_out(session, member)
    service.tell(session, member, "signed_out", now_ms)


def end_browser(session: Session, who: Who, member: str, browser: str) -> None:
    """Sign somebody out in one browser."""
    check_role(who, members.get(session, member).role)
    service.end_own(session, member, browser)


def reset_second_factor(session: Session, who: Who, member: str, reason: str, now_ms: int) -> None:
    """Take codes, recovery codes and passkeys from who lost them; raises Refused without a reason."""
    check_role(who, members.get(session, member).role)
    if not reason.strip():
        raise Refused("reason_missing", "Say why: how do you know that it is them?")
    forget_second_factor(session, member, now_ms)


def forget_second_factor(session: Session, member: str, now_ms: int) -> None:
    """Take every second factor from a member, and sign them out."""
    second.forget(session, member)
    service.sign_out(session, member)
    service.tell(session, member, "second_factor_reset", now_ms)
