"""The page on which a session's cost is split between accounts: by its member, or by who keeps the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Form, Request
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts import choice
from booking_api.accounts.models import Account
from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing
from booking_api.auth.who import Who
from booking_api.billing import service as billing
from booking_api.billing.models import SessionSplit
from booking_api.billing.split_endpoints import check_may_split
from booking_api.db import start_again
from booking_api.members import service as members
from booking_api.problems import status_of
from booking_api.sessions.models import MachineSession
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.sentences import said
from booking_api.web.statement import machine_names
from floor.errors import Refused

router = Router(prefix="/sessions", include_in_schema=False)
Why = Annotated[str, Form(max_length=200)]
SHARE = "share:"
REASON_MAX = 200
MOMENT = "%Y-%m-%dT%H:%M:%S"
OVER = {"split_limit", "split_overdue"}
"""What staff override."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """An account that may bear a part; `name` is "" for the member's own."""

    id: str
    name: str
    share: str
    paid_micro: int | None


async def _form(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form(max_files=0, max_fields=100)).items()}


Filled = Annotated[dict[str, str], Depends(_form)]


@router.get("/{id}/split")
def show(who: SignedIn, session: Reading, page: Paged, id: str) -> Response:
    """Show which accounts bear a session, and let them be chosen."""
    return _show(session, page, check_may_split(session, who, id))


@router.post("/{id}/split")
def split(who: SignedIn, session: Writing, page: Paged, form: Filled, id: str) -> Response:
    """Split a session by the shares of the form, or at an instant. A refusal is shown beside the form."""
    over = bool(form.get("over_limits"))
    check_may_split(session, who, id, over)
    now_ms = page.context.clock.now_ms()
    try:
        reason = form.get("reason", "")[:REASON_MAX]
        billing.split(session, id, _wanted(page, form), who.id, reason, now_ms, over_limits=over)
    except Refused as refused:
        return _refused(session, page, who, id, form, refused)
    return RedirectResponse(f"/sessions/{id}/split?notice=split", 303)


@router.post("/{id}/split/undo")
def undo(
    who: SignedIn, session: Writing, page: Paged, id: str, reason: Why = "", over_limits: bool = False
) -> Response:
    """Charge a session to its own account alone again."""
    check_may_split(session, who, id, over_limits)
    now_ms = page.context.clock.now_ms()
    try:
        billing.undo_split(session, id, who.id, reason, now_ms, over_limits=over_limits)
    except Refused as refused:
        return _refused(session, page, who, id, {}, refused)
    return RedirectResponse(f"/sessions/{id}/split?notice=unsplit", 303)


def _wanted(page: Page, form: dict[str, str]) -> billing.Wanted:
    if at := form.get("instant", ""):
        return billing.Wanted(instant_ms=_instant(page, at), after=form.get("after", "")[:64])
    texts = [(name.removeprefix(SHARE), text) for name, text in form.items() if name.startswith(SHARE)]
    return billing.Wanted(billing.parse_shares([(account, text) for account, text in texts if text.strip()]))


def _refused(
    session: Session, page: Page, who: Who, id: str, form: dict[str, str], refused: Refused
) -> Response:
    start_again(session)
    return _show(session, page, check_may_split(session, who, id), form, refused)


def _instant(page: Page, text: str) -> int:
    try:
        local = datetime.fromisoformat(text[:19])
    except ValueError:
        raise Refused("split_instant", "The instant must lie between its start and its end.") from None
    return round(local.replace(tzinfo=page.f.zone).astimezone(UTC).timestamp() * 1000)


def _show(
    session: Session,
    page: Page,
    used: MachineSession,
    form: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Response:
    split = billing.split_of(session, used.id)
    paid: dict[str, int] = {}
    for charge in billing.charges_of(session, used.id):
        paid[charge.account] = paid.get(charge.account, 0) + charge.total_micro
    end_ms = used.ended_ms or used.started_ms
    values = {
        "used": used,
        "own": page.who is not None and page.who.id == used.member,
        "member": members.get(session, used.member),
        "machine": machine_names(session).get(used.machine, used.machine),
        "bearers": _bearers(session, used, split, paid),
        "split": split,
        "first": page.f.moment(used.started_ms).strftime(MOMENT),
        "last": page.f.moment(end_ms).strftime(MOMENT),
        "form": form or {},
        "problem": said(refused.sentence, page.f) if refused else "",
        "over": refused is not None and refused.code in OVER,
    }
    return page.answer("session_split.html", values, status_of(refused.code) if refused else 200)


def _bearers(
    session: Session, used: MachineSession, split: SessionSplit | None, paid: dict[str, int]
) -> list[Bearer]:
    member = members.get(session, used.member)
    names = {member.account: ""}
    names |= {one.id: one.name for one in choice.choices(session, {member.id}).get(member.id, ())}
    shares = {account: str(weight) for account, weight in split.shares} if split else {used.account: "1"}
    gone = {used.account, *paid} - set(names)
    named = select(Account.id, Account.name).where(col(Account.id).in_(gone))
    names |= dict(session.exec(named).all())
    return [Bearer(id, name, shares.get(id, ""), paid.get(id)) for id, name in names.items()]
