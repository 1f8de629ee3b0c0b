"""What Prometheus reads of the space: its machines, who waits for them, its pools, its week, disk and backup.

No label names a member. Series of what is gone are taken away.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime

from prometheus_client import Gauge
from sqlmodel import Session, col, func, select

from booking_api.backups import last
from booking_api.context import Context
from booking_api.machines.models import Machine
from booking_api.reservations.models import Waiting
from booking_api.rounds import Round

MACHINE = Gauge("makerfloor_machine_info", "The group that a machine belongs to", ["machine", "group"])
WAITING = Gauge("makerfloor_waiting_list_entries", "Who waits for a slot", ["machine"])
REVENUE = Gauge(
    "makerfloor_pool_revenue_micro", "What came in for a cost pool this month", ["pool", "commodity"]
)
COST = Gauge("makerfloor_pool_cost_micro", "What a cost pool costs this month", ["pool", "commodity"])
HOUR = Gauge("makerfloor_hour_of_week", "The hour of the space's week: 0 is Monday from 0:00 on")
DISK = Gauge("makerfloor_disk_free_ratio", "What is free of the disk that has the data folder")
BACKUP = Gauge(
    "makerfloor_backup_last_success_timestamp_seconds", "When the last backup was taken and read again"
)

Levels = Mapping[tuple[str, ...], int]


def show(gauge: Gauge, levels: Levels) -> None:
    """Show these series, by their labels, and no other."""
    for metric in gauge.collect():
        for sample in metric.samples:
            labels = tuple(sample.labels.values())
            if labels not in levels:
                gauge.remove(*labels)
    for labels, level in levels.items():
        gauge.labels(*labels).set(level)


def look_at_machines(session: Session, now_ms: int) -> None:
    """Show which machines there are, and how many wait for each; `now_ms` is floor time."""
    known = session.exec(select(Machine.id, Machine.kind).where(col(Machine.archived_ms).is_(None))).all()
    waiting = select(Waiting.machine, func.count()).where(
        col(Waiting.left_ms).is_(None), col(Waiting.to_ms) > now_ms
    )
    counts = dict(session.exec(waiting.group_by(Waiting.machine)).all())
    show(MACHINE, {(machine, kind): 1 for machine, kind in known})
    show(WAITING, {(machine,): counts.get(machine, 0) for machine, _ in known})


def look_at_pools(context: Context) -> None:
    """Show what the running month's pools cost, and what came in; months that are over show no more."""
    with context.database.read() as session:
        stated = context.statements.look(session)
    show(REVENUE, {(pool.id, stated.commodity): pool.recovered_micro for pool in stated.pools})
    show(COST, {(pool.id, stated.commodity): pool.cost_micro for pool in stated.pools})


def look_at_house(context: Context) -> None:
    """Show the hour of the week, the machines, what is free of the disk, and when a backup was taken."""
    now_ms = context.clock.now_ms()
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(context.zone)
    HOUR.set(local.weekday() * 24 + local.hour)
    usage = shutil.disk_usage(context.database.data)
    DISK.set(usage.free / usage.total)
    BACKUP.set((last.taken_ms(context.database.data) or 0) / 1000)
    with context.database.read() as session:
        look_at_machines(session, now_ms)


async def _house(context: Context) -> None:
    await asyncio.to_thread(look_at_house, context)


async def _pools(context: Context) -> None:
    await asyncio.to_thread(look_at_pools, context)


async def _hours(context: Context) -> None:
    """Read the hour that is over just now, so that nobody waits for it."""
    await context.utilisation.read_ahead(context.clock.now_ms(), context.clock.scale)


ROUNDS = (Round(5.0, _house), Round(1800.0, _pools), Round(60.0, _hours))
"""A month of a large floor takes a while to add up: pages take what was found twice an hour."""
