"""Commands for members, their badges, waivers and money."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from booking_api.badges import service as badges
from booking_api.cli.base import (
    Desk,
    app,
    day_ms,
    desk,
    read_text,
    reading,
    rehearsal,
    validated,
    write_secret,
)
from booking_api.cli.floor import AUTHOR
from booking_api.clock import Clock
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import member_account
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.members import sheet
from booking_api.members.exporting import export
from booking_api.members.importing import Importer
from booking_api.members.models import Member
from booking_api.members.service import MemberDetails
from booking_api.memberships.days import day_of
from booking_api.vault import open_vault
from booking_api.waivers import service as waivers
from booking_api.waivers.service import WaiverDetails
from floor import toml
from floor.errors import ConfigError, Refused
from floor.money import parse, plain
from floor.words import BadgeKind

WHO = typer.Argument(help="Number, email or id.", metavar="MEMBER")
Who = Annotated[str, WHO]
COLUMNS = ("first_name", "last_name", "number", "shown_name", "email", "tier", "language")
member = typer.Typer(help="Members.", no_args_is_help=True)
badge = typer.Typer(help="Badges.", no_args_is_help=True)
waiver = typer.Typer(help="Texts that members sign.", no_args_is_help=True)
app.add_typer(waiver, name="waiver")
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
    print(f"Member {added.number}: {added.whole_name}")


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
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a heading; docs/people.md names the columns.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    column: Annotated[
        list[str] | None, typer.Option(help="HEADING=COLUMN, for a heading that is not known; repeat it.")
    ] = None,
) -> None:
    """Bring the members of a CSV file in, with badges and certifications: all of them, or none."""
    mapping = dict(pair.rpartition("=")[::2] for pair in column or ())
    with rehearsal(ctx, dry_run) as at:
        try:
            found = sheet.read(sheet.decode(_read(file)), mapping)
        except Refused as refused:
            raise ConfigError(str(file), "", refused.sentence, "Nothing was changed.") from None
        importer = Importer(at.session, at.vault, at.now_ms, at.now_ms, of_staff=True)
        plan = importer.plan(found)
        if plan.problems:
            for one in plan.problems[1:]:
                typer.echo(f"{file}: line {one.line}, {one.column}: {one.value!r}. {one.words()}", err=True)
            one = plan.problems[0]
            remedy = f"{one.words()} Nothing was changed."
            raise ConfigError(str(file), one.column, f"is {one.value!r}", remedy, one.line)
        for row in plan.rows:
            if row.what != "same" and dry_run:
                said = "; ".join(f"{one.column}: {one.before} → {one.after}" for one in row.changes)
                typer.echo(f"{row.line:5} {row.what:6} {row.number:8} {row.name} {said}".rstrip())
        importer.apply(plan, AUTHOR)
        counts, unknown = plan.counts, ", ".join(plan.unknown)
    if unknown:
        typer.echo(f"Not read: {unknown}.")
    words = f"{counts['add']} members were admitted, {counts['change']} changed, "
    words += f"{counts['same']} are as they were."
    typer.echo(f"{words} Nothing was kept: this was a rehearsal." if dry_run else words)


@member.command("export")
def export_members(
    ctx: typer.Context, out: Annotated[Path, typer.Option(help="A new file; its owner alone may read it.")]
) -> None:
    """Write all members as CSV, with the numbers of their badges; `import` reads it."""
    with reading(ctx) as (settings, database), database.read() as session:
        write_secret(out, "".join(export(session, open_vault(settings.data))))
    typer.echo(f"{out} is written.")


@member.command("erase")
def erase_member(
    ctx: typer.Context,
    who: Who,
    reason: Annotated[str, typer.Option(help="Why.")],
    number: Annotated[
        str, typer.Option(prompt="The member's number again; this cannot be undone", help="Typed again.")
    ],
) -> None:
    """Forget a member for good; the books keep amounts and an id without a name."""
    from booking_api.privacy import service as privacy  # it knows every room

    with desk(ctx) as at:
        owner = members.find(at.session, who)
        privacy.erase(at.session, owner.id, number, reason, AUTHOR, at.now_ms)
        years = at.settings.people.keep_years
    typer.echo(f"The member is forgotten. The law keeps invoices for {years} years.")


@member.command("forget-left")
def forget_left(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who; forget nobody.")] = False,
) -> None:
    """Forget whose access ended `people.forget_after_months` ago, and who has nothing open."""
    from booking_api.privacy import service as privacy

    with rehearsal(ctx, dry_run) as at:
        found = privacy.who_left(at.session, at.settings.people.forget_after_months, at.now_ms)
        for one in found:
            typer.echo(f"{one.number:8} {one.whole_name}")
            privacy.forget(at.session, one, AUTHOR, at.now_ms)
    words = f"{len(found)} members are forgotten."
    typer.echo(f"{words} Nobody was: this was a rehearsal." if dry_run else words)


@waiver.command("publish")
def publish_waiver(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(help="TOML; docs/people.md shows one.")]
) -> None:
    """Publish a version of a text that members sign."""
    try:
        table = toml.loads(read_text(file))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(file), "", f"is not TOML ({error})", "Correct that line.") from error
    with desk(ctx) as at:
        row = waivers.publish(at.session, validated(WaiverDetails, table), AUTHOR, at.now_ms)
    where = "" if row.is_everywhere else f" at {', '.join([*row.machines, *row.machine_kinds])}"
    typer.echo(f"{row.id} is published; it must be signed from {row.due} on{where}.")


@waiver.command("missing")
def list_missing(
    ctx: typer.Context, machine: Annotated[str, typer.Option(help="Who may not use this one.")] = ""
) -> None:
    """List who uses no machine because a text is not signed."""
    with reading(ctx) as (_, database), database.read() as session:
        today = day_of(Clock().now_ms(), database.zone)
        used = machines.get(session, machine) if machine else None
        for id in waivers.missing(session, None, today, used):
            one = members.get(session, id)
            typer.echo(f"{one.number:8} {one.whole_name}")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(
            str(file), "", f"cannot be read ({error.strerror})", "Name another file."
        ) from error


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
    print(f"{owner.whole_name} has the badge.")


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
