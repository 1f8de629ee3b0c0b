"""Opens what a server process works with."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from booking_api import migrations
from booking_api.db import Database, check_reachable
from booking_api.settings import Settings
from floor.errors import ConfigError
from floor.timescale import TimeScale

if TYPE_CHECKING:
    from booking_api.context import Context


def open_database(settings: Settings, *, migrate: bool = False) -> Database:
    """Open the database; raises ConfigError when it cannot be, or is not of this software's form."""
    database = database_of(settings)
    check_reachable(database)
    if migrations.current(database.engine) == migrations.newest():
        return database
    if migrate:
        migrations.upgrade(database.engine, zone=database.zone)
    else:
        problem = "is not of the form that this software needs"
        raise ConfigError(str(settings.file), "database.url", problem, "Run `makerfloor migrate` first.")
    return database


def database_of(settings: Settings) -> Database:
    """Return the database that settings name, whether it answers or not; raises ConfigError."""
    make_data(settings)
    return Database(settings.database_url, settings.data, ZoneInfo(settings.timezone))


def make_data(settings: Settings) -> None:
    """Make the data directory when it is missing; raises ConfigError when it cannot be made."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        problem = f"{settings.data} cannot be made ({error.strerror})"
        raise ConfigError(str(settings.file), "server.data", problem, "Name another directory.") from error


def open_context(settings: Settings, scale: TimeScale | None = None, *, migrate: bool = False) -> Context:
    """Open everything; the link runs while somebody runs `context.link.run()`, as the application does."""
    # Here, so that no command but `serve` waits for MQTT and what is signed.
    from booking_api.badges.reading import Readings
    from booking_api.clock import Clock
    from booking_api.context import Context
    from booking_api.crew import crew_of
    from booking_api.gateways.keys import open_signer
    from booking_api.gateways.office import Office
    from booking_api.link import Link
    from booking_api.live import LiveFloor
    from booking_api.vault import open_vault

    database = open_database(settings, migrate=migrate)
    crew = crew_of(database)
    clock, live, vault = Clock(scale), LiveFloor(crew), open_vault(settings.data)
    office = Office(vault, settings.currency.code)
    readings = Readings(database, vault, clock, live, crew)
    signer = open_signer(settings.data)
    link = Link(settings.broker, database, clock, signer, office, live, readings.take, crew)
    return Context(settings, database, clock, vault, live, readings, link, crew)
