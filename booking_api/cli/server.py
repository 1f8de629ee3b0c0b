"""Commands for the server itself."""

import contextlib
import errno
import gc
import json
import secrets
import socket
import threading
from pathlib import Path
from typing import Annotated

import typer
from sqlmodel import col, func, select

from booking_api.audit import acting
from booking_api.auth.service import set_password
from booking_api.backups import last
from booking_api.cli.base import app, reading, rehearsal, settings_of, write_secret
from booking_api.cli.floor import AUTHOR
from booking_api.cli.root import load
from booking_api.clock import Clock
from booking_api.context import Context
from booking_api.members.service import MemberDetails
from booking_api.members.service import add as add_member
from booking_api.metering.models import Quarantined
from booking_api.presets import library
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.settings import FILE, read_settings
from booking_api.start import open_context, open_database
from booking_api.vault import open_vault
from booking_api.workers import WORKERS_MAX, inherited, keep, only_one, worker
from floor.errors import ConfigError
from floor.timescale import TimeScale
from floor.words import Role

SETTLED_S = (30.0, 120.0, 600.0)
"""So long after its start a server has loaded some more of what stays."""
TEMPLATE = """# Settings of a Makerfloor server; docs/install-server.md says what each means.

[space]
name = {name}
timezone = {timezone}
language = {language}
currency = {currency}

[server]
data = "data"
host = "127.0.0.1"
port = {port}
# address = "https://floor.example.org"

[broker]
host = "127.0.0.1"
port = {broker_port}
username = "server"
password = {password}
# ca = "ca.pem"
"""


@app.command()
def init(
    directory: Annotated[Path | None, typer.Argument(help="Where settings and data are to be.")] = None,
    name: Annotated[str | None, typer.Option(help="What the space is called; else Makerfloor.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Its time zone, such as Europe/Berlin; else UTC.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="What it bills in; else EUR.")] = None,
    port: Annotated[int, typer.Option(help="Where the pages are served.")] = 8080,
    broker_port: Annotated[int, typer.Option(help="Where the MQTT broker listens.")] = 1883,
    preset: Annotated[
        str | None, typer.Option(help="A kind of space to begin from; --list shows them.")
    ] = None,
    list_presets: Annotated[bool, typer.Option("--list", help="List the kinds of space, and end.")] = False,
) -> None:
    """Make settings, an empty database and the first administrator, whose sign-in is printed once.

    With --preset, the files of a kind of space are written too: tariffs, plans, funds, machines, costs. Edit
    them, then `makerfloor apply DIR` brings them into the space.
    """
    if list_presets:
        for one in library.listed():
            print(f"{one.name:20} {one.currency}  {one.about}")
        return
    if directory is None:
        raise ConfigError("makerfloor init", "DIRECTORY", "is missing", "Name where the settings are to be.")
    kind = library.read(preset) if preset else library.Preset("", "", "Makerfloor", "UTC", "en", "EUR")
    if preset and currency not in (None, kind.currency):
        problem = f"is {currency}, but the files of {preset} are in {kind.currency}"
        raise ConfigError("makerfloor init", "--currency", problem, "Leave it away, and edit the files.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be made ({error.strerror})"
        raise ConfigError(str(directory), "", problem, "Name another directory.") from error
    if preset:
        library.check(preset, directory)
    values: dict[str, str | int] = {
        "name": name or kind.space,
        "timezone": timezone or kind.timezone,
        "language": kind.language,
        "currency": kind.currency if preset else currency or kind.currency,
        "port": port,
        "broker_port": broker_port,
        "password": secrets.token_urlsafe(24),
    }
    file = _write_settings(directory, values)
    written = library.write(preset, directory) if preset else []
    password = _first_administrator(file)
    print(f"Settings:  {file}")
    for path in written:
        print(f"Wrote:     {path}")
    print(f"Sign in:   admin  {password}")
    if written:
        print(f"Apply:     makerfloor --config {file} apply {directory}")
    print(f"Start:     makerfloor --config {file} serve")


def _write_settings(directory: Path, values: dict[str, str | int]) -> Path:
    quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
    file = directory / FILE
    write_secret(file, TEMPLATE.format(**quoted))
    try:
        read_settings(file)
    except ConfigError:
        file.unlink()
        raise
    return file


def _first_administrator(file: Path) -> str:
    """Make the database with its first administrator, and return the password."""
    settings = read_settings(file)
    database = open_database(settings, migrate=True)
    open_vault(settings.data)
    now_ms, password = Clock().now_ms(), secrets.token_urlsafe(12)
    actor = acting.command("makerfloor init", None, now_ms)
    with acting.scope(actor), database.write() as session:
        details = MemberDetails(first_name="First", last_name="Administrator", role=Role.ADMIN)
        member = add_member(session, details, now_ms)
        set_password(session, member.id, "admin", password, now_ms, chosen=False)
    database.close()
    return password


@app.command()
def apply(
    ctx: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Where tariffs/, plans.toml, machines.toml … are.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done.")] = False,
) -> None:
    """Bring tariffs, machines, training, plans, reservations and more to what files say.

    All of it or, where something is wrong, nothing. Again, it does what the files changed. It never deletes.
    """
    from booking_api.presets.apply import Work
    from booking_api.presets.apply import apply as apply_files

    with rehearsal(ctx, dry_run) as at:
        steps = apply_files(Work(at.session, at.settings.currency, AUTHOR, at.now_ms), directory)
    for step in steps:
        print(f"{step.what:10} {step.kind:8} {step.name}")
    if dry_run:
        print("Nothing was kept: this was a rehearsal.")


@app.command()
def migrate(ctx: typer.Context) -> None:
    """Bring the database to the form that this software needs; do it before workers start."""
    database = open_database(settings_of(ctx), migrate=True)
    database.close()
    print("The database is up to date.")


@app.command()
def serve(
    ctx: typer.Context,
    time_scale: Annotated[
        str | None, typer.Option(help="For demonstrations: real_ms:floor_ms:speed.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=WORKERS_MAX, help="So many processes; more than one need PostgreSQL.")
    ] = 1,
    doors: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Serve pages and API, and hold the link to the gateways.

    Each of several workers listens at a port of its own, too: those after `server.port`.
    """
    try:
        scale = TimeScale.parse(time_scale) if time_scale else None
    except ValueError as error:
        remedy = "Write real_ms:floor_ms:speed, with a speed from 1 to 3600."
        raise ConfigError("makerfloor serve", "--time-scale", str(error), remedy) from None
    settings = settings_of(ctx)
    if doors:
        _serve(open_context(settings, scale), inherited(doors))
        return
    with contextlib.ExitStack() as held:
        held.enter_context(only_one(settings, workers))
        door = held.enter_context(listen(settings.host, settings.port, str(settings.file)))
        if workers == 1:
            context = open_context(settings, scale, migrate=True)
            print(f"Makerfloor is at {settings.address}", flush=True)
            _serve(context, [door])
            return
        open_database(settings, migrate=True).close()
        arguments = ["--config", str(settings.file), "serve"]
        arguments += ["--time-scale", time_scale] if time_scale else []
        own = [
            held.enter_context(listen(settings.host, settings.port + 1 + n, str(settings.file)))
            for n in range(workers)
        ]
        print(f"Makerfloor is at {settings.address}", flush=True)
        keep([worker(arguments, [door, one]) for one in own])


def _serve(context: Context, doors: list[socket.socket]) -> None:
    # Loaded here, so that no other command waits for the web stack.
    load("booking_api.app")
    import uvicorn

    from booking_api.app import create_app
    from booking_api.patience import Patient

    config = uvicorn.Config(
        create_app(context),
        http=Patient,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    for after_s in SETTLED_S:
        settling = threading.Timer(after_s, settle)
        settling.daemon = True
        settling.start()
    try:
        uvicorn.Server(config).run(sockets=doors)
    except KeyboardInterrupt:
        pass  # Ctrl-C is how it is ended; uvicorn has closed what was open and says it again
    finally:
        context.database.close()


def settle() -> None:
    """Collect garbage, and look through what is left no more: rooms that the first requests loaded stay.

    Else an answer now and then takes 0.1 s longer, in which all of it is looked through for nothing.
    """
    gc.collect()
    gc.freeze()


def listen(host: str, port: int, file: str, key: str = "server.port") -> socket.socket:
    """Listen at an address; raises ConfigError for a port in use or an address of another machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
        door.listen(2048)
    except OSError as error:
        door.close()
        taken = error.errno == errno.EADDRINUSE
        problem = f"{port} is in use" if taken else f"{host}:{port} cannot be listened at ({error.strerror})"
        remedy = "End what listens there, or choose another port." if taken else "Correct host and port."
        raise ConfigError(file, key, problem, remedy) from error
    return door


@app.command()
def doctor(ctx: typer.Context) -> None:
    """Verify books, audit log, journals and tariffs; say where something is not as it was left."""
    from booking_api import doctor as examination

    with reading(ctx) as (settings, database):
        found = examination.examine(database)
        for finding in found:
            print(f"{finding.where}: {finding.words}")
        with database.read() as session:
            waiting = select(func.count()).where(MachineSession.state == SessionState.EXCEPTION)
            kept = select(func.count()).select_from(Quarantined).where(col(Quarantined.resolved_ms).is_(None))
            exceptions, quarantined = session.exec(waiting).one(), session.exec(kept).one()
        with database.read() as session:
            for words in examination.letters_waiting(session, Clock().now_ms()):
                print(words)
    if no_backup := last.hint(settings.data, Clock().now_ms()):
        print(no_backup)
    if exceptions:
        print(f"{exceptions} sessions wait for an operator.")
    if quarantined:
        print(f"{quarantined} journal entries are in quarantine.")
    if found:
        raise typer.Exit(1)
    print("The books are sound.")


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="The demonstration's own folder.")] = Path("demo-data"),
    speed: Annotated[int, typer.Option(help="Floor seconds in one real second.")] = 1,
    port: Annotated[int, typer.Option(help="Where the pages are served; 0 takes a free port.")] = 8080,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew.")] = False,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same people.")] = None,
) -> None:
    """Run a whole floor here: broker, server, a gateway with simulated machines, and its members."""
    from booking_api.demo.command import run
    from booking_api.demo.floor import DemoSettings

    run(DemoSettings(data=data, speed=speed, port=port, fresh=fresh, seed=seed))
