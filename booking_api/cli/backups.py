"""`makerfloor backup` and `restore`: all that a server needs in one file, and back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from booking_api.audit import acting
from booking_api.backups import reading as backup_reading
from booking_api.backups import taking
from booking_api.backups.manifest import Manifest
from booking_api.backups.sealed import KEY_BYTES, Secret
from booking_api.cli.base import app, read_text, settings_of, shown_day, write_secret
from booking_api.clock import Clock
from floor.errors import ConfigError

PASSPHRASE = "MAKERFLOOR_BACKUP_PASSPHRASE"
PASSPHRASE_MIN = 12
KeyFile = Annotated[Path | None, typer.Option(help="The file of the key that seals it; --new-key makes one.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        help=f"A file whose first line is the passphrase; else ${PASSPHRASE}, else it is asked for."
    ),
]


@app.command()
def backup(
    ctx: typer.Context,
    to: Annotated[Path | None, typer.Argument(help="A folder, or a new file.")] = None,
    key_file: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Then delete the oldest backups of the folder but so many.")
    ] = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(help="A file or folder to take too, such as the broker's certificates."),
    ] = None,
    verify: Annotated[
        Path | None, typer.Option(help="Take none: read this backup to its end and say what it is.")
    ] = None,
    new_key: Annotated[Path | None, typer.Option(help="Take none: make a key, in a new file.")] = None,
) -> None:
    """Write all that a server needs into one sealed file, while it runs, and read it again.

    The file opens with its key or passphrase alone: keep that elsewhere.
    """
    if new_key:
        write_secret(new_key, os.urandom(KEY_BYTES).hex() + "\n")
        print(f"{new_key} seals and opens backups. Keep a copy of it, and not with them.")
    elif verify:
        secret = secret_of(key_file, passphrase_file, asks_twice=False)
        print(f"{verify} is whole. It is {_told(backup_reading.check(verify, secret))}.")
    elif to is None:
        raise ConfigError("makerfloor backup", "TO", "is missing", "Name a folder, or a new file.")
    elif keep and not to.is_dir():
        raise ConfigError(str(to), "--keep", "is for a folder, and this is none", "Name or make the folder.")
    else:
        now_ms = Clock().now_ms()
        file = to / taking.name_at(now_ms) if to.is_dir() else to
        secret = secret_of(key_file, passphrase_file, asks_twice=True)
        taken = taking.take(settings_of(ctx), secret, file, also or [], now_ms)
        print(f"{taken.file} is written and was read again: {taken.size} bytes, {_told(taken.manifest)}.")
        for old in taking.forget_old(to, keep) if keep else ():
            print(f"{old} is deleted.")


@app.command()
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file of `makerfloor backup`.")],
    to: Annotated[Path, typer.Option(help="The new server's folder: not there, or empty.")],
    key_file: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    database: Annotated[
        str | None, typer.Option(help="An empty PostgreSQL database, for a backup of one.")
    ] = None,
) -> None:
    """Make a server of a backup, in a new folder; verify it before, and its books after.

    What came by hand since the backup is not in it; docs/backup.md says what to enter again.
    """
    from booking_api.backups import restoring  # here: it brings every room that doctor looks at

    secret = secret_of(key_file, passphrase_file, asks_twice=False)
    with acting.scope(acting.command(ctx.command_path, None, Clock().now_ms())):
        made = restoring.restore(file, secret, to, database)
    print(f"{to} is {_told(made.manifest)}.")
    print(f"Rosters go on in epoch {made.rosters.epoch}.")
    for words in made.to_do:
        print(words)
    for finding in made.findings:
        print(f"{finding.where}: {finding.words}")
    if made.findings:
        raise typer.Exit(1)
    print("The books are sound.")


def secret_of(key_file: Path | None, passphrase_file: Path | None, *, asks_twice: bool) -> Secret:
    """Return what seals a backup, from where the command line says; raises ConfigError."""
    if key_file and passphrase_file:
        remedy = "Name one of them."
        raise ConfigError("makerfloor", "--key-file", "and --passphrase-file are both there", remedy)
    if key_file:
        return Secret(_key(key_file), "")
    if passphrase_file:
        where, words = str(passphrase_file), read_text(passphrase_file).partition("\n")[0].strip()
    elif PASSPHRASE in os.environ:
        where, words = PASSPHRASE, os.environ[PASSPHRASE]
    elif sys.stdin.isatty():
        where = "passphrase"
        words = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=asks_twice)
    else:
        remedy = f"Name --key-file or --passphrase-file, or set {PASSPHRASE}."
        raise ConfigError("makerfloor", "", "there is nothing to seal or open a backup with", remedy)
    if len(words) < PASSPHRASE_MIN:
        remedy = "Take six random words, for one."
        raise ConfigError(where, "", f"has less than {PASSPHRASE_MIN} characters", remedy)
    return Secret(None, words)


def _key(file: Path) -> bytes:
    try:
        key = bytes.fromhex(read_text(file).strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        remedy = "Make one with `makerfloor backup --new-key FILE`."
        raise ConfigError(str(file), "", f"does not hold a key of {KEY_BYTES} bytes", remedy)
    return key


def _told(manifest: Manifest) -> str:
    rows = manifest.facts.rows
    entries = sum(head.seq for head in manifest.facts.books.values())
    return (
        f"{manifest.space} of {shown_day(manifest.made_ms, manifest.timezone)} ({manifest.timezone}), "
        f"Makerfloor {manifest.software}, {manifest.database} of form {manifest.facts.migration}: "
        f"{rows.get('member', 0)} members, {rows.get('machine_session', 0)} sessions, "
        f"{entries} entries in the books, {len(manifest.members)} files"
    )
