"""Teams and projects: who may charge to them, up to what, and on which cost centre."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, col, or_, select, update

from booking_api.accounts import service
from booking_api.accounts.models import Account, AccountKind, AccountMember, TeamRole
from booking_api.gateways.changes import Subject, changed
from booking_api.members import service as members
from booking_api.members.models import Member
from floor.errors import Refused

ShortName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,23}$")]
Named = Annotated[str, Field(min_length=1, max_length=100)]
LimitMicro = Annotated[int, Field(ge=0, lt=1 << 53)]


class TeamDetails(BaseModel):
    """A new team, or with `parent` a new cost centre of one. Limits are micro-units; None is no limit."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    id: ShortName
    name: Named
    parent: ShortName | None = None
    credit_limit_micro: LimitMicro | None = None
    monthly_limit_micro: LimitMicro | None = None


class TeamChanges(BaseModel):
    """What to change of a team or a cost centre: only the fields that are given."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Named = ""
    credit_limit_micro: LimitMicro | None = None
    monthly_limit_micro: LimitMicro | None = None


class PersonDetails(BaseModel):
    """What a person may do with a team, and charge to it in a month (None: no limit of their own).

    For somebody who is in the team already, only what is given changes.
    """

    model_config = ConfigDict(extra="forbid")

    role: TeamRole = TeamRole.MEMBER
    monthly_limit_micro: LimitMicro | None = None


def get(session: Session, id: str) -> Account:
    """Return a team or a cost centre; raises Refused when there is none."""
    account = session.get(Account, id)
    if account is None or account.kind is not AccountKind.TEAM:
        raise Refused("team_not_found", f"There is no team {id}.")
    return account


def add(session: Session, details: TeamDetails, now_ms: int, owner: str = "") -> Account:
    """Make a team, with its owner if one is given, or a cost centre of a team.

    Raises Refused when the short name is taken, or for a cost centre of a cost centre.
    """
    if details.parent is not None and get(session, details.parent).parent is not None:
        raise Refused("team_nested", "A cost centre has no cost centres of its own.")
    account = service.open_account(
        session,
        details.id,
        AccountKind.TEAM,
        details.name,
        now_ms,
        parent=details.parent,
        credit_limit_micro=details.credit_limit_micro,
        monthly_limit_micro=details.monthly_limit_micro,
    )
    if owner:
        put_person(session, account.id, owner, PersonDetails(role=TeamRole.OWNER), now_ms)
    service.told(session, account, now_ms)
    return account


def change(session: Session, id: str, changes: TeamChanges, now_ms: int) -> Account:
    """Change a team's name or limits."""
    account = get(session, id)
    account.sqlmodel_update(changes.model_dump(exclude_unset=True))
    session.add(account)
    session.flush()
    service.told(session, account, now_ms)
    return account


def put_person(session: Session, id: str, member: str, details: PersonDetails, now_ms: int) -> AccountMember:
    """Let a person charge to a team, or change what they may."""
    account, person = open_team(session, id), members.get(session, member)
    kept = session.get(AccountMember, (id, member))
    demoted = "role" in details.model_fields_set and details.role is not TeamRole.OWNER
    if kept is not None and kept.role is TeamRole.OWNER and demoted:
        _check_other_owner(session, id, member)
    one = kept or AccountMember(account=id, member=person.id)
    one.sqlmodel_update(details.model_dump(exclude_unset=True, include={"role", "monthly_limit_micro"}))
    session.add(one)
    session.flush()
    _told(session, account, member, now_ms)
    return one


def remove_person(session: Session, id: str, member: str, now_ms: int) -> None:
    """Take a person out of a team; what they charge by default goes to their own account again.

    Raises Refused for the last owner.
    """
    account, one = get(session, id), session.get(AccountMember, (id, member))
    if one is None:
        raise Refused("person_not_in_team", "This person is not in the team.")
    if one.role is TeamRole.OWNER:
        _check_other_owner(session, id, member)
    session.delete(one)
    session.flush()
    _reset_defaults(session, account, member)
    _told(session, account, member, now_ms)


def archive(session: Session, id: str, now_ms: int) -> Account:
    """Close a team or a cost centre to new charges; what it owes stays owed."""
    account = get(session, id)
    if account.archived_ms is None:
        account.archived_ms = now_ms
        session.add(account)
        session.flush()
        service.told(session, account, now_ms)
        _reset_defaults(session, account)
    return account


def listed(session: Session, member: str | None = None) -> list[Account]:
    """Return the teams by name, cost centres after their team; of `member` those that they own."""
    query = select(Account).where(col(Account.kind) == AccountKind.TEAM)
    if member is not None:
        owned = select(AccountMember.account).where(
            AccountMember.member == member, AccountMember.role == TeamRole.OWNER
        )
        query = query.where(or_(col(Account.id).in_(owned), col(Account.parent).in_(owned)))
    found = list(session.exec(query))
    names = {account.id: (account.name, account.id) for account in found}
    return sorted(
        found,
        key=lambda one: (names.get(one.parent or one.id, ("", "")), one.parent is not None, one.name, one.id),
    )


def people(session: Session, id: str) -> list[tuple[AccountMember, Member]]:
    """Return who may charge to a team, owners first, then by last name."""
    query = select(AccountMember, Member).join(Member, col(Member.id) == col(AccountMember.member))
    rows = session.exec(query.where(AccountMember.account == id)).all()
    return sorted(rows, key=lambda row: (row[0].role is not TeamRole.OWNER, row[1].last_name, row[1].id))


def centres(session: Session, id: str) -> list[Account]:
    """Return a team's cost centres by name."""
    query = select(Account).where(Account.parent == id)
    return list(session.exec(query.order_by(Account.name, Account.id)))


def owns(session: Session, id: str, member: str) -> bool:
    """Whether a member owns a team, or the team of a cost centre."""
    account = session.get(Account, id)
    if account is None:
        return False
    rows = [session.get(AccountMember, (one, member)) for one in (id, account.parent) if one]
    return any(row is not None and row.role is TeamRole.OWNER for row in rows)


def open_team(session: Session, id: str) -> Account:
    """Return a team that is not closed; raises Refused for none."""
    account = get(session, id)
    if account.archived_ms is not None:
        raise Refused("team_archived", f"The team {account.name} is closed.")
    return account


def _check_other_owner(session: Session, id: str, member: str) -> None:
    others = select(AccountMember.member).where(
        AccountMember.account == id, AccountMember.role == TeamRole.OWNER, AccountMember.member != member
    )
    if session.exec(others).first() is None:
        raise Refused("last_owner", "A team keeps at least one owner. Name another first.")


def _told(session: Session, account: Account, member: str, now_ms: int) -> None:
    changed(session, Subject.ACCOUNT, account.parent or account.id, now_ms)
    changed(session, Subject.MEMBER, member, now_ms)


def _reset_defaults(session: Session, account: Account, member: str = "") -> None:
    """Have those whose sessions went to this team, or to a cost centre of it, pay for themselves again."""
    family = select(Account.id).where(or_(Account.id == account.id, Account.parent == account.id))
    gone = update(Member).where(col(Member.charges_to).in_(family))
    if member:
        gone = gone.where(col(Member.id) == member)
    session.exec(gone.values(charges_to=None).execution_options(synchronize_session="fetch"))
