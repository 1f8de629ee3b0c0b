"""Commands for fees, packs and allowances."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, NoReturn

import typer
from sqlmodel import Session

from booking_api.accounts.models import Account
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.cli.base import Desk, app, day_ms, desk, reading, shown_day
from booking_api.cli.floor import AUTHOR
from booking_api.clock import Clock, make_id
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.tariffs.quote import written
from floor.errors import Refused
from floor.money import Commodity, plain
from floor.tariff import Occasion

fee = typer.Typer(help="Fees: what no gateway saw and a tariff charges.", no_args_is_help=True)
pack = typer.Typer(help="Prepaid packs.", no_args_is_help=True)
allowance = typer.Typer(help="Allowances: units that were granted or bought.", no_args_is_help=True)
app.add_typer(fee, name="fee")
app.add_typer(pack, name="pack")
app.add_typer(allowance, name="allowance")
Who = Annotated[str, typer.Argument(help="Number, email or id.", metavar="MEMBER")]
Whose = Annotated[
    str, typer.Argument(help="A member's number or email, or an account's id.", metavar="ACCOUNT")
]
Tariff = Annotated[str, typer.Argument(help="The tariff's id.")]
AccountOption = Annotated[str, typer.Option(help="Else the member's own.")]


@fee.command("add")
def add_fee(
    ctx: typer.Context,
    who: Who,
    tariff: Tariff,
    occasion: Annotated[Occasion, typer.Option("--on", help="What for.")],
    count: Annotated[list[str] | None, typer.Option(help="NAME=NUMBER of the tariff's counts.")] = None,
    day: Annotated[str | None, typer.Option(help="The day that it is for; else now.")] = None,
    until: Annotated[str | None, typer.Option(help="The day before which it ends.")] = None,
    machine: Annotated[str | None, typer.Option(help="The machine's short name.")] = None,
    account: AccountOption = "",
    coupon: Annotated[str, typer.Option(help="The part that comes off each line, such as 0.2.")] = "0",
    words: Annotated[str, typer.Option(help="What people read.")] = "",
    source: Annotated[str, typer.Option(help="What names it: the same is charged once.")] = "",
) -> None:
    """Charge a fee by a tariff: a no-show, damage, a class, sheets."""
    with desk(ctx) as at:
        zone = at.settings.timezone
        begin = day_ms(day, zone) or at.now_ms
        details = billing.FeeDetails(
            occasion=occasion,
            member=members.find(at.session, who).id,
            tariff=tariff,
            from_ms=begin,
            to_ms=day_ms(until, zone) or begin,
            account=account and account_of(at.session, account),
            machine=machine,
            counts=dict(_count(one) for one in count or ()),
            coupon=_units(coupon),
            words=words,
            source=source,
        )
        _print(at, billing.charge_fee(at.session, details, AUTHOR, at.now_ms))


@pack.command("sell")
def sell_pack(
    ctx: typer.Context,
    who: Who,
    tariff: Tariff,
    name: Annotated[str, typer.Argument(help="The pack's id in the tariff.", metavar="PACK")],
    account: AccountOption = "",
) -> None:
    """Charge a prepaid pack and put its units on the account."""
    with desk(ctx) as at:
        details = billing.FeeDetails(
            occasion=Occasion.PACK,
            member=members.find(at.session, who).id,
            tariff=tariff,
            from_ms=at.now_ms,
            to_ms=at.now_ms,
            account=account and account_of(at.session, account),
            pack=name,
            words=name,
        )
        _print(at, billing.charge_fee(at.session, details, AUTHOR, at.now_ms))


@allowance.command("grant")
def grant(
    ctx: typer.Context,
    whose: Whose,
    commodity: Annotated[str, typer.Argument(help="The shared name of components, else TARIFF/COMPONENT.")],
    amount: Annotated[str, typer.Argument(help="In the component's unit, such as 120.")],
    until: Annotated[str | None, typer.Option(help="The day on which it has expired; else never.")] = None,
    transferable: Annotated[bool, typer.Option(help="It may be given to another account.")] = False,
    origin: Annotated[str, typer.Option(help="What names it: the same is granted once.")] = "",
) -> None:
    """Put units of an allowance on an account."""
    with desk(ctx) as at:
        lot = billing.grant(
            at.session,
            account_of(at.session, whose),
            commodity,
            _units(amount),
            day_ms(until, at.settings.timezone),
            transferable,
            origin or f"command-line:{make_id(at.now_ms)}",
            AUTHOR,
            at.now_ms,
        )
    print(f"{lot.id}  {amount} of {lot.commodity}")


@allowance.command("list")
def list_lots(ctx: typer.Context, whose: Whose) -> None:
    """List what an account holds, what is drawn first coming first."""
    with reading(ctx) as (settings, database), database.read() as session:
        for lot in billing.lots(session, account_of(session, whose), Clock().now_ms()):
            end = shown_day(lot.expires_ms, settings.timezone) if lot.expires_ms else "does not expire"
            given = "transferable" if lot.transferable else ""
            left = f"{written(lot.left):>12} of {written(lot.size):>12}"
            print(f"{lot.id}  {lot.commodity:32} {left}  {end}  {given}".rstrip())


@allowance.command("transfer")
def transfer(
    ctx: typer.Context,
    lot: Annotated[str, typer.Argument(help="The allowance, as `allowance list` shows it.")],
    to: Whose,
    amount: Annotated[str, typer.Argument(help="In the component's unit.")],
) -> None:
    """Give units of an allowance to another account, where that may be."""
    with desk(ctx) as at:
        account = account_of(at.session, to)
        made = billing.transfer(at.session, lot, account, _units(amount), AUTHOR, at.now_ms)
    print(f"{made.id}  {amount} of {made.commodity}")


@allowance.command("expire")
def expire(ctx: typer.Context) -> None:
    """Take what is left of expired allowances off their accounts; run it every day."""
    with desk(ctx) as at:
        done = billing.expire_lots(at.session, at.now_ms)
    print(f"{len(done)} allowances expired.")


def account_of(session: Session, text: str) -> str:
    """Return the account with this id, or a member's own; raises Refused when there is neither."""
    if session.get(Account, text) is not None:
        return text
    found: Member = members.find(session, text)
    return found.account


def _count(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not number.isdecimal():
        _wrong(f"{text!r} is not NAME=NUMBER.")
    return name, int(number)


def _units(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        _wrong(f"{text!r} is not a number.")


def _wrong(words: str) -> NoReturn:
    raise Refused("input_invalid", words)


def _print(at: Desk, charges: Sequence[Charge]) -> None:
    for charge in charges:
        commodity = Commodity(charge.commodity, at.settings.currency.exponent)
        print(f"{charge.month}  {charge.tariff_version}  {plain(charge.total_micro, commodity)}")
