"""A floor with two gateways and price lists that depend on what came before, and journals of both."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from sqlmodel import col, select

from booking_api.accounts import service as accounts
from booking_api.accounts import teams
from booking_api.accounts.models import AccountKind
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.db import Database
from booking_api.gateways import enrol
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.tariffs import service as tariffs
from booking_api.vault import open_vault
from floor.meter import Quantity
from floor.tariff import Occasion
from floor.wire.journal import Fact, SessionEnded
from floor.words import StopType
from tests.kit import template
from tests.kit.billing import charges_of
from tests.kit.engine import url_in
from tests.kit.server import MINUTE_MS, NOW_MS, Floor, Writer, make_floor, started

HEAD = 'name = "List"\ncommodity = "EUR"\nvalid_from = 2026-01-01\n'
PER_MINUTE = '[[components]]\nper = "machine_time"\nunit = "min"\n'
LISTS = (
    'id = "capped"\n' + HEAD + PER_MINUTE + "price = 0.10\n"
    '[[caps]]\nper = "day"\nabove = 5\n[[caps]]\nper = "month"\nabove = 9\nrate = 0.5\n',
    'id = "free"\n' + HEAD + PER_MINUTE + 'price = 0.20\nfree = "45 min"\nfree_per = "month"\n'
    '[[adjustments]]\nid = "welcome"\nkind = "credit"\namount = 2\nper = "year"\n',
    'id = "bands"\n' + HEAD + PER_MINUTE + 'price = 0.30\nbrackets_per = "month"\nbrackets_mode = "whole"\n'
    'brackets = [{ above = "60 min", price = 0.15 }]\n[rounding]\nwhere = "statement"\n',
    'id = "packed"\n' + HEAD + PER_MINUTE + "price = 0.50\n[tax]\nrate = 0.19\n"
    '[[packs]]\nid = "hour"\ncomponent = "machine_time"\nsize = "60 min"\nprice = 20\n',
    'id = "plain"\n' + HEAD + PER_MINUTE + "price = 0.333333\n",
)
NAMES = ("capped", "free", "bands", "packed", "plain")
CAPPED, FREE, BANDS, PACKED, PLAIN = range(len(NAMES))
GATEWAYS = ("gw", "gw2")
DAY_MS = 86_400_000
ACCOUNTS = ("lab", "team")


@dataclass(frozen=True)
class Use:
    """A session: of which account, by which list, at which gateway, when and for how long."""

    account: int
    list: int
    gateway: int
    start_min: int
    minutes: int
    faulted: bool = False


def _made_anew(url: str, data: Path) -> None:
    floor = make_floor(url, data)
    furnish(floor)
    floor.db.close()


def furnish(floor: Floor) -> None:
    """Add a second gateway, the lists with a machine of each at both, two teams, and an allowance."""
    with floor.db.write() as session:
        enrol.enrol(session, floor.vault, "gw2", NOW_MS)
        for text in LISTS:
            tariffs.add(session, text, "test", NOW_MS)
        for name in NAMES:
            for gateway in GATEWAYS:
                details = machines.MachineDetails(
                    id=f"{name}-{gateway}",
                    name=name,
                    gateway=gateway,
                    tariff=name,
                    requires_certification=False,
                )
                machines.add(session, details, NOW_MS)
        for id in ACCOUNTS:
            accounts.open_account(session, id, AccountKind.TEAM, id, NOW_MS)
            for member in (floor.ada, floor.ben):
                teams.put_person(session, id, member, teams.PersonDetails(), NOW_MS)
        end_ms = NOW_MS + 3 * DAY_MS
        billing.grant(
            session, "lab", "packed/machine_time", Fraction(30), end_ms, True, "gift", "test", NOW_MS
        )
        details = billing.FeeDetails(
            occasion=Occasion.PACK,
            member=floor.ada,
            tariff="packed",
            account="lab",
            pack="hour",
            from_ms=NOW_MS,
            to_ms=NOW_MS,
            source="pack",
        )
        billing.charge_fee(session, details, "test", NOW_MS)


@contextmanager
def copied() -> Iterator[Floor]:
    """Give such a floor of one's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template.copied(_made_anew, url_in(folder), folder)
        db = Database(url_in(folder), folder)
        with db.read() as session:
            ada, ben = (members.find(session, number).id for number in ("1", "2"))
        try:
            yield Floor(db, open_vault(folder), ada, ben)
        finally:
            db.close()


def journals(floor: Floor, uses: Sequence[Use], epoch: int = 1) -> tuple[Writer, Writer]:
    """Write each gateway's journal of these sessions, in the order of their ends."""
    made = Writer("gw", epoch), Writer("gw2", epoch)
    name = "s" if epoch == 1 else f"s{epoch}"
    facts: list[tuple[int, int, int, Fact]] = []
    for n, use in enumerate(uses):
        start_ms = NOW_MS + use.start_min * MINUTE_MS + n
        who = (floor.ada, floor.ben)[n % 2]
        machine = f"{NAMES[use.list]}-{GATEWAYS[use.gateway]}"
        begin = started(f"{name}-{n:03}", who, machine, ACCOUNTS[use.account])
        stop = StopType.FAULT if use.faulted else StopType.TAP_OUT
        elapsed = use.minutes * MINUTE_MS
        end = SessionEnded(
            session_id=f"{name}-{n:03}",
            stop_type=stop,
            elapsed_ms=elapsed,
            counters={Quantity.MACHINE_TIME_MS: elapsed},
        )
        facts += [(start_ms, n, use.gateway, begin), (start_ms + elapsed, n, use.gateway, end)]
    for at_ms, _, gateway, fact in sorted(facts, key=lambda one: one[:2]):
        writer = made[gateway]
        writer.monotonic_ms = at_ms - writer.start_ms
        writer.write(fact, 0)
    return made


def bills(floor: Floor) -> dict[str, object]:
    """Return what stands: sessions with their charges and lines, what accounts owe, what lots hold."""
    used = select(Charge.session).where(col(Charge.session).is_not(None)).distinct()
    with floor.db.read() as session:
        ids = sorted(id for id in session.exec(used) if id)
        left = {
            (account, lot.origin.partition(":")[0]): lot.left
            for account in ACCOUNTS
            for lot in billing.lots(session, account, NOW_MS)
        }
    owed = {key: amount for key, amount in floor.balances().items() if "member:" in key[0]}
    totals = {id: row.total_micro for id, row in floor.sessions().items()}
    return {
        "charges": {id: charges_of(floor, id) for id in ids},
        "owed": owed,
        "left": left,
        "totals": totals,
    }
