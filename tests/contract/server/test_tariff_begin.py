"""A date in `valid_from` is a day of the space: it begins at the space's midnight."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from booking_api import migrations
from booking_api.db import Database
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.quote import quote_files
from floor.tariff import load
from tests.kit.engine import empty_in

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT_MS = round(datetime(2026, 7, 1, tzinfo=BERLIN).timestamp() * 1000)
OLD = """
id = "mill"
name = "Mill"
commodity = "EUR"
valid_from = 2026-01-01
[[components]]
per = "machine_time"
unit = "h"
price = 10
"""
NEW = OLD.replace("2026-01-01", "2026-07-01").replace("price = 10", "price = 100")


def test_a_version_is_in_force_from_the_spaces_midnight(tmp_path: Path) -> None:
    database = Database(empty_in(tmp_path), tmp_path, BERLIN)
    migrations.upgrade(database.engine)
    with database.write() as session:
        version = tariffs.add(session, NEW, "test", 0)
    database.close()
    assert version.valid_from_ms == MIDNIGHT_MS
    assert tariffs.parsed(version.text, version.id).valid_from_ms == MIDNIGHT_MS
    begin = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=MIDNIGHT_MS)
    told = tariffs.table(version)
    assert told["valid_from"] == begin.isoformat()
    assert load(told, "roster").version == version.id


def test_a_quote_begins_versions_on_the_clock_of_its_usage(tmp_path: Path) -> None:
    for name, text in (("old", OLD), ("new", NEW)):
        tmp_path.joinpath(f"{name}.toml").write_text(text)
    usage = tmp_path / "usage.txt"
    usage.write_text(
        'zone = "Europe/Berlin"\n[[use]]\nstart = 2026-06-30T23:00:00\nend = 2026-07-01T01:00:00\n'
    )
    ((_, bill),) = quote_files(tmp_path, usage).bills
    assert bill.total_micro == 110_000_000
