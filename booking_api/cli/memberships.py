"""Commands for memberships."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlmodel import Session

from booking_api.cli.base import Desk, app, desk, reading, rehearsal
from booking_api.cli.floor import AUTHOR
from booking_api.members import service as members
from booking_api.memberships import billing, plans, service
from booking_api.memberships.days import day_of, read_day
from booking_api.memberships.models import Membership
from booking_api.memberships.service import By, Wish
from floor.errors import Refused
from floor.membership import Plan
from floor.money import Commodity, parse, plain

memberships = typer.Typer(help="Memberships: plans, who has one, and their bills.", no_args_is_help=True)
app.add_typer(memberships, name="memberships")
Who = Annotated[str, typer.Argument(help="Number, email or id.", metavar="MEMBER")]
Day = Annotated[str, typer.Option(help="A day, such as 2026-12-31.")]
Id = Annotated[str, typer.Argument(help="The membership's id, as `memberships list` shows it.")]


@memberships.command()
def bill(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="Such as 2026-11; else all that has come due.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; post nothing.")] = False,
) -> None:
    """Charge each membership once a period, grant its allowances, write tiers and access.

    Run it every day: what was charged already is not charged again.
    """
    with rehearsal(ctx, dry_run) as at:
        found = [one for one in billing.run(at.session, at.now_ms, AUTHOR, month) if one.amount_micro]
        for one in found:
            who = members.get(at.session, one.member)
            amount = plain(one.amount_micro, Commodity(one.commodity, at.settings.currency.exponent))
            print(f"{who.number:8} {who.whole_name}: {one.words}  {amount}")
    total = f"{len(found)} charges."
    print(f"{total} Nothing was posted: this was a rehearsal." if dry_run else total)


@memberships.command("plans")
def list_plans(ctx: typer.Context) -> None:
    """List the plans in force."""
    with reading(ctx) as (settings, database), database.read() as session:
        zone = ZoneInfo(settings.timezone)
        for plan in plans.offered(session, day_of(round(datetime.now(UTC).timestamp() * 1000), zone)):
            print(f"{plan.id:20} {plan.name('en'):30} {_price(plan)}")


def _price(plan: Plan) -> str:
    if plan.tariff:
        return f"by the tariff {plan.tariff}"
    least = "" if plan.minimum_micro is None else f", or from {plain(plan.minimum_micro, plan.commodity)}"
    return f"{plain(plan.price_micro, plan.commodity)} a {plan.cycle}{least}"


@memberships.command("list")
def list_memberships(ctx: typer.Context) -> None:
    """List the memberships, those that wait for an answer first."""
    with reading(ctx) as (_, database), database.read() as session:
        for row in service.listed(session):
            print(_line(session, row))


def _line(session: Session, row: Membership) -> str:
    who = members.get(session, row.member)
    state = "" if row.accepted_ms else "  waits for staff"
    team = "" if row.account == who.account else f"  for {row.account}"
    group = f" ({row.group})" if row.group else ""
    days = f"from {row.first}" + (f" to before {row.until}" if row.until else "")
    return f"{row.id}  {who.number:8} {who.whole_name}: {row.plan}{group}, {days}{team}{state}"


@memberships.command()
def join(
    ctx: typer.Context,
    who: Who,
    plan: Annotated[str, typer.Argument(help="A plan's id.")],
    since: Annotated[str, typer.Option("--from", help="The first day; else today.")] = "",
    team: Annotated[str, typer.Option(help="The team that is charged, and whose people it is for.")] = "",
    group: Annotated[str, typer.Option(help="A group with a reduced price.")] = "",
    proof_until: Annotated[str, typer.Option(help="The day on which the group's proof has lapsed.")] = "",
    price: Annotated[str, typer.Option(help="The price that the member chose.")] = "",
    quantity: Annotated[int, typer.Option(help="How many: desks, benches.")] = 1,
    days: Annotated[int, typer.Option(help="How many days a day pass is for.")] = 1,
) -> None:
    """Give a member, or a team, a plan; what has come due is charged at once."""
    with desk(ctx) as at:
        wish = Wish(
            plan=plan,
            first=read_day(since),
            account=team,
            group=group,
            price_micro=_amount(price),
            quantity=quantity,
            days=days,
            proof_until=read_day(proof_until),
        )
        row = service.join(at.session, members.find(at.session, who).id, wish, _by(at))
        print(_line(at.session, row))


@memberships.command()
def accept(ctx: typer.Context, id: Id, proof_until: Day = "") -> None:
    """Accept a membership that was asked for."""
    with desk(ctx) as at:
        print(_line(at.session, service.accept(at.session, id, _by(at), read_day(proof_until))))


@memberships.command()
def change(
    ctx: typer.Context,
    id: Id,
    plan: Annotated[str, typer.Option(help="Another plan.")] = "",
    group: Annotated[str | None, typer.Option(help='Another group; "" for none.')] = None,
    proof_until: Day = "",
    price: Annotated[str, typer.Option(help="Another price that the member chose.")] = "",
    quantity: Annotated[int, typer.Option(help="How many; 0 leaves it.")] = 0,
    since: Annotated[str, typer.Option("--from", help="The first day; else with the next period.")] = "",
) -> None:
    """Put a membership on another plan, group or price."""
    with desk(ctx) as at:
        row = service.get(at.session, id)
        is_same = plan in ("", row.plan)
        wish = Wish(
            plan=plan or row.plan,
            group=row.group if group is None else group,
            price_micro=_amount(price) if price or not is_same else row.price_micro,
            quantity=quantity or row.quantity,
            first=read_day(since),
            proof_until=read_day(proof_until),
        )
        print(_line(at.session, service.change(at.session, id, wish, _by(at))))


@memberships.command()
def pause(
    ctx: typer.Context,
    id: Id,
    since: Annotated[str, typer.Option("--from", help="The first day; else with the next period.")] = "",
    until: Annotated[str, typer.Option(help="The day on which it goes on; else until it is resumed.")] = "",
) -> None:
    """Pause a membership: these days cost nothing."""
    with desk(ctx) as at:
        made = service.pause(at.session, id, read_day(since), read_day(until), _by(at))
        print(f"Paused from {made.first}" + (f" to before {made.until}." if made.until else "."))


@memberships.command()
def resume(ctx: typer.Context, id: Id, day: Day = "") -> None:
    """End a pause, today or on a day."""
    with desk(ctx) as at:
        service.resume(at.session, id, _by(at), read_day(day))
    print("The membership goes on.")


@memberships.command()
def end(ctx: typer.Context, id: Id, day: Day = "") -> None:
    """Cancel a membership: at the end of a period after its notice, or on a day."""
    with desk(ctx) as at:
        last = service.end(at.session, id, _by(at), read_day(day))
    print(f"It ends before {last}.")


@memberships.command("deposit-back")
def deposit_back(ctx: typer.Context, id: Id) -> None:
    """Give the deposit of a membership back to its account."""
    with desk(ctx) as at:
        series = service.get(at.session, id).series
        amount = billing.return_deposit(at.session, series, at.now_ms, AUTHOR)
        print(f"{plain(amount, at.settings.currency)} went back.")


def _by(at: Desk) -> By:
    return By(AUTHOR, at.now_ms)


def _amount(text: str) -> int | None:
    if not text:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise Refused("amount_malformed", f"{error}.") from None
