"""What the server shows Prometheus of the space is what its database has; what is gone is shown no more."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from booking_api.backups import last
from booking_api.costing.models import CostVersion
from booking_api.machines.models import Machine
from booking_api.periods import kept
from booking_api.periods.calendar import month_at
from booking_api.prometheus import figures
from booking_api.reservations.models import Waiting
from tests.kit.web import NOW_MS, build


def shown(name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in REGISTRY.collect()
        if family.name == name
        for sample in family.samples
    }


def test_machines_queues_pools_and_the_week_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = build(tmp_path)
    context = web.context
    with context.database.write() as session:
        for id, left_ms, to_ms in (("w1", None, 9), ("w2", None, -9), ("w3", NOW_MS, 9)):
            session.add(
                Waiting(
                    id=id,
                    machine="saw-1",
                    member=web.people["mira"],
                    from_ms=NOW_MS,
                    to_ms=NOW_MS + to_ms * 3_600_000,
                    length_ms=60_000,
                    asked_ms=NOW_MS,
                    left_ms=left_ms,
                )
            )
    figures.REVENUE.labels("gone", "EUR").set(1)
    figures.look_at_house(context)
    figures.look_at_pools(context)
    assert shown("makerfloor_machine_info")["saw-1", "saw"] == 1
    assert shown("makerfloor_waiting_list_entries")["saw-1",] == 1
    assert shown("makerfloor_waiting_list_entries")["laser-1",] == 0
    assert shown("makerfloor_hour_of_week") == {(): 3 * 24 + 11}, "10:00 UTC of a Thursday is 11:00 in Dublin"
    assert 0 < shown("makerfloor_disk_free_ratio")[()] <= 1
    assert shown("makerfloor_backup_last_success_timestamp_seconds") == {(): 0}
    assert shown("makerfloor_pool_revenue_micro") == {}
    with context.database.write() as session:
        session.get_one(Machine, "saw-1").archived_ms = NOW_MS
    last.note(context.database.data, NOW_MS)
    figures.look_at_house(context)
    assert shown("makerfloor_backup_last_success_timestamp_seconds") == {(): NOW_MS / 1000}
    assert ("saw-1", "saw") not in shown("makerfloor_machine_info")
    assert ("saw-1",) not in shown("makerfloor_waiting_list_entries")
    with context.database.read() as session:
        month = month_at(NOW_MS, context.zone)
        first = context.statements.of(session, month)
        monkeypatch.setattr(kept, "LARGE", 0)
        large = context.statements.of(session, month, anew=True)
        assert large is not first, "a small month is not kept"
        assert large.stated == first.stated
        assert context.statements.of(session, month) is large
    with context.database.write() as session:
        session.add(CostVersion(n=1, valid_from="2099-01", text="", sha256="", author="olga", created_ms=0))
    with context.database.read() as session:
        decided = context.statements.of(session, month)
        assert decided is not large, "what people decide counts at once"
        assert context.statements.look(session) == decided.stated
        assert context.statements.of(session, month) is not decided, "the round works it out anew"
    context.database.close()
