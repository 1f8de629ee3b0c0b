"""At the host: a visitor is a member here, whose badges, skills and spending follow what their home says.

Home says everything each time, and only what differs is changed: so it does not matter how often it comes.
"""

from __future__ import annotations

from sqlmodel import Session, col, func, select

from booking_api.accounts.models import AccountKind
from booking_api.badges import service as badges
from booking_api.certifications import service as certifications
from booking_api.certifications.models import Certification, Skill
from booking_api.gateways.models import CreditSlice
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.members.service import MemberChanges, MemberDetails
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.sites import outbox
from booking_api.sites.models import Visitor
from booking_api.sites.network import Agreement
from booking_api.sites.passes import Carried, Person
from booking_api.vault import Vault

NOBODY = "Visitor"
"""What a visitor is called who chose that others read nothing, and whose pass is over."""
_RUNNING = (SessionState.OPEN, SessionState.EXCEPTION)


def find(session: Session, home: str, ref: str) -> Visitor | None:
    """Return a visitor by what their home calls them."""
    return session.exec(select(Visitor).where(Visitor.site == home, Visitor.ref == ref)).first()


def welcome(
    session: Session, vault: Vault, person: Person, terms: Agreement, commodity: str, now_ms: int
) -> int | None:
    """Make a visitor what their home says; return the most that they may come to have used (micro-units of
    `commodity`, the space's currency), None for one whom nobody has to know here.
    """
    ledger.hold(session)  # what is used here is looked up beside this, and both write limits
    visitor = find(session, terms.home, person.ref)
    if visitor is None and not person.active:
        return None
    visitor = visitor or _arrive(session, person, terms, now_ms)
    member = members.get(session, visitor.member)
    _follow(session, member, person, terms, now_ms)
    _badges(session, vault, member.id, person.badges, _mark(terms.home), now_ms)
    _skills(session, member.id, person, terms, now_ms)
    visitor.allowed_micro = person.allowed_micro
    session.add(visitor)
    outbox.set_limit(session, visitor, now_ms)
    session.flush()
    return exposure(session, visitor, commodity)


def exposure(session: Session, visitor: Visitor, commodity: str) -> int:
    """Return the most that a visitor may come to have used, at gateways that were told of more too."""
    owed = ledger.balance(session, member_account(visitor.account), commodity)
    slices = select(func.sum(CreditSlice.held_micro)).where(CreditSlice.account == visitor.account)
    running = select(func.sum(MachineSession.limit_micro)).where(
        MachineSession.account == visitor.account, col(MachineSession.state).in_(_RUNNING)
    )
    given = int(session.exec(slices).one() or 0) + int(session.exec(running).one() or 0)
    return max(visitor.allowed_micro, visitor.used_micro + owed + given)


def _mark(home: str) -> str:
    """Return the author of what home did here: only that does home take back."""
    return f"site:{home}"


def _arrive(session: Session, person: Person, terms: Agreement, now_ms: int) -> Visitor:
    outbox.begin(session)
    details = MemberDetails(
        first_name=person.name or NOBODY,
        number=f"{terms.home}-{person.ref[-12:]}",
        tier=terms.tier,
        language=person.language,
        valid_until_ms=now_ms,
        credit_limit_micro=0,
    )
    member = members.add(session, details, now_ms, AccountKind.VISITOR)
    visitor = Visitor(member=member.id, site=terms.home, ref=person.ref, account=member.account)
    session.add(visitor)
    session.flush()
    return visitor


def _follow(session: Session, member: Member, person: Person, terms: Agreement, now_ms: int) -> None:
    name = person.name or NOBODY
    wanted: dict[str, object] = {
        "first_name": name,
        "shown_name": name if person.name else "",
        "language": person.language,
        "tier": terms.tier,
    }
    until_ms = _until(member.valid_until_ms or 0, person, terms, now_ms)
    wanted["valid_until_ms"] = until_ms
    differs = {key: value for key, value in wanted.items() if getattr(member, key) != value}
    if differs:
        members.change(session, member.id, MemberChanges.model_validate(differs), now_ms)


def _until(stands_ms: int, person: Person, terms: Agreement, now_ms: int) -> int:
    """Return until when a visitor may use machines; it is renewed once half of it is over."""
    if not person.active:
        return min(stands_ms, now_ms)
    longest_ms = now_ms + terms.lease_ms if person.until_ms is None else person.until_ms
    until_ms = min(now_ms + terms.lease_ms, longest_ms)
    keeps = now_ms + terms.lease_ms // 2 < stands_ms <= longest_ms
    return stands_ms if keeps else until_ms


def _badges(
    session: Session, vault: Vault, member: str, carried: tuple[Carried, ...], by: str, now_ms: int
) -> None:
    here = {vault.open(badge.uid_sealed): badge for badge in badges.of_member(session, member)}
    for uid in here.keys() - {one.uid for one in carried}:
        badges.remove(session, here[uid].id, now_ms, by)
    for one in carried:
        badge = here.get(one.uid)
        if badge is None and not one.lost:
            # Who is a member of both sites shows the badge as a member of this one.
            if badges.by_uid(session, vault, one.uid) is None:
                badges.enrol(session, vault, member, one.uid, one.kind, "", now_ms, by=by)
        elif badge is not None and one.lost:
            badges.report_lost(session, badge.id, now_ms, by)
        elif badge is not None and badge.lost_ms is not None and _lost_by(session, member, badge.id) == by:
            badges.report_found(session, badge.id, now_ms, by)


def _lost_by(session: Session, member: str, badge: str) -> str:
    """Return who reported a badge lost last; what staff here report, home does not take back."""
    told = [one.by for one in badges.events_of(session, member) if (one.badge, one.what) == (badge, "lost")]
    return told[-1] if told else ""


def _skills(session: Session, member: str, person: Person, terms: Agreement, now_ms: int) -> None:
    by = _mark(terms.home)
    for theirs, ours in terms.skills.items():
        if session.get(Skill, ours) is None:
            continue
        kept = session.get(Certification, (member, ours))
        stands = kept is not None and kept.revoked_ms is None
        if theirs not in person.skills or not person.active:
            if kept is not None and stands and kept.granted_by == by:
                certifications.revoke(session, member, ours, by, now_ms)
            continue
        end_ms = person.skills[theirs] or None
        if kept is None or not _stays(kept, by, end_ms):
            _grant(session, member, ours, by, end_ms, now_ms)


def _stays(kept: Certification, by: str, end_ms: int | None) -> bool:
    """Whether home has nothing to change: it is as home says, or staff here gave it or took it away."""
    if kept.revoked_ms is not None:
        return kept.revoked_by != by
    return kept.granted_by != by or kept.expires_ms == end_ms


def _grant(session: Session, member: str, skill: str, by: str, end_ms: int | None, now_ms: int) -> None:
    """Give a skill as home has it: the host's own end of a skill without one is not put in its place."""
    granted = certifications.grant(session, member, skill, by, now_ms, end_ms, checked=False)
    granted.expires_ms = end_ms
    session.add(granted)
    session.flush()


def check_skills(session: Session, terms: Agreement) -> list[str]:
    """Return the skills that an agreement names and this site has not."""
    return [name for name in terms.skills.values() if session.get(Skill, name) is None]
