"""The move itself: one transaction, which ends only when the other side was read back and says the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select
from sqlmodel import Session

from booking_api import doctor, migrations
from booking_api.db import DATA, ZONE, Database
from booking_api.ledger.models import AccountBalance, Book
from booking_api.moving import ends, rows
from booking_api.tables import METADATA
from floor.errors import Refused

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """What stands in the other database now; `findings` are the doctor's, which were there before."""

    tables: int
    rows: int
    entries: int
    balances: int
    findings: int


def move(old: Database, new: Database, say: Say) -> Moved:
    """Move everything from one database into an empty one. Raises Refused; then the new one is as empty as it
    was, and the old one is not changed in any case.
    """
    with ends.empty(new) as into, ends.held(old) as out:
        migrations.upgrade_within(into, new.zone)
        for table in reversed(METADATA.sorted_tables):
            if into.execute(select(table).limit(1)).first() is not None:
                into.execute(delete(table))  # what a new space begins with
        digests = {}
        for table in METADATA.sorted_tables:
            digests[table.name] = digest = rows.Digest()
            rows.write(into, table, digest.of(rows.read(out, table)))
            rows.count_on(into, table)
            say(f"{table.name:28} {digest.rows:>12,} rows")
        into.exec_driver_sql("ANALYZE")
        say("Reading back what was written.")
        for table in METADATA.sorted_tables:
            if rows.digest(into, table) != digests[table.name]:
                raise Refused("move_differs", f"The table {table.name} reads back differently. {_STAYS}")
        say("Following the books, the audit log and the journals on both sides.")
        findings = _compared(old, out, new, into)
        return Moved(
            tables=len(digests),
            rows=sum(one.rows for one in digests.values()),
            entries=int(into.scalar(select(func.sum(Book.seq))) or 0),
            balances=into.scalar(select(func.count()).select_from(AccountBalance)) or 0,
            findings=findings,
        )


_STAYS = "Nothing was kept in the new database; the space is where it was."


def _compared(old: Database, out: Connection, new: Database, into: Connection) -> int:
    """Examine both sides and return how much was found; raises Refused for what only the new side has."""
    before, after = ({*_examined(*side)} for side in ((old, out), (new, into)))
    if worse := sorted(after - before, key=lambda one: one.where):
        words = f"{worse[0].where}: {worse[0].words}"
        raise Refused("move_differs", f"The new database is not what the old one was ({words}). {_STAYS}")
    return len(before)


def _examined(database: Database, connection: Connection) -> list[doctor.Finding]:
    with Session(connection, info={DATA: database.data, ZONE: database.zone}) as session:
        return doctor.examined(session)
