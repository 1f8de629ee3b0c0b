"""Commands for badges that cannot be copied: which ones a member has, the keys to write one, new masters."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from booking_api.badges import service, writing
from booking_api.badges.models import Badge
from booking_api.cli.base import Desk, desk, reading, settings_of, write_secret
from booking_api.cli.floor import AUTHOR
from booking_api.cli.people import Who, badge
from booking_api.members import service as members
from booking_api.vault import open_vault
from floor.errors import Refused

Uid = Annotated[str, typer.Argument(help="As hex, such as 04DE5F1EACC040.")]


@badge.command("list")
def list_badges(ctx: typer.Context, who: Who) -> None:
    """List a member's badges; a weak one can be copied."""
    with reading(ctx) as (_, database), database.read() as session:
        for one in service.of_member(session, members.find(session, who).id):
            strength = (
                "weak: can be copied"
                if one.kind.weak
                else f"proves itself, keys of version {one.key_version}"
            )
            lost = "  LOST" if one.lost_ms is not None else ""
            print(f"{one.id}  {one.kind:10}  {strength:40}  {one.label}{lost}".rstrip())


@badge.command("keys")
def badge_keys(
    ctx: typer.Context,
    who: Who,
    uid: Uid,
    out: Annotated[Path, typer.Option(help="A new file (mode 0600), or - for a program that reads a pipe.")],
) -> None:
    """Write the secret keys of one badge, as JSON, for whatever writes it; who had them is recorded."""
    if str(out) == "-" and sys.stdout.isatty():
        raise Refused("keys_shown", "Keys are not shown on a screen. Give a file, or pipe them to a program.")
    with desk(ctx) as at:
        mine = _find(at, who, uid)
        keys = writing.give(at.session, at.vault, mine.id, at.settings.address, AUTHOR, at.now_ms)
    text = keys.model_dump_json(indent=2) + "\n"
    if str(out) == "-":
        sys.stdout.write(text)
        return
    write_secret(out, text)
    print(f"The keys are in {out}. Delete it when the badge is written.")


@badge.command("new-master")
def new_master(ctx: typer.Context) -> None:
    """Begin a new version of the master key: badges that are enrolled from now on are written by it.

    Those of earlier versions go on as they are, until each is removed, enrolled and written anew.
    """
    with reading(ctx) as (_, database), database.read() as session:
        used = service.newest_version(session)
    version = open_vault(settings_of(ctx).data).masters.renew(used)
    print(f"New badges have keys of version {version}. Take the new file into the backup.")


def _find(at: Desk, who: str, uid: str) -> Badge:
    owner = members.find(at.session, who)
    found = service.by_uid(at.session, at.vault, service.parse_uid(uid))
    if found is None or found.member != owner.id:
        raise Refused("badge_not_found", f"{owner.whole_name} has no badge with this UID.")
    return found
