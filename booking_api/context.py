"""What one server process works with: opened once at start, given to the pages and to the link."""

from dataclasses import dataclass

from booking_api.clock import Clock
from booking_api.db import Database, check_reachable
from booking_api.gateways.keys import Signer, open_signer
from booking_api.link import Link
from booking_api.live import LiveFloor
from booking_api.settings import Settings
from booking_api.vault import Vault, open_vault


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a running server. The link runs only while somebody runs `link.run()` (`serve` does)."""

    settings: Settings
    db: Database
    clock: Clock
    vault: Vault
    signer: Signer
    live: LiveFloor
    link: Link


def open_context(settings: Settings, clock: Clock | None = None) -> Context:
    """Open the data directory and the database, migrated to the newest form. Raises ConfigError."""
    clock = clock or Clock()
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    db = Database(settings.database_url, settings.data)
    check_reachable(db)
    vault, signer, live = open_vault(settings.data), open_signer(settings.data), LiveFloor()
    link = Link(settings, db, clock, vault, signer, live)
    return Context(settings, db, clock, vault, signer, live, link)
