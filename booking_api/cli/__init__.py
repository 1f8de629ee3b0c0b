"""`makerfloor`: what operators type. Errors are one sentence on stderr, never a traceback.

root.py    every name, and its module     base.py    what the commands share
server.py  init, serve, migrate, doctor, demo
backups.py backup, restore
floor.py   machines, tariffs, exceptions  people.py  members, badges, certifications, users, money
badges.py  badges that cannot be copied
gateways.py the Pis on the floor: enrolled, replaced, re-keyed
broker.py  what Mosquitto reads           rates.py   what the shop costs, and who pays it
quoting.py what a use would cost, and what is wrong with a tariff
prints.py  what waits at printers, and files that nobody needs any more

accounts.py, billing.py, memberships.py, payments.py, disputes.py, documents.py, closing.py, exporting.py
           money: who is charged, for what, what was paid, and the books at the end of a month
"""

import sys
from typing import TYPE_CHECKING

from booking_api.cli.root import app, program
from floor.errors import ConfigError, FloorError

if TYPE_CHECKING:
    from sqlalchemy.exc import OperationalError

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line: exit 0 when done, 1 when a rule says no, 2 when something is set up wrongly."""
    try:
        program()(prog_name="makerfloor")
    except SystemExit:
        raise  # the usual end, for which nothing of the database is loaded
    except FloorError as error:
        _stop(str(error), 2 if isinstance(error, ConfigError | _storage_full()) else 1)
    except _unusable() as error:
        _stop(f"The database cannot be used: {error.orig}", 2)


def _storage_full() -> type[FloorError]:
    from booking_api.db import StorageFull  # here: it brings the database's library

    return StorageFull


def _unusable() -> "type[OperationalError]":
    from sqlalchemy.exc import OperationalError  # here: `--help` and a wrong word do without

    return OperationalError


def _stop(words: str, code: int) -> None:
    print(words, file=sys.stderr)
    sys.exit(code)
