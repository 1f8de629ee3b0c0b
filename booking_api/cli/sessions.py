"""Commands for sessions: their cost split between accounts, and those ended that a lost card left open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlmodel import col, select

from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.cli.base import Desk, app, desk, reading
from booking_api.cli.billing import account_of
from booking_api.cli.floor import AUTHOR
from booking_api.sessions import ending
from booking_api.sessions.models import MachineSession, SessionState
from floor.errors import Refused
from floor.money import Commodity, plain

session = typer.Typer(help="Sessions: one use of a machine each.", no_args_is_help=True)
app.add_typer(session, name="session")
Id = Annotated[str, typer.Argument(help="The session's id.", metavar="SESSION")]
Reason = Annotated[str, typer.Option(help="Why; it is kept and shown.")]
Over = Annotated[bool, typer.Option(help="Although an account is overdue, or a limit would be passed.")]


@session.command("split")
def split(
    ctx: typer.Context,
    id: Id,
    reason: Reason,
    shares: Annotated[
        list[str] | None, typer.Argument(help="ACCOUNT=SHARE: 1, 2.5, 1/3 or 25%.", metavar="SHARES")
    ] = None,
    at: Annotated[str | None, typer.Option(help="2026-05-31T14:05[:30]: when the account changed.")] = None,
    after: Annotated[str, typer.Option(help="With --at: the account that pays from then on.")] = "",
    over_limits: Over = False,
) -> None:
    """Split a session's cost between accounts: by shares, or by the time of a change."""
    if bool(shares) == bool(at) or bool(at) != bool(after):
        raise Refused("input_invalid", "Give either ACCOUNT=SHARE of each account, or --at with --after.")
    with desk(ctx) as on:
        if at is None:
            pairs = [one.rpartition("=") for one in shares or ()]
            texts = [(account_of(on.session, account), share) for account, _, share in pairs]
            wanted = billing.Wanted(billing.parse_shares(texts))
        else:
            wanted = billing.Wanted(instant_ms=instant_ms(on, at), after=account_of(on.session, after))
        made = billing.split(on.session, id, wanted, AUTHOR, reason, on.now_ms, over_limits=over_limits)
        _print(on, made)


@session.command("unsplit")
def unsplit(ctx: typer.Context, id: Id, reason: Reason, over_limits: Over = False) -> None:
    """Charge a session that is split to its own account alone again."""
    with desk(ctx) as on:
        made = billing.undo_split(on.session, id, AUTHOR, reason, on.now_ms, over_limits=over_limits)
        _print(on, made)


@session.command("end")
def end(
    ctx: typer.Context,
    id: Id,
    reason: Reason,
    at: Annotated[str | None, typer.Option(help="When; else at the last activity that was proven.")] = None,
) -> None:
    """End a session that stays open because its gateway's card is lost for good, and price it."""
    with desk(ctx) as on:
        at_ms = instant_ms(on, at) if at else None
        ended = ending.end_lost(on.session, id, reason, AUTHOR, on.now_ms, at_ms)
        cost = ended.exception
        if ended.total_micro is not None:
            code = ended.commodity or on.settings.currency.code
            cost = plain(ended.total_micro, Commodity(code, on.settings.currency.exponent))
        print(f"{ended.id} ended after {ended.elapsed_ms // 60_000} min: {cost}")


@session.command("open")
def list_open(ctx: typer.Context) -> None:
    """List the sessions that are open here, oldest first, with what was proven of them last."""
    with reading(ctx) as (settings, database), database.read() as rows:
        query = select(MachineSession).where(MachineSession.state == SessionState.OPEN)
        zone = ZoneInfo(settings.timezone)
        for one in rows.exec(query.order_by(col(MachineSession.started_ms))):
            proven = datetime.fromtimestamp((one.started_ms + one.elapsed_ms) / 1000, zone)
            print(f"{one.id}  {one.gateway:16}  {one.machine:16}  {proven:%Y-%m-%dT%H:%M:%S}")


def instant_ms(on: Desk, text: str) -> int:
    """Return an instant that was typed on the space's clock, in UTC milliseconds."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("input_invalid", f"{text!r} is no time. Write it like 2026-05-31T14:05.") from None
    zoned = local if local.tzinfo else local.replace(tzinfo=ZoneInfo(on.settings.timezone))
    return round(zoned.timestamp() * 1000)


def _print(on: Desk, charges: Sequence[Charge]) -> None:
    for charge in charges:
        commodity = Commodity(charge.commodity, on.settings.currency.exponent)
        print(f"{charge.month}  {charge.account:36}  {plain(charge.total_micro, commodity)}")
