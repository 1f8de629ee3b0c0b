"""Links that go out by letter: invitations, forgotten passwords, new addresses. Each opens once, for a time.

Opening a link only shows a form: programs that look at mail open links too.
"""

from __future__ import annotations

from sqlalchemy import CursorResult
from sqlmodel import Session, col, func, select, update

from booking_api.auth import service
from booking_api.auth.models import Credential, MailedLink
from booking_api.auth.passwords import check_password
from booking_api.auth.settings import DAY_MS
from booking_api.auth.throttle import Throttle
from booking_api.clock import make_id
from booking_api.happenings.service import happened, write_letter
from booking_api.happenings.words import Happening, LetterKind
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.members.service import MemberChanges, MemberDetails
from booking_api.tokens import digest, fresh
from floor.errors import Refused
from floor.words import Role

HOUR_MS = 3_600_000
OPEN_MAX = 500
"""So many invitations may be open."""
BY_RECEIVER = Throttle("letter", tries=3, window_ms=HOUR_MS)
"""Letters of one kind that anybody may have sent to one address."""
OVER = "This link has been used, has expired or was called back. Ask for a new one."


def invite(
    session: Session, email: str, role: Role, author: str, address: str, language: str, days: int, now_ms: int
) -> MailedLink:
    """Invite somebody by letter; an address that a member has gets that member a way to sign in.

    The caller has checked that the author may give the role. Raises Refused for an address that is no such.
    """
    receiver = receiver_of(email)
    member = member_at(session, receiver)
    if member is not None and role not in {Role.MEMBER, member.role}:
        raise Refused("role_taken", "This is a member already: change their role on their own page.")
    if len(open_invitations(session, now_ms)) >= OPEN_MAX:
        raise Refused("invitations_many", "Too many invitations are open. Call some back first.")
    made, token = make_link(
        session, LetterKind.INVITATION, member, receiver, author, now_ms, days * DAY_MS, role=role
    )
    speaks = member.language if member else language
    write_letter(session, LetterKind.INVITATION, receiver, speaks, now_ms, link=link_address(address, token))
    return made


def welcome(session: Session, member: Member, address: str, days: int, now_ms: int) -> None:
    """Write to a new member, at the address that they confirmed, how they sign in."""
    if member.email is not None:
        invite(session, member.email, member.role, member.id, address, member.language, days, now_ms)


def open_invitations(session: Session, now_ms: int) -> list[MailedLink]:
    """Return the invitations that nobody has taken, the newest first."""
    query = select(MailedLink).where(MailedLink.kind == LetterKind.INVITATION)
    query = query.where(col(MailedLink.used_ms).is_(None), col(MailedLink.expires_ms) > now_ms)
    return list(session.exec(query.order_by(col(MailedLink.id).desc()).limit(OPEN_MAX)))


def call_back(session: Session, id: str, now_ms: int) -> None:
    """Make an invitation open nothing any more."""
    kept = session.get(MailedLink, id)
    if kept is None or kept.kind is not LetterKind.INVITATION or kept.used_ms is not None:
        raise Refused("invitation_not_found", "There is no such invitation.")
    kept.expires_ms = now_ms
    session.add(kept)


def forgotten(session: Session, typed: str, address: str, now_ms: int) -> None:
    """Send a link for a new password, if somebody signs in with this name or address; else do nothing."""
    name = service.folded(typed)[:200]
    credential = service.credential_of(session, name)
    member = session.get(Member, credential.member) if credential else member_at(session, name)
    if not BY_RECEIVER.count(session, f"password {member.id if member else name}", now_ms):
        return
    if member is None or not member.email or session.get(Credential, member.id) is None:
        return
    _, token = make_link(session, LetterKind.PASSWORD_RESET, member, member.email, member.id, now_ms, HOUR_MS)
    link = link_address(address, token)
    write_letter(session, LetterKind.PASSWORD_RESET, member.email, member.language, now_ms, link=link)


def change_email(session: Session, member: Member, email: str, address: str, now_ms: int) -> None:
    """Send a link to a new address: once it was opened, it is the member's, and the old one is told."""
    receiver = receiver_of(email)
    if not BY_RECEIVER.count(session, f"email {member.id}", now_ms):
        raise Refused("sign_in_often", "Too many letters were asked for. Wait an hour, then try again.")
    # Whether it is another member's, the form does not say: the letter's reader finds it out.
    _, token = make_link(session, LetterKind.EMAIL_CHANGED, member, receiver, member.id, now_ms, HOUR_MS)
    link = link_address(address, token)
    write_letter(session, LetterKind.EMAIL_CHANGED, receiver, member.language, now_ms, link=link)


def look(session: Session, token: str, now_ms: int) -> MailedLink:
    """Return what a link is for; it stays open. Raises Refused when it opens nothing."""
    kept = session.exec(select(MailedLink).where(MailedLink.token_hash == digest(token))).first()
    if kept is None or kept.used_ms is not None or kept.expires_ms <= now_ms:
        raise Refused("link_over_not_found", OVER)
    return kept


def set_new_password(session: Session, token: str, password: str, now_ms: int) -> str:
    """Use a reset's link up: a new password, and signed out everywhere. Returns the member."""
    kept = look(session, token, now_ms)
    credential = session.get(Credential, kept.member) if kept.member else None
    if kept.kind is not LetterKind.PASSWORD_RESET or credential is None:
        raise Refused("link_over_not_found", OVER)
    use_up(session, kept, now_ms)
    service.set_password(session, credential.member, credential.login, password, now_ms)
    return credential.member


def accept(
    session: Session, token: str, first_name: str, last_name: str, password: str, language: str,
    now_ms: int, floor_ms: int,
) -> str:  # fmt: skip
    """Use an invitation up: who is new is admitted, and may sign in. Returns the member."""
    kept = look(session, token, now_ms)
    if kept.kind is not LetterKind.INVITATION:
        raise Refused("link_over_not_found", OVER)
    use_up(session, kept, now_ms)
    member = session.get(Member, kept.member) if kept.member else None
    if member is None:
        if not first_name.strip() or not last_name.strip():
            raise Refused("name_missing", "Write your first name and your last name.")
        check_password(password, (first_name, last_name, kept.email))
        details = MemberDetails(
            first_name=first_name, last_name=last_name, email=kept.email, role=kept.role, language=language
        )
        member = members.add(session, details, floor_ms)
        happened(session, Happening.MEMBER_ADDED, member.id, floor_ms, member=member.id)
        kept.member = member.id  # who is erased is found by it
        session.add(kept)
    credential = session.get(Credential, member.id)
    login = credential.login if credential else kept.email
    service.set_password(session, member.id, login, password, now_ms)
    return member.id


def confirm_email(session: Session, token: str, now_ms: int, floor_ms: int) -> None:
    """Use a new address's link up: it is the member's, and the old address is told."""
    kept = look(session, token, now_ms)
    if kept.kind is not LetterKind.EMAIL_CHANGED or kept.member is None:
        raise Refused("link_over_not_found", OVER)
    member = members.get(session, kept.member)
    before = member.email
    use_up(session, kept, now_ms)
    members.change(session, member.id, MemberChanges(email=kept.email), floor_ms)
    credential = session.get(Credential, member.id)
    login = service.folded(kept.email)
    if (
        credential is not None
        and before
        and credential.login == service.folded(before)
        and service.credential_of(session, login) is None
    ):
        credential.login = login
        session.add(credential)
    address_changed(session, member, before, now_ms)


def address_changed(session: Session, member: Member, before: str | None, now_ms: int) -> None:
    """Tell the address that a member had before, whoever gave them another; its links open nothing more."""
    if before == member.email:
        return
    service.end_links(session, member.id, now_ms)
    if before:
        said = {"link": "", "new_address": member.email or "–"}
        write_letter(session, LetterKind.EMAIL_CHANGED, before, member.language, now_ms, **said)
    service.tell(session, member.id, "email", now_ms)


def make_link(
    session: Session, kind: LetterKind, member: Member | None, email: str, author: str, now_ms: int,
    lives_ms: int, role: Role = Role.MEMBER,
) -> tuple[MailedLink, str]:  # fmt: skip
    """Keep a link that is good for so long; returns it with its secret, which stands in the letter alone."""
    token = fresh()
    made = MailedLink(
        id=make_id(now_ms),
        token_hash=digest(token),
        kind=kind,
        member=member.id if member else None,
        email=email,
        role=role,
        author=author,
        created_ms=now_ms,
        expires_ms=now_ms + lives_ms,
    )
    session.add(made)
    return made, token


def use_up(session: Session, link: MailedLink, now_ms: int) -> None:
    """Use a link up; of several who do at once, one may."""
    mine = (col(MailedLink.id) == link.id, col(MailedLink.used_ms).is_(None))
    done = session.execute(update(MailedLink).where(*mine).values(used_ms=now_ms))
    assert isinstance(done, CursorResult)
    if done.rowcount != 1:
        raise Refused("link_over_not_found", OVER)


def receiver_of(email: str) -> str:
    """Return an address as it is kept; raises Refused for one that is none."""
    receiver = email.strip()
    if len(receiver) > 254 or receiver.count("@") != 1 or not receiver.isprintable() or " " in receiver:
        raise Refused("email_malformed", "This is no e-mail address.")
    return receiver


def member_at(session: Session, email: str) -> Member | None:
    """Return the member who has an address."""
    return session.exec(select(Member).where(func.lower(col(Member.email)) == email.lower())).first()


def link_address(address: str, token: str) -> str:
    """Return where a link leads; `address` is the server's."""
    return f"{address}/links/{token}"
