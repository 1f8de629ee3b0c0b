"""How each room forgets a member. Statements, not objects: see booking_api.privacy.rooms."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Update
from sqlmodel import Session, col, delete, func, or_, select, update

from booking_api.accounts.models import Account, AccountMember
from booking_api.audit import service as audit
from booking_api.auth import service as sign_in
from booking_api.auth.models import IdempotentAnswer, LinkedIdentity, MailedLink
from booking_api.badges.models import Badge, BadgeReading, PhoneCodeUsed
from booking_api.billing.models import Fee, SessionSplit
from booking_api.certifications.models import Certification, QuizTry
from booking_api.courses.models import ClassWaiting
from booking_api.db import DATA, after_commit
from booking_api.disputes.models import Dispute, DisputeEvent
from booking_api.documents.models import BillingAddress
from booking_api.gateways.changes import Subject, changed
from booking_api.happenings.models import Happened, Letter
from booking_api.households.models import Household, HouseholdMember
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from booking_api.maintenance import pictures
from booking_api.maintenance.models import WorkNote, WorkOrder, WorkPhoto
from booking_api.members.models import Member, MemberCare, MemberImport, Suspension
from booking_api.notices import choices
from booking_api.payments.models import Debit, Mandate
from booking_api.prints.models import PrintJob
from booking_api.registrations.models import Registration
from booking_api.reservations.models import Feed, Offer, Reserved, Waiting
from booking_api.sessions.models import Job, MachineSession, Refusal
from booking_api.waivers.models import WaiverSignature
from booking_api.webhooks.models import WebhookDelivery
from floor.reservation.terms import Standing
from floor.words import Role

ERASED_FILE = "erased.gcode"


def forget_letters(session: Session, member: Member, _now_ms: int) -> None:
    """Delete how they joined and what was written to their address; blank what was told of them."""
    addresses = _addresses(session, member)
    for id, address, values in session.exec(select(Letter.id, Letter.address, Letter.values)).all():
        if addresses & {address.lower(), *(str(value).lower() for value in values.values())}:
            session.exec(delete(Letter).where(col(Letter.id) == id))
    session.exec(delete(Registration).where(_of(member, Registration)))
    session.exec(delete(MailedLink).where(_of(member, MailedLink)))
    _run(session, update(Happened).where(col(Happened.member) == member.id).values(data={}))


def leave_groups(session: Session, member: Member, _now_ms: int) -> None:
    """Take them out of their household and of teams."""
    session.exec(delete(HouseholdMember).where(col(HouseholdMember.member) == member.id))
    lived_in = select(HouseholdMember.household)
    session.exec(delete(Household).where(col(Household.id).not_in(lived_in)))
    session.exec(delete(AccountMember).where(col(AccountMember.member) == member.id))


def forget_care(session: Session, member: Member, _now_ms: int) -> None:
    """Delete who is called, who answers for them, why they were suspended, and files not brought in yet."""
    session.exec(delete(MemberCare).where(col(MemberCare.member) == member.id))
    session.exec(delete(Suspension).where(col(Suspension.member) == member.id))
    session.exec(delete(MemberImport))


def blank_signatures(session: Session, member: Member, _now_ms: int) -> None:
    """Keep that a text was signed and when; blank by whose name."""
    mine = update(WaiverSignature).where(col(WaiverSignature.member) == member.id)
    _run(session, mine.values(name="", guardian=""))


def forget_badges(session: Session, member: Member, _now_ms: int) -> None:
    """Delete badges, their readings and codes that a phone used."""
    badges = select(Badge.id).where(Badge.member == member.id)
    session.exec(delete(BadgeReading).where(col(BadgeReading.badge).in_(badges)))
    session.exec(delete(Badge).where(col(Badge.member) == member.id))
    session.exec(delete(PhoneCodeUsed).where(col(PhoneCodeUsed.member) == member.id))


def forget_sign_in(session: Session, member: Member, now_ms: int) -> None:
    """Delete how they signed in, where they are signed in, and their programs' keys."""
    sign_in.forget(session, member.id, now_ms)
    kept = col(IdempotentAnswer.author), col(IdempotentAnswer.body)
    session.exec(delete(IdempotentAnswer).where(or_(kept[0] == member.id, kept[1].contains(member.id))))


def forget_certifications(session: Session, member: Member, _now_ms: int) -> None:
    """Delete their certifications."""
    session.exec(delete(Certification).where(col(Certification.member) == member.id))


def blank_use(session: Session, member: Member, _now_ms: int) -> None:
    """Blank the badges that they tapped with, the names of their files, and whose taps were refused."""
    mine = select(MachineSession.id).where(MachineSession.member == member.id)
    _run(session, update(Job).where(col(Job.session).in_(mine)).values(name="", user=""))
    _run(session, update(MachineSession).where(col(MachineSession.member) == member.id).values(badge=""))
    _run(session, update(Refusal).where(col(Refusal.member) == member.id).values(member=None, badge=""))
    jobs = update(PrintJob).where(col(PrintJob.member) == member.id)
    _run(session, jobs.values(name=ERASED_FILE, note="", words=""))


def forget_faults(session: Session, member: Member, _now_ms: int) -> None:
    """Blank what they reported and noted, and delete their photos; that work was done stays."""
    mine = select(WorkPhoto.sha256).where(WorkPhoto.author == member.id)
    shown = set(session.exec(mine).all())
    session.exec(delete(WorkPhoto).where(col(WorkPhoto.author) == member.id))
    gone = shown - set(session.exec(select(WorkPhoto.sha256)).all())
    data = session.info[DATA]
    after_commit(session, lambda: pictures.forget(data, gone))
    _run(session, update(WorkNote).where(col(WorkNote.author) == member.id).values(words=""))
    reported = update(WorkOrder).where(col(WorkOrder.member) == member.id)
    _run(session, reported.values(title="", member=None))


def blank_words(session: Session, member: Member, _now_ms: int) -> None:
    """Empty what people wrote in the books and in disputes; both allow that, and their chains still hold."""
    disputes = select(Dispute.id).where(Dispute.member == member.id)
    words = update(DisputeEvent).where(col(DisputeEvent.dispute).in_(disputes), col(DisputeEvent.words) != "")
    _run(session, words.values(words=""))
    _run(session, update(Fee).where(col(Fee.member) == member.id).values(words=""))
    mine = select(MachineSession.id).where(MachineSession.member == member.id)
    split = update(SessionSplit).where(col(SessionSplit.session).in_(mine))
    _run(session, split.values(reason="", undone_reason=""))
    account = col(LedgerPosting.account)
    touched = select(LedgerPosting.entry).where(account.endswith(f":{member.account}", autoescape=True))
    memos = update(LedgerEntry).where(col(LedgerEntry.id).in_(touched), col(LedgerEntry.memo) != "")
    _run(session, memos.values(memo=""))


def forget_addresses(session: Session, member: Member, now_ms: int) -> None:
    """Delete the billing address, and mandates by which nothing was collected; the others end."""
    session.exec(delete(BillingAddress).where(col(BillingAddress.account) == member.account))
    used = select(Debit.mandate)
    mine = col(Mandate.account) == member.account
    session.exec(delete(Mandate).where(mine, col(Mandate.id).not_in(used)))
    _run(session, update(Mandate).where(mine, col(Mandate.revoked_ms).is_(None)).values(revoked_ms=now_ms))


def blank_member(session: Session, member: Member, now_ms: int) -> None:
    """Leave of the member an id without a name, which opens nothing."""
    _run(session, update(MemberCare).where(col(MemberCare.guardian) == member.id).values(guardian=None))
    number = f"x{member.id.replace('-', '')[-20:]}"
    _run(session, update(Account).where(col(Account.id) == member.account).values(name=number))
    blank: dict[str, Any] = dict.fromkeys(("first_name", "last_name", "shown_name", "sort", "search"), "")
    blank |= dict.fromkeys(("email", "charges_to", "suspended_reason", "suspended_until_ms"))
    blank |= {"number": number, "role": Role.MEMBER, "valid_until_ms": now_ms, "erased_ms": now_ms}
    _run(session, update(Member).where(col(Member.id) == member.id).values(**blank))


def _run(session: Session, statement: Update) -> None:
    session.exec(statement.execution_options(synchronize_session=False))


def forget_reservations(session: Session, member: Member, now_ms: int) -> None:
    """Give up what is reserved for them or waited for, end their calendars, blank what they wrote."""
    mine = col(Reserved.member) == member.id
    coming = mine & (col(Reserved.standing) == Standing.BOOKED) & (col(Reserved.ends_ms) > now_ms)
    for machine in session.exec(select(Reserved.machine).where(coming).distinct()).all():
        changed(session, Subject.MACHINE, machine, now_ms)
    closed = {"standing": Standing.CANCELLED, "closed_ms": now_ms, "closed_by": "erasure"}
    _run(session, update(Reserved).where(coming).values(**closed))
    _run(session, update(Reserved).where(mine).values(words="", reason=""))
    session.exec(delete(Waiting).where(col(Waiting.member) == member.id))
    session.exec(delete(Offer).where(col(Offer.member) == member.id))
    session.exec(delete(Feed).where(col(Feed.member) == member.id))


def forget_training(session: Session, member: Member, _now_ms: int) -> None:
    """Delete their tries at quizzes, and where they waited for a place."""
    session.exec(delete(QuizTry).where(col(QuizTry.member) == member.id))
    session.exec(delete(ClassWaiting).where(col(ClassWaiting.member) == member.id))


def forget_told(session: Session, member: Member, _now_ms: int) -> None:
    """Blank what the audit log says of them, and what they were told; forget what they chose."""
    audit.blank(session, member.id)
    choices.blank(session, member.id)
    home = session.get(HouseholdMember, member.id)
    if home is not None and not _others_in(session, home):
        audit.blank(session, home.household)
    for table in (Registration, MailedLink):
        for id in session.exec(select(table.id).where(_of(member, table))).all():
            audit.blank(session, id)
    named = col(WebhookDelivery.body).contains(member.id, autoescape=True)
    for sent in session.exec(select(WebhookDelivery.id, WebhookDelivery.body).where(named)).all():
        body = json.dumps(json.loads(sent[1]) | {"data": {}}, ensure_ascii=False)
        _run(session, update(WebhookDelivery).where(col(WebhookDelivery.id) == sent[0]).values(body=body))


def _others_in(session: Session, home: HouseholdMember) -> bool:
    others = select(HouseholdMember.member).where(HouseholdMember.household == home.household)
    return session.exec(others.where(HouseholdMember.member != home.member)).first() is not None


def _addresses(session: Session, member: Member) -> set[str]:
    """Return the addresses that they have or had, as far as anything tells; in small letters."""
    found = {member.email} if member.email else set()
    for table in (Registration, MailedLink, LinkedIdentity):
        found |= set(session.exec(select(table.email).where(col(table.member) == member.id)))
    return {address.lower() for address in found if address}


def _of(member: Member, table: type[Registration] | type[MailedLink]) -> ColumnElement[bool]:
    """Return the condition by which a row is theirs: it names them, or has their address."""
    mine = col(table.member) == member.id
    return or_(mine, func.lower(col(table.email)) == member.email.lower()) if member.email else mine
