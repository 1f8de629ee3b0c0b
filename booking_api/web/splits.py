"""The page on which a session's cost is split between accounts: by its member, or by who keeps the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Form, Request
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts import choice
from booking_api.accounts.models import Account
from booking_api.api.routes import Router
from booking_api.auth.guards import Reading, SignedIn, Writing
from booking_api.billing import service as billing
from booking_api.billing.models import SessionSplit
from booking_api.billing.split_endpoints import check_may_split
from booking_api.members import service as members
from booking_api.sessions.models import MachineSession
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from booking_api.web.statement import machine_names
from floor.errors import Refused

router = Router(prefix="/sessions", include_in_schema=False)
Why = Annotated[str, Form(max_length=200)]
Text = Annotated[str, Form(max_length=64)]
SHARE = "share:"


@dataclass(frozen=True, slots=True)
class Bearer:
    """An account that may bear a part; `name` is "" for the member's own."""

    id: str
    name: str
    share: str
    paid_micro: int | None


@router.get("/{id}/split")
def show(who: SignedIn, session: Reading, page: Paged, id: str) -> Response:
    """Show which accounts bear a session, and let them be chosen."""
    return page.answer("session_split.html", _values(session, page, check_may_split(session, who, id)))


@router.post("/{id}/split")
async def split(who: SignedIn, session: Writing, page: Paged, request: Request, id: str) -> Response:
    """Split a session by the shares of the form, or at an instant."""
    used = check_may_split(session, who, id)
    form = {name: str(value) for name, value in (await request.form()).items()}
    texts = [
        (name.removeprefix(SHARE), text) for name, text in form.items() if name.startswith(SHARE) and text
    ]
    at = form.get("instant", "")
    if at:
        wanted = billing.Wanted(instant_ms=_instant(page, at), after=form.get("after", "")[:64])
    else:
        wanted = billing.Wanted(billing.parse_shares(texts[:50]))
    billing.split(session, id, wanted, who.id, form.get("reason", "")[:200], page.context.clock.now_ms())
    return RedirectResponse(f"/sessions/{used.id}/split?notice=split", 303)


@router.post("/{id}/split/undo")
def undo(who: SignedIn, session: Writing, page: Paged, id: str, reason: Why = "") -> Response:
    """Charge a session to its own account alone again."""
    check_may_split(session, who, id)
    billing.undo_split(session, id, who.id, reason, page.context.clock.now_ms())
    return RedirectResponse(f"/sessions/{id}/split?notice=unsplit", 303)


def _instant(page: Page, text: str) -> int:
    try:
        local = datetime.fromisoformat(text[:19])
    except ValueError:
        raise Refused("split_instant", "The instant must lie between its start and its end.") from None
    return round(local.replace(tzinfo=page.f.zone).astimezone(UTC).timestamp() * 1000)


def _values(session: Session, page: Page, used: MachineSession) -> dict[str, object]:
    member = members.get(session, used.member)
    split = billing.split_of(session, used.id)
    paid: dict[str, int] = {}
    for charge in billing.charges_of(session, used.id):
        paid[charge.account] = paid.get(charge.account, 0) + charge.total_micro
    end_ms = used.ended_ms or used.started_ms
    return {
        "used": used,
        "own": page.who is not None and page.who.id == used.member,
        "member": member,
        "machine": machine_names(session).get(used.machine, used.machine),
        "bearers": _bearers(session, used, split, paid),
        "split": split,
        "first": page.f.moment(used.started_ms).strftime("%Y-%m-%dT%H:%M:%S"),
        "last": page.f.moment(end_ms).strftime("%Y-%m-%dT%H:%M:%S"),
    }


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
