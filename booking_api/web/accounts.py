"""Accounts and teams, as pages: for operators all of them, for a team's owners their own."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Query, Request
from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts import invitations, teams
from booking_api.accounts.endpoints import LooksAfter, Manages, invited
from booking_api.accounts.models import Account, AccountKind, TeamRole
from booking_api.accounts.service import charged_in
from booking_api.accounts.teams import PersonDetails, TeamChanges, TeamDetails
from booking_api.accounts.use import read_use
from booking_api.api.routes import Router
from booking_api.auth.guards import Writing, holds, require
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.ledger.accounts import member_account
from booking_api.ledger.models import AccountBalance
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.web.me import MonthText
from booking_api.web.pages import Paged
from booking_api.web.paging import ROWS, At, around
from booking_api.web.statement import month_of, read_account
from floor import money
from floor.errors import Refused

router = Router(include_in_schema=False)
Looks = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Keeps = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Amount = Annotated[str, Form(max_length=20)]
Short = Annotated[str, Form(max_length=64)]
Named = Annotated[str, Form(max_length=100)]


@router.get("/accounts")
def account_list(
    request: Request,
    who: Looks,
    page: Paged,
    text: Annotated[str, Query(max_length=100)] = "",
    at: At = 0,
) -> Response:
    """Show teams, and people's accounts with a limit or a balance; a search asks for these rows only."""
    code, now_ms = page.context.settings.currency.code, page.context.clock.now_ms()
    with page.context.database.read() as session:
        accounts = _noteworthy(session, code, text, at)
        before, after = around(at, len(accounts))
        values: dict[str, object] = {
            "code": code,
            "text": text,
            "accounts": accounts[:ROWS],
            "before": before,
            "after": after,
        }
        if request.headers.get("hx-request"):
            return page.answer("part_accounts.html", values)
        month, rows = month_of("", now_ms, page.f), teams.listed(session)
        values["month"], values["teams"] = month, rows
        values["charged"] = charged_in(session, {row.id for row in rows}, month.key, code)
    return page.answer("accounts.html", values)


@router.post("/teams")
def add_team(who: Keeps, session: Writing, page: Paged, id: Short, name: Named, owner: Named) -> Response:
    """Make a team, with who manages it."""
    details, now_ms = _details(id, name), page.context.clock.now_ms()
    made = teams.add(session, details, now_ms, members.find(session, owner.strip()).id)
    return RedirectResponse(f"/teams/{made.id}", 303)


@router.get("/teams/{id}")
def team_page(who: LooksAfter, page: Paged, id: str, month: MonthText = "") -> Response:
    """Show a team: people, limits, a month's use by person and cost centre, and its statement."""
    code = page.context.settings.currency.code
    chosen = month_of(month, page.context.clock.now_ms(), page.f)
    with page.context.database.read() as session:
        team = teams.get(session, id)
        use = read_use(session, id, chosen.key, code)
        values = {
            "team": team,
            "parent": teams.get(session, team.parent) if team.parent else None,
            "code": code,
            "use": use,
            "people": teams.people(session, id),
            "roles": list(TeamRole),
            "invited": invitations.listed(session, id, page.context.wall.now_ms()),
            "may_invite": page.context.settings.people.join != "off",
            "view": read_account(session, id, code, chosen, page.f),
            "member": {"account": id},
            "own": False,
            "amount": _typed,
        }
    return page.answer("team.html", values)


@router.post("/teams/{id}/limits")
def set_limits(
    who: Manages,
    session: Writing,
    page: Paged,
    id: str,
    monthly: Amount = "",
    credit: Amount = "",
    both: Annotated[bool, Form()] = False,
) -> Response:
    """Change what is charged to a team in a month at most, and for operators (`both`) what it may owe."""
    changes: dict[str, int | None] = {"monthly_limit_micro": _limit(monthly)}
    if both or credit:
        require(who, Permission.LEDGER_WRITE)
        changes["credit_limit_micro"] = _limit(credit)
    teams.change(session, id, TeamChanges.model_validate(changes), page.context.clock.now_ms())
    return _back(id)


@router.post("/teams/{id}/people")
def put_person(
    who: Manages, session: Writing, page: Paged, id: str, person: Named, role: Short, monthly: Amount = ""
) -> Response:
    """Let a person charge to a team, or change what they may."""
    if role not in set(TeamRole):
        raise Refused("role_invalid", "Choose what this person is in the team.")
    details = PersonDetails(role=TeamRole(role), monthly_limit_micro=_limit(monthly))
    now_ms = page.context.clock.now_ms()
    teams.put_person(session, id, members.find(session, person.strip()).id, details, now_ms)
    return _back(id)


@router.post("/teams/{id}/people/{member}/remove")
def remove_person(who: Manages, session: Writing, page: Paged, id: str, member: str) -> Response:
    """Take a person out of a team."""
    teams.remove_person(session, id, member, page.context.clock.now_ms())
    return _back(id)


@router.post("/teams/{id}/invitations")
def invite(
    who: Manages, session: Writing, page: Paged, id: str, email: Annotated[str, Form(max_length=254)]
) -> Response:
    """Invite somebody by letter, whether they are a member yet or not."""
    invited(session, page.context, who, id, email, page.f.language)
    return RedirectResponse(f"/teams/{id}?notice=invited", 303)


@router.post("/teams/{id}/invitations/{invitation}/withdraw")
def withdraw(who: Manages, session: Writing, page: Paged, id: str, invitation: str) -> Response:
    """Take an invitation back."""
    invitations.withdraw(session, id, invitation, page.context.wall.now_ms())
    return _back(id)


@router.post("/teams/{id}/centres")
def add_centre(
    who: Manages, session: Writing, page: Paged, id: str, centre: Short, name: Named, monthly: Amount = ""
) -> Response:
    """Add a cost centre to a team."""
    details = _details(centre, name, parent=id, monthly=monthly)
    teams.add(session, details, page.context.clock.now_ms())
    return _back(id)


@router.post("/teams/{id}/archive")
def archive(who: Manages, session: Writing, page: Paged, id: str) -> Response:
    """Close a cost centre, or for operators a team, to new charges."""
    if teams.get(session, id).parent is None:
        require(who, Permission.LEDGER_WRITE)
    teams.archive(session, id, page.context.clock.now_ms())
    return _back(id)


def _noteworthy(session: Session, code: str, text: str, at: int) -> list[tuple[Account, int]]:
    """Return a page, and one row more, of people's accounts that have a limit or a balance.

    Those that owe most come first; a text looks for a name, a number or an email, whatever they owe.
    """
    balance = func.coalesce(AccountBalance.amount_micro, 0)
    of_account = and_(
        col(AccountBalance.account) == member_account("") + col(Account.id),
        col(AccountBalance.commodity) == code,
    )
    query = select(Account, balance).outerjoin(AccountBalance, of_account)
    query = query.where(Account.kind != AccountKind.TEAM)
    if text.strip():
        query = query.where(col(Account.id).in_(members.matching(select(Member.id), text)))
    else:
        query = query.where(or_(balance != 0, col(Account.credit_limit_micro).is_not(None)))
    query = query.order_by(balance.desc(), col(Account.name), col(Account.id))
    return [(account, int(owed)) for account, owed in session.exec(query.limit(ROWS + 1).offset(at))]


def _details(id: str, name: str, parent: str | None = None, monthly: str = "") -> TeamDetails:
    try:
        return TeamDetails(id=id, name=name, parent=parent, monthly_limit_micro=_limit(monthly))
    except ValueError:
        sentence = "Write a name, and a short name of at most 24 small letters, digits and -."
        raise Refused("team_malformed", sentence) from None


def _limit(text: str) -> int | None:
    """Read a limit as typed: nothing is no limit; a comma counts as the decimal point."""
    if not text.strip():
        return None
    try:
        amount_micro = money.parse(text.strip().replace(",", "."))
    except ValueError:
        amount_micro = -1
    if not 0 <= amount_micro < 1 << 53:
        raise Refused("amount_malformed", "Write an amount of 0 or more, like 12.50; nothing is no limit.")
    return amount_micro


def _typed(limit_micro: int | None) -> str:
    """Write a limit as it may be typed again."""
    if limit_micro is None:
        return ""
    whole, part = divmod(limit_micro, money.MICRO)
    digits = f"{part:06d}".rstrip("0")
    return f"{whole}.{digits:0<2}" if digits else str(whole)


def _back(id: str) -> Response:
    return RedirectResponse(f"/teams/{id}?notice=kept", 303)
