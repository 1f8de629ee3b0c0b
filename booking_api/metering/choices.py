"""What a member's choice of account at a machine changes: who is billed, and whose credit is held."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from booking_api.accounts.choice import choices
from booking_api.members.models import Member
from booking_api.sessions.models import SessionState
from floor.wire.journal import AccountChosen, JournalEntry

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MayCharge:
    """Which accounts the members of some sessions may charge to, read at once."""

    accounts: dict[str, frozenset[str]]

    @classmethod
    def read(cls, session: Session, entries: Sequence[JournalEntry], members: Collection[str]) -> "MayCharge":
        """Read what the choices among these entries need: nothing where nobody chose."""
        if not members or not any(isinstance(entry.fact, AccountChosen) for entry in entries):
            return cls({})
        own = session.exec(select(Member.id, Member.account).where(col(Member.id).in_(members))).all()
        teams = choices(session, members)
        return cls({id: frozenset({account, *(one.id for one in teams.get(id, ()))}) for id, account in own})

    def refuses(self, row: Row, chosen: AccountChosen) -> str:
        """Return why a session is not charged to the account that was chosen, "" where it is."""
        if not row["machine"]:
            return "its start has not arrived"
        if row["stop_type"] is not None or row["state"] == SessionState.PRICED:
            return "it had ended before"
        if chosen.account not in self.accounts.get(row["member"], ()):
            return "the member may not charge to it"
        return ""


def apply(row: Row, chosen: AccountChosen) -> str:
    """Have a session charged to the chosen account; return the one that it was on."""
    before = row["account"]
    row["account"], row["limit_micro"] = chosen.account, chosen.limit_micro
    return str(before)
