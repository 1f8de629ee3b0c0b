"""Letters that invite into a team: a member takes theirs at once, who is none joins the space on the way.

Whoever invites learns nothing of whether an address is a member's. Times are real UTC milliseconds, except
`floor_ms`.
"""

from __future__ import annotations

from sqlmodel import Session, col, select

from booking_api.accounts import teams
from booking_api.accounts.teams import PersonDetails
from booking_api.auth import letters
from booking_api.auth.models import MailedLink
from booking_api.auth.settings import DAY_MS
from booking_api.auth.throttle import Throttle
from booking_api.happenings.service import write_letter
from booking_api.happenings.words import LetterKind
from booking_api.members.models import Member
from floor.errors import Refused

KIND = LetterKind.TEAM_INVITATION
OPEN_MAX = 50
"""So many invitations into one team may be open."""
BY_RECEIVER = Throttle("team letter", tries=3, window_ms=DAY_MS)
"""Letters that one address gets from teams."""


def invite(
    session: Session, team: str, email: str, author: str, address: str, language: str, days: int, now_ms: int
) -> MailedLink:
    """Invite somebody into a team by letter; its link is good for some days.

    Raises Refused for an address that is none, and where very many invitations are open.
    """
    account = teams.open_team(session, team)
    receiver = letters.receiver_of(email)
    before = listed(session, team, now_ms)
    if any(one.email.casefold() == receiver.casefold() for one in before):
        raise Refused("team_invited_already", "This address is invited already. Withdraw that first.")
    if len(before) >= OPEN_MAX:
        raise Refused("invitations_many", "Too many invitations are open. Call some back first.")
    if not BY_RECEIVER.count(session, receiver.casefold(), now_ms):
        raise Refused("sign_in_often", "This address has had many letters. Try again tomorrow.")
    made, token = letters.make_link(session, KIND, None, receiver, author, now_ms, days * DAY_MS)
    made.team = account.id
    link = letters.link_address(address, token)
    member = letters.member_at(session, receiver)
    speaks = member.language if member else language
    write_letter(session, KIND, receiver, speaks, now_ms, link=link, team=account.name)
    session.flush()
    return made


def listed(session: Session, team: str, now_ms: int) -> list[MailedLink]:
    """Return a team's invitations that nobody has taken, and those whose reader waits to be admitted."""
    query = select(MailedLink).where(MailedLink.kind == KIND, MailedLink.team == team)
    rows = session.exec(query.where(col(MailedLink.member).is_(None)).order_by(col(MailedLink.id).desc()))
    return [row for row in rows if row.used_ms is not None or row.expires_ms > now_ms]


def withdraw(session: Session, team: str, id: str, now_ms: int) -> None:
    """Take an invitation back; who wrote to join meanwhile is not in the team once they are admitted."""
    row = session.get(MailedLink, id)
    if row is None or row.team != team or row.member is not None:
        raise Refused("invitation_not_found", "There is no such invitation.")
    row.team, row.expires_ms = None, min(row.expires_ms, now_ms)
    session.add(row)
    session.flush()


def look(session: Session, token: str, now_ms: int) -> MailedLink:
    """Return an invitation that can be taken; raises Refused for none."""
    row = letters.look(session, token, now_ms)
    if row.kind is not KIND or row.team is None:
        raise Refused("link_over_not_found", letters.OVER)
    return row


def take(session: Session, row: MailedLink, now_ms: int) -> None:
    """Use an invitation up: somebody who is no member writes to join with it."""
    if letters.member_at(session, row.email) is not None:
        raise Refused("team_invitation_known", "You are a member already. Open the link in the letter again.")
    letters.use_up(session, row, now_ms)


def accept(session: Session, token: str, now_ms: int, floor_ms: int) -> str:
    """Use an invitation up as the member at its address, who is in the team then. Returns the team."""
    row = look(session, token, now_ms)
    member = letters.member_at(session, row.email)
    if member is None:
        raise Refused("link_over_not_found", letters.OVER)
    letters.use_up(session, row, now_ms)
    session.refresh(row)
    return _put(session, row, member, floor_ms)


def admitted(session: Session, id: str, member: Member, floor_ms: int) -> None:
    """Put who was admitted into the team whose invitation they came with, if that still holds."""
    row = session.get(MailedLink, id)
    if row is None or row.team is None or teams.get(session, row.team).archived_ms is not None:
        return
    _put(session, row, member, floor_ms)


def refused(session: Session, id: str) -> None:
    """Take an invitation back whose reader was not admitted."""
    row = session.get(MailedLink, id)
    if row is not None and row.member is None:
        row.team = None
        session.add(row)


def _put(session: Session, row: MailedLink, member: Member, floor_ms: int) -> str:
    assert row.team is not None
    teams.put_person(session, row.team, member.id, PersonDetails.model_validate({}), floor_ms)
    row.member = member.id
    session.add(row)
    session.flush()
    return row.team
