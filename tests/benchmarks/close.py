"""How long a month takes to close, beside the least that the same database needs to sum it up."""

from __future__ import annotations

import time
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel import Session

from booking_api import migrations
from booking_api.accounts.models import Fund
from booking_api.costing import versions
from booking_api.db import Database
from booking_api.machines.models import Machine
from booking_api.periods import service
from booking_api.periods.calendar import bounds
from booking_api.tariffs import service as tariffs
from floor.money import Commodity
from tests.benchmarks.result import Figure
from tests.peers.postgres import run_postgres

ZONE = ZoneInfo("Europe/Berlin")
MONTH = "2027-03"
FROM_MS, TO_MS = bounds(MONTH, ZONE)
POOLS, MACHINES = 5, 20
GOALS = {10_000: 2, 1_000_000: 120}
"""Sessions in a month, and the seconds in which it is to be closed."""
TARIFF = """
id = "laser"
name = "Laser"
commodity = "EUR"
valid_from = 2020-01-01
[[components]]
per = "machine_time"
unit = "min"
price = 0.40
"""
POOL = """
[[pools]]
id = "pool-{n}"
per = "machine_time"
unit = "h"
machines = [{machines}]
[pools.tiers]
member = {{ expected = 1000 }}
[[pools.capital]]
name = "machines"
price = 12000
years = 8
[[pools.energy]]
name = "electricity"
kwh = 450
over = 300
price = 0.32
"""
COSTS = """
name = "Bench"
period = "2027"
valid_from = "2027-01"
commodity = "EUR"
[surplus]
goes = "refunded"
"""
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
ENTRIES = """
INSERT INTO ledger_entry
(id, book, seq, kind, source, occurred_ms, posted_ms, author, memo, detail, previous, hash)
{numbers} SELECT 'entry-' || i, 'main', i, 'charge', 'session:' || i, {at}, {at}, 'bench', '',
'', '{hash}', '{hash}' FROM n"""
POSTINGS = """
INSERT INTO ledger_posting (entry, n, account, commodity, amount_micro)
{numbers} SELECT 'entry-' || i, {n}, {account}, 'EUR', {amount} FROM n"""
SESSIONS = """
INSERT INTO machine_session (id, gateway, machine, member, account, tier, badge, boot_id, state, exception,
started_ms, start_monotonic_ms, ended_ms, elapsed_ms, words, counters, late_journal)
{numbers} SELECT 'session-' || i, 'gw', 'machine-' || (i / 7 % :machines), 'm', 'm', 'member', 'b', '',
'priced', '', {at} - 600000, 0, {at}, 600000, '', '{counters}', {false} FROM n"""
CHARGES = """
INSERT INTO charge (id, entry, session, occasion, account, member, machine, month, period, ended_ms,
tariff_version, tier, commodity, gross_micro, taxes, nets, rounding_micro, total_micro, funds, unfunded,
priced_ms)
{numbers} SELECT 'charge-' || i, 'entry-' || i, 'session-' || i, 'session', 'account-' || (i % :accounts),
'm', 'machine-' || (i / 7 % :machines), '2027-03', '2027-03', {at}, :tariff, 'member', 'EUR', 4000000, '{{}}',
'{{}}', 1000, 2000000, '{{"dues": 1999000}}', '{{}}', {at} FROM n"""
HISTORIES = """
INSERT INTO account_history (account, month, ended_ms, visit, positions)
{numbers} SELECT 'account-' || (i - 1), '', {at}, 'session-' || i, '{{}}' FROM n WHERE i <= :accounts"""
BALANCES = """INSERT INTO account_balance (account, commodity, amount_micro)
SELECT account, commodity, SUM(amount_micro) FROM ledger_posting GROUP BY account, commodity"""
BARE = """SELECT p.account, SUM(p.amount_micro) FROM ledger_entry e JOIN ledger_posting p ON p.entry = e.id
WHERE e.occurred_ms >= :from_ms AND e.occurred_ms < :to_ms GROUP BY p.account"""
ADVANCE = "UPDATE book SET seq = :count"


def prepare(database: Database) -> str:
    """Make a space of five pools with four machines each, and a fund; returns the tariff's version."""
    migrations.upgrade(database.engine)
    names = [f"machine-{n}" for n in range(MACHINES)]
    each = MACHINES // POOLS
    pools = [", ".join(f'"{name}"' for name in names[at : at + each]) for at in range(0, MACHINES, each)]
    with database.write() as session:
        session.add_all([Machine(id=name, name=name) for name in names])
        session.add(Fund(id="dues", name="Dues", created_ms=0))
        version = tariffs.add(session, TARIFF, "bench", 0).id
        session.flush()
        costs = COSTS + "".join(POOL.format(n=n, machines=mine) for n, mine in enumerate(pools))
        versions.add(session, costs, "bench", 0)
    return version


def fill(session: Session, count: int, tariff: str) -> None:
    """Book a month of so many sessions, as settling them one by one would have."""
    accounts = min(5_000, count // 20)
    step = (TO_MS - FROM_MS - 1) // count
    at = f"{FROM_MS} + CAST(i AS BIGINT) * {step}"
    sides = (
        ("'assets:member:account-' || (i % :accounts)", 2_000_000),
        ("'assets:fund:dues'", 1_999_000),
        ("'income:machine:machine-' || (i / 7 % :machines)", -4_000_000),
        ("'income:rounding'", 1_000),
    )
    false = "0" if session.get_bind().dialect.name == "sqlite" else "false"
    counters = '{"machine_time_ms": 600000, "energy_mwh": 120000}'
    common = {"numbers": NUMBERS, "at": at, "hash": "0" * 64, "false": false, "counters": counters}
    values = {"count": count, "machines": MACHINES, "accounts": accounts, "tariff": tariff}

    def run(sql: str, **more: object) -> None:
        asked = text(sql.format(**common, **more))
        session.execute(asked, {name: values[name] for name in asked.compile().params})

    run(ENTRIES)
    for n, (account, amount) in enumerate(sides, 1):
        run(POSTINGS, n=n, account=account, amount=amount)
    run(SESSIONS)
    run(CHARGES)
    run(HISTORIES)
    run(BALANCES)
    run(ADVANCE)


def measure(url: str, folder: Path, count: int, engine: str) -> list[Figure]:
    """Close one month of so many sessions; every account gets something back from every pool."""
    database = Database(url, folder, ZONE)
    tariff = prepare(database)
    with database.write() as session:
        fill(session, count, tariff)
    if engine == "PostgreSQL":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    with database.read() as session:
        began = time.perf_counter()
        session.execute(text(BARE), {"from_ms": FROM_MS, "to_ms": TO_MS}).all()
        bare = time.perf_counter() - began
    began = time.perf_counter()
    with database.write() as session:
        stated = service.close(session, MONTH, Commodity("EUR"), "bench", TO_MS).statement
    took = time.perf_counter() - began
    database.close()
    assert stated.sessions == count
    assert sum(pool.recovered_micro for pool in stated.pools) == 4_000_000 * count
    goal = GOALS[count]
    what = f"close of a month, {count:,} sessions, {engine}"
    return [Figure(what, round(took, 2), "s", round(bare, 2), f"< {goal} s", took < goal)]


async def close(folder: Path) -> list[Figure]:
    """Measure a common and a very large month on SQLite, and the common one on PostgreSQL."""
    figures: list[Figure] = []
    for count in GOALS:
        path = folder / f"{count}.db"
        figures += measure(f"sqlite:///{path}", folder, count, "SQLite")
        path.unlink()
    return figures + await close_on_postgres(folder, min(GOALS))


async def close_on_postgres(folder: Path, count: int = max(GOALS)) -> list[Figure]:
    """Measure on a PostgreSQL of the tests, whose durability is switched off."""
    with run_postgres() as peer:
        return measure(peer.make(), folder, count, "PostgreSQL")
