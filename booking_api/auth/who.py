"""Who asks: the answer of sign-in, as every endpoint sees it."""

from __future__ import annotations

from dataclasses import dataclass

from booking_api.auth.permissions import Permission
from booking_api.members.models import Member


@dataclass(frozen=True, slots=True)
class Who:
    """A signed-in person, or a program with a part of a person's permissions.

    `csrf` is what the forms of a browser carry, "" for a program; `session` is the id of the
    browser's session, "" for a program; `token` is what a program's token is called, "" for a browser.
    `signed_in_ms` is when they signed in there (UTC milliseconds).
    """

    member: Member
    permissions: frozenset[Permission]
    csrf: str = ""
    session: str = ""
    signed_in_ms: int = 0
    token: str = ""

    @property
    def id(self) -> str:
        """The member's id."""
        return self.member.id

    def may(self, permission: Permission) -> bool:
        """Whether this right is theirs."""
        return permission in self.permissions

    def may_see(self, member: str, others: Permission) -> bool:
        """Whether they may see what is `member`'s: their own, or anybody's with the right `others`."""
        if member == self.id and self.may(Permission.ME_READ):
            return True
        return self.may(others)
