"""Two gateways' journals of one account that come at once: each visit is counted once, and none is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from booking_api import doctor
from tests.kit.histories import CAPPED, FREE, PACKED, Use, bills, copied, furnish, journals
from tests.kit.server import NOW_MS, Floor, batch_of

USES = [Use(0, list, n % 2, n * 20, 15) for n, list in enumerate([CAPPED, FREE, PACKED] * 5)]


def test_two_gateways_at_once_bill_as_one_after_the_other(floor: Floor) -> None:
    furnish(floor)
    made = journals(floor, USES)

    def deliver(n: int) -> None:
        for entry in made[n].entries:
            floor.apply(batch_of(made[n], [entry]), NOW_MS)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(deliver, range(2)))
    assert doctor.examine(floor.db) == []
    with copied() as other:
        for writer in journals(other, USES):
            other.apply(writer.batch(), NOW_MS)
        expected, found = bills(other), bills(floor)
    assert {key: found[key] for key in ("charges", "left", "totals")} == {
        key: expected[key] for key in ("charges", "left", "totals")
    }
