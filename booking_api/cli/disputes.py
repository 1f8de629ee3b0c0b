"""Commands for disputed charges."""

from __future__ import annotations

from typing import Annotated

import typer

from booking_api.cli.base import app, desk, reading, shown_day
from booking_api.cli.floor import AUTHOR
from booking_api.disputes import service
from booking_api.disputes.models import DisputeState
from booking_api.disputes.service import Standing
from floor import money
from floor.errors import Refused
from floor.money import Commodity

dispute = typer.Typer(help="Charges that members dispute.", no_args_is_help=True)
app.add_typer(dispute, name="dispute")
Id = Annotated[str, typer.Argument(help="The dispute's id.")]
Words = Annotated[str, typer.Option(help="What is said to the member.")]


@dispute.command("list")
def list_disputes(
    ctx: typer.Context,
    state: Annotated[DisputeState, typer.Option(help="Which ones.")] = DisputeState.OPEN,
) -> None:
    """List disputes, the open ones oldest first."""
    with reading(ctx) as (settings, database), database.read() as session:
        for one in service.listed(session, state, limit=1_000):
            for line in _lines(one, settings.timezone, settings.currency):
                typer.echo(line)


@dispute.command("open")
def open_dispute(
    ctx: typer.Context,
    charge: Annotated[str, typer.Argument(help="The charge's id.")],
    member: Annotated[str, typer.Argument(help="The id of the member who disputes it.")],
    reason: Annotated[str, typer.Option(help="What the member says.")],
) -> None:
    """Dispute a charge for a member who says so at the desk."""
    with desk(ctx) as at:
        found = service.for_member(at.session, charge, reason, member, at.now_ms)
    typer.echo(f"{found.dispute.id} is open.")


@dispute.command("adjust")
def adjust(
    ctx: typer.Context, id: Id, amount: Annotated[str, typer.Argument(help="Such as 2.50.")], words: Words
) -> None:
    """Give a part of the charge back."""
    try:
        amount_micro = money.parse(amount)
    except ValueError as error:
        raise Refused("amount_malformed", f"{error}.") from None
    with desk(ctx) as at:
        service.adjust(at.session, id, amount_micro, words, AUTHOR, at.now_ms)
    typer.echo(f"{id} is adjusted.")


@dispute.command("waive")
def waive(ctx: typer.Context, id: Id, words: Words) -> None:
    """Take the whole charge back."""
    with desk(ctx) as at:
        service.waive(at.session, id, words, AUTHOR, at.now_ms)
    typer.echo(f"{id} is waived.")


@dispute.command("refuse")
def refuse(ctx: typer.Context, id: Id, words: Words) -> None:
    """Leave the charge as it is."""
    with desk(ctx) as at:
        service.refuse(at.session, id, words, AUTHOR, at.now_ms)
    typer.echo(f"{id} is refused.")


def _lines(one: Standing, timezone: str, currency: Commodity) -> list[str]:
    dispute = one.dispute
    exponent = currency.exponent if dispute.commodity == currency.code else 2
    amount = money.plain(dispute.amount_micro, Commodity(dispute.commodity, exponent))
    head = f"{dispute.id}  {shown_day(dispute.opened_ms, timezone)}  {amount}  by {dispute.member}"
    steps = [
        f"    {shown_day(e.at_ms, timezone)}  {e.state}  {e.author}  {e.words}".rstrip() for e in one.events
    ]
    return [head, *steps]
