"""Commands for accounts, teams, guests and funds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlmodel import Session

from booking_api.accounts import choice, exposure, funds, guests, service, teams
from booking_api.accounts.models import Account, AfterBudget, TeamRole
from booking_api.accounts.use import read_use
from booking_api.cli.base import app, day_ms, desk, reading, validated
from booking_api.clock import Clock
from booking_api.members import service as members
from booking_api.periods.calendar import month_at
from booking_api.settings import Settings
from floor.errors import Refused
from floor.money import parse, plain

Who = Annotated[str, typer.Argument(help="Number, email or id.", metavar="MEMBER")]
Team = Annotated[str, typer.Argument(help="The team's short name.", metavar="TEAM")]
Credit = Annotated[str | None, typer.Option(help='What may be owed; 0 is prepaid, "none" is no limit.')]
Monthly = Annotated[str | None, typer.Option(help='What may be charged in a month; "none" is no limit.')]
NONE = "none"
account = typer.Typer(help="Accounts, and what they may owe.", no_args_is_help=True)
team = typer.Typer(help="Teams, their people and cost centres.", no_args_is_help=True)
fund = typer.Typer(help="Funds that pay what users do not.", no_args_is_help=True)
guest = typer.Typer(help="Guests with a day pass.", no_args_is_help=True)
for room, name in ((account, "account"), (team, "team"), (fund, "fund"), (guest, "guest")):
    app.add_typer(room, name=name)


@account.command("show")
def show_account(
    ctx: typer.Context, id: Annotated[str, typer.Argument(help="A team, or a member.", metavar="ACCOUNT")]
) -> None:
    """Show an account: its limits, what it owes, and this month by cost centre and person."""
    with reading(ctx) as (settings, database), database.read() as session:
        _print_use(session, settings, _account(session, id))


@account.command("limit")
def limit_account(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="A team, or a member.", metavar="ACCOUNT")],
    credit: Credit = None,
    monthly: Monthly = None,
) -> None:
    """Set what an account may owe, and what may be charged to it in a month."""
    given = _limits(credit, monthly)
    if not given:
        raise Refused("limit_missing", "Say what to limit, with --credit or --monthly.")
    with desk(ctx) as at:
        changed = service.set_limits(at.session, _account(at.session, id).id, given, at.now_ms)
        print(f"{changed.name}: {_limit_words(changed, at.settings)}")


@account.command("choose")
def choose_account(
    ctx: typer.Context, who: Who, id: Annotated[str, typer.Argument(help="A team, or a member.")]
) -> None:
    """Choose what a member's sessions are charged to by default."""
    with desk(ctx) as at:
        person = members.find(at.session, who)
        chosen = _account(at.session, id)
        choice.choose(at.session, person, chosen.id, at.now_ms)
        print(f"{person.whole_name} charges to {chosen.name}.")


@account.command("exposure")
def show_exposure(ctx: typer.Context) -> None:
    """Show what gateways may let people spend while they are alone, of every limit."""
    with reading(ctx) as (settings, database), database.read() as session:
        month, currency = month_at(Clock().now_ms(), ZoneInfo(settings.timezone)), settings.currency
        rows = exposure.read(session, currency.code, month)
        for one in rows:
            named = service.get(session, one.budget.account).name
            who = members.get(session, one.budget.member).first_name if one.budget.member else ""
            amounts = f"left {plain(one.left_micro, currency)}, out {plain(one.out_micro, currency)}"
            beyond = f", may pass it by {plain(one.beyond_micro, currency)}" if one.beyond_micro else ""
            print(f"{named + (f' ({who})' if who else ''):40} {amounts}{beyond}")
        print(f"{'Out, together':40} {plain(sum(one.out_micro for one in rows), currency)}")


@team.command("add")
def add_team(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="A short name, such as robotics.")],
    name: str,
    owner: Annotated[str, typer.Option(help="Who manages it: number, email or id.")] = "",
    credit: Credit = None,
    monthly: Monthly = None,
    parent: Annotated[str | None, typer.Option(help="The team of which this is a cost centre.")] = None,
) -> None:
    """Make a team, or with --parent a cost centre of one."""
    values = {"id": id, "name": name, "parent": parent, **_limits(credit, monthly)}
    with desk(ctx) as at:
        person = members.find(at.session, owner).id if owner else ""
        made = teams.add(at.session, validated(teams.TeamDetails, values), at.now_ms, person)
        print(f"{made.name}: {_limit_words(made, at.settings)}")


@team.command("list")
def list_teams(ctx: typer.Context) -> None:
    """List teams, each with its cost centres."""
    with reading(ctx) as (settings, database), database.read() as session:
        for one in teams.listed(session):
            label = f"{'  ' if one.parent else ''}{one.id}"
            closed = "  closed" if one.archived_ms is not None else ""
            print(f"{label:26} {one.name:40} {_limit_words(one, settings)}{closed}")


@team.command("show")
def show_team(ctx: typer.Context, id: Team) -> None:
    """Show a team: its people, limits, and this month by cost centre and person."""
    with reading(ctx) as (settings, database), database.read() as session:
        _print_use(session, settings, teams.get(session, id))


@team.command("put")
def put_person(
    ctx: typer.Context,
    id: Team,
    who: Who,
    role: Annotated[TeamRole | None, typer.Option(help="Owners manage the team.")] = None,
    monthly: Monthly = None,
) -> None:
    """Let a person charge to a team, or change what they may."""
    with desk(ctx) as at:
        person = members.find(at.session, who)
        given: dict[str, object] = {**_limits(None, monthly), **({"role": role} if role else {})}
        teams.put_person(at.session, id, person.id, teams.PersonDetails(**given), at.now_ms)
        print(f"{person.whole_name} is in {teams.get(at.session, id).name}.")


@team.command("remove")
def remove_person(ctx: typer.Context, id: Team, who: Who) -> None:
    """Take a person out of a team."""
    with desk(ctx) as at:
        person = members.find(at.session, who)
        teams.remove_person(at.session, id, person.id, at.now_ms)
    print(f"{person.whole_name} is not in the team any more.")


@team.command("archive")
def archive_team(ctx: typer.Context, id: Team) -> None:
    """Close a team or a cost centre to new charges."""
    with desk(ctx) as at:
        closed = teams.archive(at.session, id, at.now_ms)
    print(f"{closed.name} is closed.")


@guest.command("add")
def add_guest(
    ctx: typer.Context,
    first_name: str,
    last_name: str,
    last_day: Annotated[str | None, typer.Option(help="The last day of the pass; else today.")] = None,
    email: Annotated[str | None, typer.Option()] = None,
    tier: Annotated[str, typer.Option(help="A tier of the tariffs.")] = "guest",
    credit: Annotated[str, typer.Option(help="What may be owed until paid at the desk.")] = "0",
) -> None:
    """Admit a guest for a day, who pays before using anything unless --credit says otherwise."""
    with desk(ctx) as at:
        values: dict[str, object] = {"first_name": first_name, "last_name": last_name, "email": email}
        values |= {"tier": tier, "credit_limit_micro": _amount(credit)}
        values["last_day_ms"] = day_ms(last_day, at.settings.timezone)
        details = validated(guests.GuestDetails, values)
        added = guests.add(at.session, details, ZoneInfo(at.settings.timezone), at.now_ms)
        until = _day((added.valid_until_ms or 1) - 1, at.settings)
    print(f"Guest {added.number}: {added.whole_name}, until the end of {until}")


@fund.command("add")
def add_fund(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(help="The name that tariffs use.")],
    name: str,
    budget: Annotated[str | None, typer.Option(help="What it pays at most in its term.")] = None,
    first_day: Annotated[str | None, typer.Option(help="Its first day; else from the beginning.")] = None,
    end: Annotated[str | None, typer.Option(help="The day on which it has ended; else never.")] = None,
    machine: Annotated[list[str] | None, typer.Option(help="It pays for this machine; repeat it.")] = None,
    tier: Annotated[list[str] | None, typer.Option(help="It pays for this tier; repeat it.")] = None,
    after_budget: Annotated[AfterBudget, typer.Option(help="Who pays then.")] = AfterBudget.SPACE,
) -> None:
    """Add a fund that tariffs may name."""
    values = _fund_values(name, budget, machine, tier, after_budget)
    with desk(ctx) as at:
        values |= {"id": id, "from_ms": day_ms(first_day, at.settings.timezone)}
        values["until_ms"] = day_ms(end, at.settings.timezone)
        made = funds.add(at.session, validated(funds.FundDetails, values), at.now_ms)
        print(_fund_words(funds.FundUse(made, 0), at.settings))


@fund.command("list")
def list_funds(ctx: typer.Context) -> None:
    """List funds with what each has paid within its term."""
    with reading(ctx) as (settings, database), database.read() as session:
        for one in funds.listed(session, settings.currency.code):
            print(_fund_words(one, settings))


@fund.command("change")
def change_fund(
    ctx: typer.Context,
    id: str,
    name: Annotated[str | None, typer.Option()] = None,
    budget: Annotated[str | None, typer.Option(help='A new budget; "none" is no limit.')] = None,
    end: Annotated[str | None, typer.Option(help='The day on which it has ended; "none": never.')] = None,
    machine: Annotated[list[str] | None, typer.Option(help="For these machines only; repeat it.")] = None,
    tier: Annotated[list[str] | None, typer.Option(help="For these tiers only; repeat it.")] = None,
    after_budget: Annotated[AfterBudget | None, typer.Option(help="Who pays then.")] = None,
) -> None:
    """Change a fund for what is charged from now on."""
    values = _fund_values(name, budget, machine, tier, after_budget)
    with desk(ctx) as at:
        if end is not None:
            values["until_ms"] = None if end == NONE else day_ms(end, at.settings.timezone)
        changed = funds.change(at.session, id, funds.FundChanges.model_validate(values))
        used = funds.used(at.session, changed, at.settings.currency.code)
        print(_fund_words(funds.FundUse(changed, used), at.settings))


def _fund_values(
    name: str | None,
    budget: str | None,
    machines: list[str] | None,
    tiers: list[str] | None,
    after_budget: AfterBudget | None,
) -> dict[str, object]:
    """Return what was given; "none" as a budget takes the limit away."""
    values: dict[str, object] = {"name": name, "machines": machines, "tiers": tiers}
    values["after_budget"] = after_budget
    given = {key: value for key, value in values.items() if value}
    return given if budget is None else given | {"budget_micro": _limit(budget)}


def _day(at_ms: int, settings: Settings) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(settings.timezone)):%Y-%m-%d}"


def _account(session: Session, text: str) -> Account:
    """Return the account with this id, or the own account of the member whom the text names."""
    found = session.get(Account, text)
    return found if found is not None else service.get(session, members.find(session, text).account)


def _limits(credit: str | None, monthly: str | None) -> dict[str, int | None]:
    named = (("credit_limit_micro", credit), ("monthly_limit_micro", monthly))
    return {key: _limit(text) for key, text in named if text is not None}


def _limit(text: str) -> int | None:
    return None if text == NONE else _amount(text)


def _amount(text: str) -> int:
    try:
        return parse(text)
    except ValueError as error:
        raise Refused("amount_malformed", f"{error}.") from None


def _limit_words(one: Account, settings: Settings) -> str:
    credit, monthly = one.credit_limit_micro, one.monthly_limit_micro
    words = [
        f"may owe {plain(credit, settings.currency)}" if credit is not None else "",
        f"{plain(monthly, settings.currency)} a month" if monthly is not None else "",
    ]
    return ", ".join(filter(None, words)) or "no limit"


def _fund_words(one: funds.FundUse, settings: Settings) -> str:
    kept, currency = one.fund, settings.currency
    budget = "no limit" if kept.budget_micro is None else plain(kept.budget_micro, currency)
    begin = _day(kept.from_ms, settings) if kept.from_ms else "the beginning"
    term = f"from {begin}" + (f" until {_day(kept.until_ms, settings)}" if kept.until_ms is not None else "")
    only = ", ".join([*kept.machines, *(f"tier {tier}" for tier in kept.tiers)]) or "everything"
    paid = f"paid {plain(one.used_micro, currency)} of {budget}"
    return f"{kept.id:16} {kept.name:32} {paid}, {term}, for {only}, then the {kept.after_budget}"


def _print_use(session: Session, settings: Settings, one: Account) -> None:
    currency = settings.currency
    month = month_at(Clock().now_ms(), ZoneInfo(settings.timezone))
    use = read_use(session, one.id, month, currency.code)
    print(f"{one.id}  {one.name}: {_limit_words(one, settings)}; owes {plain(use.owed_micro, currency)}")
    print(f"{month:40} {plain(use.of(one.id), currency):>16}")
    for centre in use.centres:
        print(f"  {centre.id:38} {plain(use.of(centre.id), currency):>16}  {_limit_words(centre, settings)}")
    for person, member in teams.people(session, one.id):
        limit = person.monthly_limit_micro
        more = f"  of {plain(limit, currency)}" if limit is not None else ""
        label = f"{member.whole_name} ({person.role})"
        print(f"  {label:38} {plain(use.of(one.id, member.id), currency):>16}{more}")
