"""Disputed charges: what waits for an operator, one dispute with all that is known, and a member's own."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form
from sqlmodel import Session, select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts.models import Account, Fund
from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.billing.models import Charge
from booking_api.clock import make_id
from booking_api.disputes import service
from booking_api.disputes.endpoints import DisputeSeen, check_may_dispute, check_may_read, seen
from booking_api.disputes.evidence import Evidence, gather
from booking_api.disputes.models import DisputeState
from booking_api.disputes.service import WORDS_MAX, Standing
from booking_api.idempotency import once
from booking_api.web.board import names_of
from booking_api.web.pages import Paged
from booking_api.web.paging import ROWS, At, around
from booking_api.web.render import Page
from booking_api.web.statement import Booked, Names, machine_names, metered_words, receipt
from booking_api.web.typed import Amount, Key, read_amount
from booking_api.web.vocabulary import KINDS
from floor.ledger import EntryKind

router = Router(prefix="/disputes", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Decides = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Words = Annotated[str, Form(max_length=WORDS_MAX)]


@router.get("")
def waiting(
    who: Reads,
    session: Reading,
    page: Paged,
    state: DisputeState = DisputeState.OPEN,
    at: At = 0,
) -> Response:
    """List the disputes of a state."""
    found = service.listed(session, state, ROWS + 1, at)
    people = names_of(session, {one.dispute.member for one in found}, staff=True)
    values = {"rows": found[:ROWS], "pages": around(at, len(found)), "state": state, "people": people}
    values["states"] = list(DisputeState)
    return page.answer("disputes.html", values)


@router.post("")
def open_dispute(
    who: SignedIn, session: Writing, page: Paged, entry: Annotated[str, Form(max_length=64)], reason: Words
) -> Response:
    """Dispute what an entry charged."""
    charge = session.exec(select(Charge.id).where(Charge.entry == entry)).first() or ""
    check_may_dispute(session, who, charge)
    made = service.open_dispute(session, charge, reason, who.id, page.context.clock.now_ms())
    return RedirectResponse(f"/disputes/{made.dispute.id}?notice=disputed", 303)


@router.get("/{id}")
def one(who: SignedIn, session: Reading, page: Paged, id: str) -> Response:
    """Show a dispute with all that is known: to whom it concerns, without the alarms, and to operators."""
    found = service.get(session, id)
    check_may_read(session, who, found)
    return page.answer("dispute.html", _values(session, page, gather(session, found)))


@router.post("/{id}/adjust")
def adjust(
    who: Decides, session: Writing, page: Paged, id: str, amount: Amount, words: Words, key: Key
) -> Response:
    """Give a part back."""
    amount_micro = read_amount(amount)

    def act() -> DisputeSeen:
        now_ms = page.context.clock.now_ms()
        return seen(service.adjust(session, id, amount_micro, words, who.id, now_ms))

    request = f"adjust {id} {amount_micro} {words}"
    once(session, who.id, key, request, page.context.wall.now_ms(), DisputeSeen, act)
    return RedirectResponse("/disputes?notice=decided", 303)


@router.post("/{id}/waive")
def waive(who: Decides, session: Writing, page: Paged, id: str, words: Words, key: Key) -> Response:
    """Take the whole charge back."""

    def act() -> DisputeSeen:
        return seen(service.waive(session, id, words, who.id, page.context.clock.now_ms()))

    once(session, who.id, key, f"waive {id} {words}", page.context.wall.now_ms(), DisputeSeen, act)
    return RedirectResponse("/disputes?notice=decided", 303)


@router.post("/{id}/refuse")
def refuse(who: Decides, session: Writing, page: Paged, id: str, words: Words) -> Response:
    """Leave the charge as it is."""
    service.refuse(session, id, words, who.id, page.context.clock.now_ms())
    return RedirectResponse("/disputes?notice=decided", 303)


@router.post("/{id}/withdraw")
def withdraw(who: SignedIn, session: Writing, page: Paged, id: str) -> Response:
    """Take one's own dispute back."""
    require(who, Permission.ME_WRITE)
    service.withdraw(session, id, who.id, page.context.clock.now_ms())
    return RedirectResponse("/me?notice=withdrawn", 303)


def _values(session: Session, page: Page, evidence: Evidence) -> dict[str, object]:
    standing, charge = evidence.standing, evidence.charged.charge
    dispute, everyone = standing.dispute, page.may(Permission.LEDGER_READ)
    named = Names(machine_names(session), dict(session.exec(select(Fund.id, Fund.name)).all()))
    kind = EntryKind.CHARGE if charge.session else EntryKind.FEE
    account = session.get(Account, charge.account)
    people = {dispute.member, *(event.author for event in standing.events)}
    booked = Booked(
        entry=charge.entry or charge.id,
        kind=kind,
        kind_text=page.f.texts.gettext(KINDS[kind]),
        at_ms=charge.ended_ms,
        amount_micro=charge.total_micro,
        memo="",
        receipt=receipt(evidence.charged, named, page.f),
    )
    return {
        "standing": standing,
        "dispute": dispute,
        "b": booked,
        "evidence": evidence,
        "account": account.name if account else charge.account,
        "readings": [(r.elapsed_ms, metered_words(r.counters, page.f)) for r in evidence.readings],
        "alarms": evidence.alarms if everyone else (),
        "people": names_of(session, people, staff=everyone),
        "kinds": {kind: page.f.texts.gettext(text) for kind, text in KINDS.items()},
        "mine": page.who is not None and page.who.id == dispute.member,
        "decides": _decides(session, page, standing, charge),
        "key": make_id(page.context.wall.now_ms()),
    }


def _decides(session: Session, page: Page, standing: Standing, charge: Charge) -> bool:
    """Whether the reader is somebody who decides on this one."""
    if page.who is None or not page.may(Permission.LEDGER_WRITE):
        return False
    is_open = standing.dispute.state is DisputeState.OPEN
    return is_open and not service.is_theirs(session, standing.dispute, charge, page.who.id)
