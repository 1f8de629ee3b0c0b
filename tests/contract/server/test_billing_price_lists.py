"""Published price lists billed by the server, by journals and fees, cost what `makerfloor quote` says."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from booking_api import doctor
from booking_api.tariffs.quote import quote_files
from tests.kit.billing import Till, charges_of, texts_of
from tests.kit.engine import url_in
from tests.kit.server import make_floor

CASES = Path(__file__).parent.parent.parent / "cases"
ON_BOTH = ("P07", "P09", "P13", "P14", "P15", "P16", "P19", "P20", "P21")
FOLDERS = [folder.name for folder in sorted(CASES.glob("P[0-9][0-9]"))]


def billed(url: str, data: Path, case: str) -> None:
    quoted = quote_files(CASES / case / "tariff", CASES / case / "usage.toml")
    floor = make_floor(url, data)
    floor.db.zone = quoted.usage.zone
    till = Till(floor, texts_of(CASES / case / "tariff"))
    for use, bill in quoted.bills:
        id = till.take(use.visit, use.versions[0].id)
        expected = [
            (
                one.period,
                one.total_micro,
                tuple((li.component, li.amount_micro, li.bound) for li in one.lines),
            )
            for one in bill.charges
        ]
        assert charges_of(floor, id) == expected, use.visit.id
        if use.expect_micro is not None:
            assert sum(total for _, total, _ in charges_of(floor, id)) == use.expect_micro
    assert [f for f in doctor.examine(floor.db) if not f.where.startswith("fund")] == []
    floor.db.close()


@pytest.mark.parametrize("case", [name for name in FOLDERS if name not in ON_BOTH])
def test_every_list_costs_what_a_quote_says(case: str, tmp_path: Path) -> None:
    billed(url_in(tmp_path), tmp_path, case)


@pytest.mark.parametrize("case", ON_BOTH)
def test_lists_that_depend_on_what_came_before_do_on_both_databases(
    case: str, url: str, tmp_path: Path
) -> None:
    billed(url, tmp_path, case)


def test_the_zone_is_the_spaces() -> None:
    assert quote_files(CASES / "P20" / "tariff", CASES / "P20" / "usage.toml").usage.zone == ZoneInfo(
        "Europe/Berlin"
    )
