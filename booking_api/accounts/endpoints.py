"""Accounts over HTTP: which account pays, teams that their owners manage, guests and funds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from booking_api.accounts import choice, funds, guests, invitations, service, teams
from booking_api.accounts.models import AccountKind, AfterBudget, TeamRole
from booking_api.accounts.use import Use, read_use
from booking_api.api.routes import Router
from booking_api.auth.guards import Ctx, Reading, SignedIn, Writing, holds, own_or, require
from booking_api.auth.models import MailedLink
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.members import service as members
from booking_api.periods.calendar import month_at
from floor.errors import Refused
from floor.texts import LANGUAGES

router = Router(prefix="/api/v1", tags=["accounts"])
Admits = Annotated[Who, Depends(holds(Permission.MEMBERS_WRITE))]
Keeps = Annotated[Who, Depends(holds(Permission.LEDGER_WRITE))]
Looks = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]


def managing(session: Reading, who: SignedIn, id: str) -> Who:
    """Return who asks; raises Refused unless the team is theirs to manage, or everybody's accounts are."""
    may_manage(session, who, id)
    return who


def looking(session: Reading, who: SignedIn, id: str) -> Who:
    """Return who asks; raises Refused unless the team is theirs to manage, or they see all accounts."""
    if not (who.may(Permission.ME_READ) and teams.owns(session, id, who.id)):
        require(who, Permission.LEDGER_READ)
    return who


def _choosing(who: SignedIn, member: str) -> Who:
    if member != who.id or not who.may(Permission.ME_WRITE):
        require(who, Permission.MEMBERS_WRITE)
    return who


def may_manage(session: Session, who: Who, team: str) -> None:
    """Raise Refused unless the team is the asker's to manage, or everybody's accounts are."""
    if not (who.may(Permission.ME_WRITE) and teams.owns(session, team, who.id)):
        require(who, Permission.LEDGER_WRITE)


Manages = Annotated[Who, Depends(managing)]
LooksAfter = Annotated[Who, Depends(looking)]


class AccountSeen(BaseModel):
    """An account. Limits are micro-units of the space's currency, None for no limit."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: AccountKind
    name: str
    parent: str | None
    credit_limit_micro: int | None
    monthly_limit_micro: int | None
    archived_ms: int | None


class PersonSeen(BaseModel):
    """A person in a team, and what they charged to it this month."""

    member: str
    name: str
    role: TeamRole
    monthly_limit_micro: int | None
    charged_micro: int


class CentreSeen(AccountSeen):
    """A cost centre, and what was charged to it this month."""

    charged_micro: int


class TeamSeen(AccountSeen):
    """A team with its people and this month's use, in micro-units of `commodity`."""

    month: str
    commodity: str
    owed_micro: int
    charged_micro: int
    people: list[PersonSeen]
    centres: list[CentreSeen]


class Choice(BaseModel):
    """An account that a member may charge to; one is the default."""

    id: str
    name: str
    default: bool


class Chosen(BaseModel):
    """The account that is to pay."""

    account: Annotated[str, Field(min_length=1, max_length=64)]


class Limits(BaseModel):
    """What an account may owe, and what may be charged to it in a month; only what is given changes."""

    model_config = ConfigDict(extra="forbid")

    credit_limit_micro: teams.LimitMicro | None = None
    monthly_limit_micro: teams.LimitMicro | None = None


class PersonAdded(teams.PersonDetails):
    """A person for a team, by number, e-mail or id."""

    who: Annotated[str, Field(min_length=1, max_length=254)]


class TeamInvitation(BaseModel):
    """Whom to invite, by the address of somebody who may be no member yet; `language` is the letter's."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(min_length=3, max_length=254)]
    language: Annotated[str, Field(pattern=f"^({'|'.join(LANGUAGES)})$")] = "en"


class TeamInvitationSeen(BaseModel):
    """An invitation that nobody has taken, or whose reader waits to be admitted (`used_ms` is since when)."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    author: str
    created_ms: int
    expires_ms: int
    used_ms: int | None


class FundSeen(BaseModel):
    """A fund, and what it has paid within its term, in micro-units of the space's currency."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    budget_micro: int | None
    from_ms: int
    until_ms: int | None
    machines: list[str]
    tiers: list[str]
    after_budget: AfterBudget
    used_micro: int


class GuestSeen(BaseModel):
    """A guest who was admitted. Times are UTC milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    number: str
    account: str
    valid_until_ms: int


@router.get("/members/{member}/accounts")
def list_choices(session: Reading, who: SignedIn, member: str) -> list[Choice]:
    """Return the accounts that a member may charge to, their own first."""
    own_or(who, member, Permission.MEMBERS_WRITE)
    one = members.get(session, member)
    mine = [(one.account, service.get(session, one.account).name)]
    mine += [(team.id, team.name) for team in choice.choices(session, {member}).get(member, ())]
    default = one.charges_to or one.account
    return [Choice(id=id, name=name, default=id == default) for id, name in mine]


@router.put("/members/{member}/default-account", status_code=204)
def choose_default(
    who: Annotated[Who, Depends(_choosing)], session: Writing, context: Ctx, member: str, chosen: Chosen
) -> None:
    """Have a member's sessions charged to this account, unless they choose another at the machine."""
    choice.choose(session, members.get(session, member), chosen.account, context.clock.now_ms())


@router.patch("/accounts/{id}")
def set_limits(who: Keeps, session: Writing, context: Ctx, id: str, limits: Limits) -> AccountSeen:
    """Change what an account may owe or be charged in a month."""
    given = limits.model_dump(exclude_unset=True)
    return AccountSeen.model_validate(service.set_limits(session, id, given, context.clock.now_ms()))


@router.get("/teams")
def list_teams(session: Reading, who: SignedIn) -> list[AccountSeen]:
    """List teams and cost centres: all for operators, else those that one owns."""
    everybody = who.may(Permission.LEDGER_READ)
    return [AccountSeen.model_validate(one) for one in teams.listed(session, None if everybody else who.id)]


@router.post("/teams", status_code=201)
def add_team(session: Writing, context: Ctx, who: SignedIn, details: teams.TeamDetails) -> AccountSeen:
    """Make a team; or, also for its owners, a cost centre of one. What it may owe is the operator's word."""
    if details.parent is None or details.credit_limit_micro is not None:
        require(who, Permission.LEDGER_WRITE)
    else:
        may_manage(session, who, details.parent)
    return AccountSeen.model_validate(teams.add(session, details, context.clock.now_ms()))


@router.get("/teams/{id}")
def get_team(who: LooksAfter, session: Reading, context: Ctx, id: str) -> TeamSeen:
    """Return a team with its people and this month's use: for its owners, and operators."""
    teams.get(session, id)
    return _team_seen(session, context, id)


@router.patch("/teams/{id}")
def change_team(
    who: Manages, session: Writing, context: Ctx, id: str, changes: teams.TeamChanges
) -> AccountSeen:
    """Change a team; its owners change its name and its monthly limit."""
    if "credit_limit_micro" in changes.model_fields_set:
        require(who, Permission.LEDGER_WRITE)
    return AccountSeen.model_validate(teams.change(session, id, changes, context.clock.now_ms()))


@router.post("/teams/{id}/archive")
def archive_team(who: Manages, session: Writing, context: Ctx, id: str) -> AccountSeen:
    """Close a team to new charges; its owners close cost centres."""
    if teams.get(session, id).parent is None:
        require(who, Permission.LEDGER_WRITE)
    return AccountSeen.model_validate(teams.archive(session, id, context.clock.now_ms()))


@router.post("/teams/{id}/people", status_code=204)
def add_person(who: Manages, session: Writing, context: Ctx, id: str, added: PersonAdded) -> None:
    """Let a person charge to a team, or change what they may."""
    details = teams.PersonDetails(**added.model_dump(exclude={"who"}, exclude_unset=True))
    person = members.find(session, added.who)
    teams.put_person(session, id, person.id, details, context.clock.now_ms())


@router.delete("/teams/{id}/people/{member}", status_code=204)
def remove_person(who: Manages, session: Writing, context: Ctx, id: str, member: str) -> None:
    """Take a person out of a team."""
    teams.remove_person(session, id, member, context.clock.now_ms())


@router.get("/teams/{id}/invitations")
def list_team_invitations(
    who: LooksAfter, session: Reading, context: Ctx, id: str
) -> list[TeamInvitationSeen]:
    """List whom a team has invited and who is not in it yet."""
    rows = invitations.listed(session, teams.get(session, id).id, context.wall.now_ms())
    return [TeamInvitationSeen.model_validate(row) for row in rows]


@router.post("/teams/{id}/invitations", status_code=201)
def invite_to_team(
    who: Manages, session: Writing, context: Ctx, id: str, wanted: TeamInvitation
) -> TeamInvitationSeen:
    """Invite somebody into a team by letter, whether they are a member yet or not."""
    return TeamInvitationSeen.model_validate(
        invited(session, context, who, id, wanted.email, wanted.language)
    )


@router.delete("/teams/{id}/invitations/{invitation}", status_code=204)
def withdraw_team_invitation(who: Manages, session: Writing, context: Ctx, id: str, invitation: str) -> None:
    """Take an invitation back."""
    invitations.withdraw(session, id, invitation, context.wall.now_ms())


def invited(session: Session, context: Context, who: Who, team: str, email: str, language: str) -> MailedLink:
    """Invite by letter; raises Refused where nobody joins by themselves."""
    settings = context.settings
    if settings.people.join == "off":
        raise Refused("join_not_found", "Nobody joins by themselves here. Ask staff.")
    return invitations.invite(
        session,
        team,
        email,
        who.id,
        settings.address,
        language,
        settings.sign_in.invitation_days,
        context.wall.now_ms(),
    )


@router.post("/guests", status_code=201)
def add_guest(who: Admits, session: Writing, context: Ctx, details: guests.GuestDetails) -> GuestSeen:
    """Admit a guest until the end of a day."""
    return GuestSeen.model_validate(guests.add(session, details, context.zone, context.clock.now_ms()))


@router.get("/funds")
def list_funds(session: Reading, context: Ctx, who: Looks) -> list[FundSeen]:
    """List funds with what they have paid."""
    return [_fund_seen(one) for one in funds.listed(session, context.settings.currency.code)]


@router.post("/funds", status_code=201)
def add_fund(who: Keeps, session: Writing, context: Ctx, details: funds.FundDetails) -> FundSeen:
    """Add a fund that tariffs may name."""
    return _fund_seen(funds.FundUse(funds.add(session, details, context.clock.now_ms()), 0))


@router.patch("/funds/{id}")
def change_fund(who: Keeps, session: Writing, context: Ctx, id: str, changes: funds.FundChanges) -> FundSeen:
    """Change a fund for what is charged from now on."""
    fund = funds.change(session, id, changes)
    used_micro = funds.used(session, fund, context.settings.currency.code)
    return _fund_seen(funds.FundUse(fund, used_micro))


def _team_seen(session: Session, context: Context, id: str) -> TeamSeen:
    month = month_at(context.clock.now_ms(), context.zone)
    use: Use = read_use(session, id, month, context.settings.currency.code)
    people = [
        PersonSeen(
            member=person.id,
            name=person.whole_name,
            role=one.role,
            monthly_limit_micro=one.monthly_limit_micro,
            charged_micro=use.of(id, person.id),
        )
        for one, person in teams.people(session, id)
    ]
    centres = [
        CentreSeen(**centre.model_dump(exclude={"created_ms"}), charged_micro=use.of(centre.id))
        for centre in use.centres
    ]
    return TeamSeen(
        **use.account.model_dump(exclude={"created_ms"}),
        month=month,
        commodity=use.commodity,
        owed_micro=use.owed_micro,
        charged_micro=use.of(id),
        people=people,
        centres=centres,
    )


def _fund_seen(one: funds.FundUse) -> FundSeen:
    return FundSeen.model_validate(one.fund.model_dump() | {"used_micro": one.used_micro})
