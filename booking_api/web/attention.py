"""What wants a member's attention: what is due, what ends soon, what is kept for them, what was answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import Session, col, select

from booking_api.certifications import service as certifications
from booking_api.disputes import service as disputes
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships.days import begin_ms
from booking_api.payments import overdue
from booking_api.payments.overdue import NEVER_MS
from booking_api.reservations.line_endpoints import offers_of
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.web.render import Page
from booking_api.web.waivers import asked_now, where_words

DAY_MS = 86_400_000
SOON_MS = 30 * DAY_MS
"""So long before its end a certification is spoken of."""
LATELY_MS = 14 * DAY_MS
"""So long after it ended a certification is spoken of, and so long an answer is new."""


@dataclass(frozen=True, slots=True)
class Item:
    """One sentence and where to act on it; `tone` is that of a notice."""

    tone: str
    text: str
    href: str
    link: str


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be paid next: an amount in micro-units, and until when (UTC milliseconds)."""

    amount_micro: int
    due_ms: int
    is_overdue: bool


def read_attention(session: Session, page: Page, member: Member, due: Due | None) -> list[Item]:
    """Return what a member should look at, the most pressing first."""
    found = [
        *_standing(session, page, member, due),
        *_texts(session, page, member),
        *_offers(session, page, member),
        *_training(session, page, member),
        *_answers(session, page, member),
    ]
    return sorted(found, key=lambda one: ("bad", "warn", "accent", "good", "quiet").index(one.tone))


def next_due(session: Session, page: Page, member: Member) -> Due | None:
    """Return what falls due next on a member's own account, by day, or all that is overdue; None: nothing."""
    now_ms, code = page.context.clock.now_ms(), page.context.settings.currency.code
    open_ = [one for one in overdue.unpaid(session, member.account, code) if one.due_ms != NEVER_MS]
    if not open_:
        return None
    late = [one for one in open_ if one.due_ms <= now_ms]
    first_ms = open_[0].due_ms
    chosen = late or [one for one in open_ if page.f.day(one.due_ms) == page.f.day(first_ms)]
    return Due(sum(one.amount_micro for one in chosen), first_ms, bool(late))


def _standing(session: Session, page: Page, member: Member, due: Due | None) -> Iterator[Item]:
    f, now_ms, code = page.f, page.context.clock.now_ms(), page.context.settings.currency.code
    gettext = f.texts.gettext
    if members.is_suspended(member, now_ms):
        text = gettext("Your membership is suspended: %(reason)s") % {"reason": member.suspended_reason}
        if member.suspended_until_ms:
            text += " " + gettext("until %(day)s") % {"day": f.day(member.suspended_until_ms)}
        yield Item("bad", text, "/me/details", gettext("My details"))
    if overdue.blocked(session, {member.account}, now_ms):
        text = gettext("Your account opens no machine until what is overdue is paid.")
        yield Item("bad", text, "/me/invoices", gettext("Invoices"))
    if due and due.is_overdue:
        words = {"amount": f.money(due.amount_micro, code), "day": f.day(due.due_ms)}
        text = gettext("%(amount)s is overdue since %(day)s.") % words
        yield Item("bad", text, "/me/invoices", gettext("Invoices"))
    waits = select(MachineSession.id).where(
        MachineSession.account == member.account, col(MachineSession.state) == SessionState.EXCEPTION
    )
    if count := len(session.exec(waits.limit(100)).all()):
        text = f.texts.ngettext(
            "%(count)s use waits for staff to look at it; nothing is charged until then.",
            "%(count)s uses wait for staff to look at them; nothing is charged until then.",
            count,
        ) % {"count": count}
        yield Item("quiet", text, "/me/uses", gettext("My uses"))


def _texts(session: Session, page: Page, member: Member) -> Iterator[Item]:
    gettext, where = page.f.texts.gettext, where_words(session, page)
    for one in asked_now(session, page, member):
        machines = where(one.version)
        if one.is_missing and machines:
            text = gettext("Until a text is signed you do not use these machines: %(machines)s.")
            text = text % {"machines": machines}
        elif one.is_missing:
            text = gettext("You use no machine until a text is signed.")
        else:
            day = page.f.day(begin_ms(one.due, page.f.zone)) if one.due else ""
            text = gettext("A text has to be signed before %(day)s.") % {"day": day}
        yield Item("bad" if one.is_missing else "warn", text, "/me/details", gettext("Read and sign"))


def _offers(session: Session, page: Page, member: Member) -> Iterator[Item]:
    f = page.f
    for one in offers_of(session, member.id, page.context.clock.now_ms()):
        words = {"when": f.when(one.begins_ms), "until": f.clock(one.until_ms)}
        text = f.texts.gettext("A slot on %(when)s is kept for you until %(until)s.") % words
        yield Item("accent", text, "/reservations", f.texts.gettext("Take it or leave it"))


def _training(session: Session, page: Page, member: Member) -> Iterator[Item]:
    f, now_ms = page.f, page.context.clock.now_ms()
    for held in certifications.holdings(session, member.id, now_ms):
        if not held.until_ms or not -LATELY_MS < held.until_ms - now_ms < SOON_MS:
            continue
        words = {"skill": certifications.called(held.skill, f.language), "day": f.day(held.until_ms)}
        lapsed = held.lapsed(now_ms)
        text = (
            f.texts.gettext("%(skill)s lapsed on %(day)s: you no longer use what asks for it.")
            if lapsed
            else f.texts.gettext("%(skill)s ends on %(day)s. Renew it before then.")
        )
        yield Item(
            "bad" if lapsed else "warn", text % words, f"/skills/{held.skill.id}", f.texts.gettext("Renew")
        )


def _answers(session: Session, page: Page, member: Member) -> Iterator[Item]:
    f, now_ms = page.f, page.context.clock.now_ms()
    for one in disputes.of_member(session, member.id):
        outcome = one.outcome
        if one.dispute.state not in disputes.DECIDED or outcome is None or outcome.at_ms < now_ms - LATELY_MS:
            continue
        text = f.texts.gettext("Your objection was answered.")
        if outcome.amount_micro:
            amount = f.money(outcome.amount_micro, one.dispute.commodity)
            text = f.texts.gettext("Your objection was answered: %(amount)s was given back.") % {
                "amount": amount
            }
        yield Item("good", text, f"/disputes/{one.dispute.id}", f.texts.gettext("Read the answer"))
