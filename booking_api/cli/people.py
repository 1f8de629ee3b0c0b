"""Commands for members, their badges and certifications, and money."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from booking_api.badges import service as badges
from booking_api.certifications import service as certifications
from booking_api.cli.base import Desk, app, day_ms, desk, read_text, reading, validated
from booking_api.cli.floor import AUTHOR
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.members.service import MemberDetails
from floor.errors import ConfigError, FloorError, Refused
from floor.money import parse, plain
from floor.words import BadgeKind

WHO = typer.Argument(help="Number, email or id.", metavar="MEMBER")
Who = Annotated[str, WHO]
COLUMNS = ("first_name", "last_name", "number", "shown_name", "email", "tier", "language")
MORE_COLUMNS = ("valid_until", "credit_limit", "badge", "badge_kind")
member = typer.Typer(help="Members.", no_args_is_help=True)
badge = typer.Typer(help="Badges.", no_args_is_help=True)
app.add_typer(member, name="member")
app.add_typer(badge, name="badge")


@member.command("add")
def add_member(
    ctx: typer.Context,
    first_name: str,
    last_name: str,
    number: Annotated[str | None, typer.Option(help="Else the next free one.")] = None,
    email: Annotated[str | None, typer.Option()] = None,
    tier: Annotated[str, typer.Option(help="A tier of the tariffs.")] = "member",
    valid_until: Annotated[
        str | None, typer.Option(help="The day on which the membership has ended.")
    ] = None,
    credit_limit: Annotated[str | None, typer.Option(help="What may be owed; 0 is prepaid.")] = None,
) -> None:
    """Admit a member."""
    row = {"first_name": first_name, "last_name": last_name, "number": number, "email": email, "tier": tier}
    with desk(ctx) as at:
        added = _admit(at, {**row, "valid_until": valid_until, "credit_limit": credit_limit})
    print(f"Member {added.number}: {added.first_name} {added.last_name}")


@member.command("list")
def list_members(
    ctx: typer.Context, text: Annotated[str, typer.Argument(help="Part of a name.")] = ""
) -> None:
    """List members by last name."""
    with reading(ctx) as (_, database), database.read() as session:
        for one in members.listed(session, text, limit=10_000):
            state = f"suspended: {one.suspended_reason}" if one.suspended_reason else ""
            name = f"{one.last_name}, {one.first_name}"
            print(f"{one.number:8} {name:40} {one.tier:12} {one.email or '-'} {state}".rstrip())


@member.command("import")
def import_members(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(help="CSV with a header.")]
) -> None:
    """Admit all members of a CSV file, with their badges, or none when a line is wrong."""
    count = 0
    with desk(ctx) as at:
        for line, row in _rows(file):
            try:
                added = _admit(at, row)
                if row.get("badge"):
                    kind = _kind(row.get("badge_kind") or BadgeKind.UID_13MHZ)
                    uid = badges.parse_uid(row["badge"] or "")
                    badges.enrol(at.session, at.vault, added.id, uid, kind, "", at.now_ms)
            except FloorError as error:
                raise ConfigError(
                    str(file), "", str(error), "Correct the line; nothing was kept.", line
                ) from None
            count += 1
    print(f"{count} members were admitted.")


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    reader = csv.DictReader(read_text(file).lstrip("\ufeff").splitlines())
    known = (*COLUMNS, *MORE_COLUMNS)
    for column in reader.fieldnames or ():
        if column not in known:
            raise ConfigError(
                str(file), column, "is not a column here", f"Use some of: {', '.join(known)}.", 1
            )
    for row in reader:
        yield reader.line_num, {key: value.strip() or None for key, value in row.items() if key and value}


def _admit(at: Desk, row: dict[str, str | None]) -> Member:
    limit = row.get("credit_limit")
    values: dict[str, object] = {name: row.get(name) for name in COLUMNS}
    values["valid_until_ms"] = day_ms(row.get("valid_until"), at.settings.timezone)
    values["credit_limit_micro"] = None if limit is None else _amount(limit)
    return members.add(at.session, validated(MemberDetails, values), at.now_ms)


def _amount(text: str) -> int:
    try:
        return parse(text)
    except ValueError as error:
        raise Refused("amount_malformed", f"{error}.") from None


def _kind(text: str) -> BadgeKind:
    try:
        return BadgeKind(text)
    except ValueError:
        raise Refused(
            "badge_kind_malformed", f"{text!r} is no kind of badge: {', '.join(badges.KINDS)}."
        ) from None


@badge.command("add")
def add_badge(
    ctx: typer.Context,
    who: Who,
    uid: Annotated[str, typer.Argument(help="As hex, such as 04A2B3C4.")],
    kind: Annotated[str, typer.Option(help=" | ".join(badges.KINDS))] = BadgeKind.UID_13MHZ,
    label: Annotated[str, typer.Option(help="What its member calls it.")] = "",
) -> None:
    """Give a member a badge."""
    with desk(ctx) as at:
        owner = members.find(at.session, who)
        badges.enrol(at.session, at.vault, owner.id, badges.parse_uid(uid), _kind(kind), label, at.now_ms)
    print(f"{owner.first_name} {owner.last_name} has the badge.")


@app.command()
def certify(
    ctx: typer.Context,
    who: Who,
    machine: Annotated[str, typer.Argument(help="The machine's short name.")],
    until: Annotated[str | None, typer.Option(help="The day from which it has lapsed.")] = None,
) -> None:
    """Let a member use a machine."""
    with desk(ctx) as at:
        owner = members.find(at.session, who)
        end_ms = day_ms(until, at.settings.timezone)
        certifications.grant(at.session, owner.id, machine, AUTHOR, at.now_ms, end_ms)
    print(f"{owner.first_name} {owner.last_name} may use {machine}.")


@app.command()
def payment(
    ctx: typer.Context,
    who: Who,
    amount: Annotated[str, typer.Argument(help="Such as 12.50.")],
    memo: Annotated[str, typer.Option(help="What it was for.")] = "",
) -> None:
    """Post cash that a member paid."""
    with desk(ctx) as at:
        owner, currency = members.find(at.session, who), at.settings.currency
        micro = _amount(amount)
        ledger.take_payment(at.session, owner.account, micro, currency.code, at.now_ms, AUTHOR, memo)
        at.session.flush()
        owes = ledger.balance(at.session, member_account(owner.account), currency.code)
    print(f"Paid {plain(micro, currency)}; now owes {plain(owes, currency)}.")
