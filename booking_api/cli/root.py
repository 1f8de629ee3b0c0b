"""The root of `makerfloor`: every name that may be typed, and the module that is loaded once it was typed.

A command waits only for what it works with: all modules together take a second to load.
"""

import gc
import os
import sys
from collections.abc import MutableMapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from booking_api.settings import FILE

CONFIG_VARIABLE = "MAKERFLOOR_CONFIG"
NAMES = {
    "server": {
        "init": "Make settings, an empty database and the first administrator, "
        "whose sign-in is printed once.",
        "apply": "Bring tariffs, machines, training, plans, reservations and more to what files say.",
        "migrate": "Bring the database to the form that this software needs; do it before workers start.",
        "serve": "Serve pages and API, and hold the link to the gateways.",
        "doctor": "Verify books, audit log, journals and tariffs; say where something is not as it was left.",
        "demo": "Run a whole floor here: broker, server, a gateway with simulated machines, and its members.",
    },
    "backups": {
        "backup": "Write all that a server needs into one sealed file, while it runs, and read it again.",
        "restore": "Make a server of a backup, in a new folder; verify it before, and its books after.",
    },
    "moving": {
        "move": "Move the space into another database, from SQLite to PostgreSQL or back, "
        "while no server runs.",
    },
    "floor": {
        "machine": "Machines.",
        "exception": "Sessions that wait for an operator.",
    },
    "sessions": {
        "session": "Sessions: one use of a machine each.",
    },
    "gateways": {
        "gateway": "Gateways: the Pis on the floor.",
    },
    "people": {
        "payment": "Post cash that a member paid.",
        "member": "Members.",
        "waiver": "Texts that members sign.",
    },
    "users": {
        "user": "Who signs in, and as what.",
    },
    "badges": {
        "badge": "Badges.",
    },
    "broker": {
        "broker": "The broker between server and gateways.",
    },
    "rates": {
        "rates": "What machines cost, and the rates that break even.",
    },
    "quoting": {
        "quote": "Price a list of uses in order, and explain every line; "
        "ends with 1 where the file expects otherwise.",
        "tariff": "Tariffs: versions of price lists.",
    },
    "prints": {
        "prints": "The print queue.",
    },
    "accounts": {
        "account": "Accounts, and what they may owe.",
        "team": "Teams, their people and cost centres.",
        "fund": "Funds that pay what users do not.",
        "guest": "Guests with a day pass.",
    },
    "billing": {
        "fee": "Fees: what no gateway saw and a tariff charges.",
        "pack": "Prepaid packs.",
        "allowance": "Allowances: units that were granted or bought.",
    },
    "memberships": {
        "memberships": "Memberships: plans, who has one, and their bills.",
    },
    "courses": {
        "class": "Classes: planned, signed up for, attended.",
    },
    "training": {
        "certify": "Give a member a skill, or let them use a machine.",
        "revoke": "Take a skill from a member, at every gateway.",
        "training": "Skills: what is trained, and who holds it.",
    },
    "maintenance": {
        "maintenance": "Maintenance: plans, what is due, and that it is done.",
    },
    "payments": {
        "remind": "Write reminders to who is overdue, charge their fees, and block who is overdue too long.",
        "top-up": "Take money onto an account.",
        "refund": "Give credit back, never more than there is.",
        "units": "Sell the space's own units by what the tariff says that they are worth.",
        "drawer": "The cash drawer of a day.",
        "item": "Materials and consumables that are for sale.",
        "sale": "Sales of materials and consumables.",
        "bank": "The bank's account statements.",
        "balances": "Opening balances of another system.",
        "block": "Accounts that are blocked because they are overdue.",
        "mandate": "Leave to collect by SEPA direct debit.",
        "debit": "Files of direct debits.",
    },
    "reports": {
        "reports": "Reports for boards and funders.",
    },
    "reservations": {
        "reservations": "Reservations: who may book a machine and when.",
    },
    "disputes": {
        "dispute": "Charges that members dispute.",
    },
    "documents": {
        "statement": "Print a member's account: where it stood, what happened, where it stands.",
        "invoice": "Invoices and credit notes.",
    },
    "closing": {
        "close": "Close a month: state what each pool cost and recovered, carry it forward or give it back.",
        "costs": "What machines cost: cost files and suppliers' invoices.",
    },
    "audit": {
        "audit": "What staff and commands did.",
    },
    "notices": {
        "notices": "Mails and notices to people.",
    },
    "network": {
        "network": "Several spaces in one installation.",
    },
    "exporting": {
        "export": "Write the books, or some months of them, for another program; "
        "the file is for its owner alone.",
    },
}
"""By module, each name at the root with the first sentence of its help; the list of them needs no module."""
MODULES = {name: module for module, names in NAMES.items() for name in names}


class Rooms(TyperGroup):
    """The root's names: a name stands for its command, which is loaded when it is to be run."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        known = self.commands
        words = {name: words for names in NAMES.values() for name, words in names.items()}
        self.commands = {name: known.get(name) or TyperCommand(name, help=words[name]) for name in words}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load what the first word names; a word that is no name is refused as ever."""
        if args[0] in MODULES:
            self.commands = commands_with(MODULES[args[0]])
        return super().resolve_command(ctx, args)


@cache
def commands_with(module: str) -> MutableMapping[str, Any]:
    """Return the root's names with those of a module as they are, which is work: done once in a process."""
    load(f"booking_api.cli.{module}")
    return get_group(app).commands


@cache
def program() -> Any:
    """Return what runs the command line."""
    return get_command(app)


def load(module: str) -> Any:
    """Return a module. Nothing of it is garbage: to look for some meanwhile would take a third longer."""
    if module not in sys.modules:
        gc.disable()
        try:
            import_module(module)
        finally:
            gc.freeze()
            gc.enable()
    return sys.modules[module]


app = typer.Typer(
    cls=Rooms,
    help="Makerfloor: badge to machine to meter to ledger to bill.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help=f"The settings file; else ${CONFIG_VARIABLE}, else ./{FILE}.")
    ] = None,
) -> None:
    """Makerfloor: badge to machine to meter to ledger to bill."""
    ctx.obj = config or Path(os.environ.get(CONFIG_VARIABLE, FILE))
