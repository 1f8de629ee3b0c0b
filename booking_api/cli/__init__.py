"""`makerfloor`: what operators type. Errors are one sentence on stderr, never a traceback.

base.py    what the commands share        server.py  init, serve, migrate, doctor, demo
floor.py   machines, tariffs, exceptions  people.py  members, badges, certifications, users, money
gateways.py the Pis on the floor: enrolled, replaced, re-keyed
broker.py  what Mosquitto reads           rates.py   what the shop costs, and who pays it
quoting.py what a use would cost, and what is wrong with a tariff
prints.py  what waits at printers, and files that nobody needs any more

accounts.py, billing.py, memberships.py, payments.py, disputes.py, documents.py, closing.py, exporting.py
           money: who is charged, for what, what was paid, and the books at the end of a month
"""

import sys

from sqlalchemy.exc import OperationalError

from booking_api.cli import (
    accounts,
    billing,
    broker,
    closing,
    disputes,
    documents,
    exporting,
    floor,
    gateways,
    memberships,
    payments,
    people,
    prints,
    quoting,
    rates,
    server,
)
from booking_api.cli.base import app
from booking_api.db import StorageFull
from floor.errors import ConfigError, FloorError

__all__ = ["app", "main"]
MONEY = (accounts, billing, memberships, payments, disputes, documents, closing, exporting)
COMMANDS = (server, gateways, floor, people, broker, rates, quoting, prints, *MONEY)


def main() -> None:
    """Run the command line: exit 0 when done, 1 when a rule says no, 2 when something is set up wrongly."""
    try:
        app(prog_name="makerfloor")
    except ConfigError as error:
        _stop(str(error), 2)
    except StorageFull as error:
        _stop(str(error), 2)
    except FloorError as error:
        _stop(str(error), 1)
    except OperationalError as error:
        _stop(f"The database cannot be used: {error.orig}", 2)


def _stop(words: str, code: int) -> None:
    print(words, file=sys.stderr)
    sys.exit(code)
