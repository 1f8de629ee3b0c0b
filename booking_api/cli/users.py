"""Commands for who signs in, and as what."""

import secrets
from typing import Annotated

import typer

from booking_api.auth.permissions import GRANTS, Permission
from booking_api.auth.service import issue_token, set_password, sign_out, tell
from booking_api.auth.who import Who as Stands
from booking_api.cli.base import app, day_ms, desk
from booking_api.cli.floor import AUTHOR
from booking_api.members import service as members
from booking_api.members.service import MemberChanges
from floor.errors import Refused
from floor.words import Role

WHO = typer.Argument(help="Number, email or id.", metavar="MEMBER")
Who = Annotated[str, WHO]
user = typer.Typer(help="Who signs in, and as what.", no_args_is_help=True)
app.add_typer(user, name="user")


@user.command("add")
def add_user(
    ctx: typer.Context,
    who: Who,
    login: Annotated[str | None, typer.Option(help="The sign-in name; else the email.")] = None,
    role: Annotated[Role | None, typer.Option()] = None,
) -> None:
    """Let a member sign in; the password is made and printed once."""
    with desk(ctx) as at:
        owner = members.find(at.session, who)
        if role is not None:
            members.change(at.session, owner.id, MemberChanges(role=role), at.now_ms)
        name = login or owner.email
        if name is None:
            raise Refused("login_missing", "This member has no email. Give a sign-in name with --login.")
        password = secrets.token_urlsafe(12)
        set_password(at.session, owner.id, name, password, at.now_ms, chosen=False)
    print(f"{name}  {password}")


@user.command("password")
def change_password(
    ctx: typer.Context,
    who: Who,
    login: Annotated[str, typer.Option(help="The sign-in name.")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
) -> None:
    """Give a member another password, and sign them out everywhere."""
    with desk(ctx) as at:
        owner = members.find(at.session, who)
        set_password(at.session, owner.id, login, password, at.now_ms)
    print("The password was changed.")


@user.command("token")
def make_token(
    ctx: typer.Context,
    who: Who,
    name: Annotated[str, typer.Argument(help="What the program is called.")],
    scope: Annotated[list[Permission], typer.Option(help="A right that it is given; repeat it.")],
    until: Annotated[
        str | None, typer.Option(help="The day from which it is dead; else as in the settings.")
    ] = None,
) -> None:
    """Make a key for a program, with some of a member's rights; it is printed once."""
    with desk(ctx) as at:
        owner = members.find(at.session, who)
        asked_ms = day_ms(until, at.settings.timezone)
        end_ms = at.settings.sign_in.token_end_ms(asked_ms, at.now_ms)
        stands_for = Stands(owner, GRANTS[owner.role])
        _, secret = issue_token(at.session, stands_for, name, frozenset(scope), end_ms, at.now_ms)
    print(secret)


@user.command("invite")
def invite(
    ctx: typer.Context,
    email: str,
    role: Annotated[Role, typer.Option(help="What somebody new is to be.")] = Role.MEMBER,
) -> None:
    """Invite somebody by letter; its link opens once."""
    from booking_api.auth import letters

    with desk(ctx) as at:
        settings = at.settings
        letters.invite(
            at.session, email, role, AUTHOR, settings.address, settings.language,
            settings.sign_in.invitation_days, at.now_ms,
        )  # fmt: skip
    print(f"An invitation to {email} goes out with the server's letters.")


@user.command("sign-out")
def sign_somebody_out(ctx: typer.Context, who: Who) -> None:
    """Sign a member out in every browser; tokens of programs stay."""
    with desk(ctx) as at:
        owner = members.find(at.session, who)
        sign_out(at.session, owner.id)
        tell(at.session, owner.id, "signed_out", at.now_ms)
    print(f"{owner.whole_name} is signed out everywhere.")


@user.command("reset-second-factor")
def reset_second_factor(ctx: typer.Context, who: Who) -> None:
    """Take codes, recovery codes and passkeys from a member who lost them, and sign them out."""
    from booking_api.auth.staff import forget_second_factor

    with desk(ctx) as at:
        owner = members.find(at.session, who)
        forget_second_factor(at.session, owner.id, at.now_ms)
    print(f"{owner.whole_name} signs in with their password alone, and sets one up anew.")
