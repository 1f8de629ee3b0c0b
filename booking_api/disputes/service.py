"""Disputes: a member says that a charge is wrong; an operator adjusts, waives or refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts import teams
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.disputes.models import Dispute, DisputeEvent, DisputeState
from booking_api.members.models import Member
from booking_api.periods.calendar import bounds
from floor.errors import Refused

DAYS = 60
"""How many days after the end of the month in which it was booked a charge may be disputed."""
DAY_MS = 86_400_000
WORDS_MAX = 1_000
DECIDED = (DisputeState.ADJUSTED, DisputeState.WAIVED, DisputeState.REFUSED)


@dataclass(frozen=True, slots=True)
class Standing:
    """A dispute with its steps, oldest first."""

    dispute: Dispute
    events: tuple[DisputeEvent, ...]

    @property
    def reason(self) -> str:
        """Why it was opened."""
        return self.events[0].words

    @property
    def outcome(self) -> DisputeEvent | None:
        """What came of it, None while it is open."""
        return self.events[-1] if len(self.events) > 1 else None


def open_dispute(session: Session, charge_id: str, reason: str, author: str, now_ms: int) -> Standing:
    """Dispute a charge that stands. Whether `author` may is the caller's to check: `may_dispute`.

    Raises Refused without a reason, where nothing is owed, after 60 days, and when it was disputed before.
    """
    words = _checked(reason)
    # Who disputes it at the same time waits here.
    session.exec(select(Charge.id).where(Charge.id == charge_id).with_for_update()).all()
    charge = billing.live_charge(session, charge_id)
    visit = charge.session or charge.fee
    if charge.session and billing.split_of(session, charge.session):
        raise Refused("charge_split", "It is split between accounts: undo that before.")
    owed = charge.total_micro - billing.credited(session, charge)
    if visit is None or owed <= 0:
        raise Refused("dispute_nothing", "Nothing is owed for this.")
    if now_ms >= deadline_ms(session, charge):
        raise Refused("dispute_past", "A charge can be disputed until 60 days after its month.")
    for known in _of_visits(session, [visit]):
        if known.period == charge.period and known.state is DisputeState.OPEN:
            raise Refused("dispute_open", "This charge is disputed already.")
        if known.period == charge.period and known.state in DECIDED:
            raise Refused("dispute_decided", "This was decided already. Please speak to staff.")
    made = Dispute(
        id=make_id(now_ms),
        visit=visit,
        period=charge.period,
        charge=charge.id,
        account=charge.account,
        member=author,
        state=DisputeState.OPEN,
        commodity=charge.commodity,
        amount_micro=owed,
        opened_ms=now_ms,
    )
    session.add(made)
    session.flush()
    _append(session, made, DisputeState.OPEN, words, author, now_ms)
    return get(session, made.id)


def for_member(session: Session, charge_id: str, reason: str, member: str, now_ms: int) -> Standing:
    """Dispute a charge for a member; raises Refused when it is not theirs, and as `open_dispute` does."""
    if not may_dispute(session, billing.live_charge(session, charge_id), member):
        raise Refused("forbidden", "This is another member's.")
    return open_dispute(session, charge_id, reason, member, now_ms)


def withdraw(session: Session, id: str, author: str, now_ms: int) -> Standing:
    """Let who disputed it take it back; raises Refused for anybody else, and when it is not open."""
    dispute = _open(session, id)
    if dispute.member != author:
        raise Refused("forbidden", "Only who disputed it can withdraw it.")
    return _close(session, dispute, DisputeState.WITHDRAWN, "", author, now_ms)


def adjust(session: Session, id: str, amount_micro: int, words: str, author: str, now_ms: int) -> Standing:
    """Give a part of the charge back; raises Refused for more than is owed for it, and as `waive` does."""
    dispute = _to_decide(session, id, author)
    sealed = billing.credit(session, live(session, dispute).id, amount_micro, _checked(words), author, now_ms)
    entry = sealed.entry.id
    return _close(session, dispute, DisputeState.ADJUSTED, words, author, now_ms, entry, amount_micro)


def waive(session: Session, id: str, words: str, author: str, now_ms: int) -> Standing:
    """Take the whole charge back, or what earlier credits left of it.

    Raises Refused without words, when it is not open, was charged to another account meanwhile, or is the
    operator's own.
    """
    dispute = _to_decide(session, id, author)
    charge = live(session, dispute)
    owed = charge.total_micro - billing.credited(session, charge)
    if owed < charge.total_micro:
        sealed = billing.credit(session, charge.id, owed, _checked(words), author, now_ms)
        entry: str | None = sealed.entry.id
    else:
        undone = billing.reverse_charge(session, charge.id, _checked(words), author, now_ms)
        entry = undone.entry.id if undone else None
    return _close(session, dispute, DisputeState.WAIVED, words, author, now_ms, entry, owed)


def refuse(session: Session, id: str, words: str, author: str, now_ms: int) -> Standing:
    """Leave the charge as it is, and say why; raises Refused as `waive` does."""
    dispute = _to_decide(session, id, author)
    return _close(session, dispute, DisputeState.REFUSED, _checked(words), author, now_ms)


def get(session: Session, id: str) -> Standing:
    """Return a dispute; raises Refused when there is none."""
    dispute = session.get(Dispute, id)
    if dispute is None:
        raise Refused("dispute_not_found", "There is no such dispute.")
    return _standing(session, [dispute])[0]


def listed(session: Session, state: DisputeState | None, limit: int = 50, at: int = 0) -> list[Standing]:
    """Return disputes: open ones oldest first, as they wait, others newest first."""
    order = col(Dispute.opened_ms)
    query = select(Dispute)
    if state is not None:
        query = query.where(Dispute.state == state)
    ordered = query.order_by(order if state is DisputeState.OPEN else order.desc(), col(Dispute.id))
    return _standing(session, session.exec(ordered.offset(at).limit(limit)).all())


def of_member(session: Session, member: str) -> list[Standing]:
    """Return what a member disputed, newest first."""
    query = select(Dispute).where(Dispute.member == member).order_by(col(Dispute.opened_ms).desc())
    return _standing(session, session.exec(query).all())


@dataclass(frozen=True, slots=True)
class OnStatement:
    """What a statement says of disputes, by the entries of charges: the newest of each, and until when (UTC
    milliseconds) those that have none may be disputed.
    """

    by_entry: Mapping[str, Standing]
    until_ms: Mapping[str, int]


def on_statement(session: Session, entries: Sequence[str]) -> OnStatement:
    """Return what to say of disputes beside these entries."""
    charges: list[Charge] = []
    for some in _chunks(entries):
        charges += session.exec(select(Charge).where(col(Charge.entry).in_(some))).all()
    charges.sort(key=lambda one: one.replaced_ms is None)  # of a visit's charges the one that stands counts
    keys = {(one.session or one.fee or "", one.period): one.entry or "" for one in charges}
    known = sorted(_of_visits(session, [visit for visit, _ in keys]), key=lambda one: one.opened_ms)
    mine = _standing(session, [one for one in known if (one.visit, one.period) in keys])
    by_entry = {keys[one.dispute.visit, one.dispute.period]: one for one in mine}
    withdrawn = {at for at, one in by_entry.items() if one.dispute.state is DisputeState.WITHDRAWN}
    split = billing.splits_of(session, {one.session for one in charges if one.session})
    free = [one for one in charges if one.entry not in by_entry.keys() - withdrawn]
    free = [one for one in free if one.session not in split]
    owed = [
        one for one in free if one.replaced_ms is None and one.total_micro > 0 and (one.session or one.fee)
    ]
    return OnStatement(by_entry, {one.entry or "": deadline_ms(session, one) for one in owed})


def may_dispute(session: Session, charge: Charge, member: str) -> bool:
    """Whether a charge is the member's own: of their use, of their account, or of a team that they own."""
    known = session.get(Member, member)
    own = known is not None and charge.account == known.account
    return own or charge.member == member or teams.owns(session, charge.account, member)


def is_theirs(session: Session, dispute: Dispute, charge: Charge, member: str) -> bool:
    """Whether a member has a part in a dispute, so that somebody else decides on it."""
    return member == dispute.member or may_dispute(session, charge, member)


def deadline_ms(session: Session, charge: Charge) -> int:
    """Return until when a charge may be disputed, UTC milliseconds."""
    return bounds(charge.month, zone_of(session))[1] + DAYS * DAY_MS


def live(session: Session, dispute: Dispute) -> Charge:
    """Return the charge that stands for what is disputed; raises Refused when it was taken back."""
    visit = func.coalesce(Charge.session, Charge.fee)
    query = select(Charge).where(visit == dispute.visit, Charge.period == dispute.period)
    charge = session.exec(query.where(col(Charge.replaced_ms).is_(None))).first()
    if charge is None:
        raise Refused("charge_replaced", "This charge was taken back already.")
    return charge


def _to_decide(session: Session, id: str, author: str) -> Dispute:
    dispute = _open(session, id)
    if is_theirs(session, dispute, live(session, dispute), author):
        raise Refused("dispute_own", "Somebody else decides on your own charge.")
    return dispute


def _open(session: Session, id: str) -> Dispute:
    query = select(Dispute).where(Dispute.id == id).with_for_update()
    dispute = session.exec(query.execution_options(populate_existing=True)).first()
    if dispute is None:
        raise Refused("dispute_not_found", "There is no such dispute.")
    if dispute.state is not DisputeState.OPEN:
        raise Refused("dispute_closed", "This dispute is closed already.")
    return dispute


def _close(
    session: Session,
    dispute: Dispute,
    state: DisputeState,
    words: str,
    author: str,
    now_ms: int,
    entry: str | None = None,
    amount_micro: int | None = None,
) -> Standing:
    dispute.state, dispute.closed_ms = state, now_ms
    session.add(dispute)
    _append(session, dispute, state, words, author, now_ms, entry, amount_micro)
    return get(session, dispute.id)


def _append(
    session: Session,
    dispute: Dispute,
    state: DisputeState,
    words: str,
    author: str,
    now_ms: int,
    entry: str | None = None,
    amount_micro: int | None = None,
) -> None:
    count = select(func.count()).select_from(DisputeEvent).where(DisputeEvent.dispute == dispute.id)
    event = DisputeEvent(
        dispute=dispute.id,
        n=session.exec(count).one() + 1,
        state=state,
        author=author,
        at_ms=now_ms,
        words=words.strip(),
        entry=entry,
        amount_micro=amount_micro,
    )
    session.add(event)
    session.flush()


def _checked(words: str) -> str:
    if not words.strip():
        raise Refused("reason_missing", "Say why.")
    if len(words) > WORDS_MAX:
        raise Refused("reason_length", "Say it in at most 1,000 characters.")
    return words.strip()


def _of_visits(session: Session, visits: Collection[str]) -> list[Dispute]:
    found: list[Dispute] = []
    for some in _chunks(sorted(set(visits))):
        found += session.exec(select(Dispute).where(col(Dispute.visit).in_(some))).all()
    return found


def _standing(session: Session, disputes: Sequence[Dispute]) -> list[Standing]:
    events: dict[str, tuple[DisputeEvent, ...]] = {}
    for some in _chunks([dispute.id for dispute in disputes]):
        query = select(DisputeEvent).where(col(DisputeEvent.dispute).in_(some))
        for event in session.exec(query.order_by(DisputeEvent.dispute, col(DisputeEvent.n))):
            events[event.dispute] = (*events.get(event.dispute, ()), event)
    return [Standing(dispute, events[dispute.id]) for dispute in disputes]


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + 500] for at in range(0, len(ids), 500))
