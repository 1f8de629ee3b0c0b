"""What a sign-off at a machine does, once it is known that who signed off may."""

from sqlmodel import Session

from booking_api.auth.permissions import GRANTS, Permission
from booking_api.certifications import service
from floor.words import Role


def signs_off(role: Role) -> bool:
    """Whether people of a role may say that somebody is trained."""
    return Permission.CERTIFICATIONS_WRITE in GRANTS[role]


def at_machine(session: Session, member: str, machine: str, by: str, at_ms: int) -> None:
    """Let a member use a machine, as `by` said there; raises Refused, before it has changed anything."""
    service.grant(session, member, machine, by, at_ms)
