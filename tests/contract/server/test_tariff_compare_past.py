"""Past use priced by another tariff, from the books of both databases, which stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.tariffs.compare import Comparison
from booking_api.tariffs.past import DAY_MS, Window, compare_past, labels, warm_up_ms
from booking_api.tariffs.quote import quote_files
from booking_api.tariffs.source import read
from floor.errors import Refused
from floor.meter import Quantity, Reading
from floor.tariff import Occasion, Visit
from tests.kit.billing import Till, texts_of
from tests.kit.engine import url_in
from tests.kit.server import NOW_MS, Floor, make_floor
from tests.kit.typed import typed
from tests.kit.web import WebFloor, build

CASES = Path(__file__).parent.parent.parent / "cases"
FOLDERS = [folder.name for folder in sorted(CASES.glob("P[0-9][0-9]"))]
FAR_MS = 1 << 50
MINUTE_MS = 60_000
LASER = """
id = "cutter"
name = "Laser"
commodity = "EUR"
valid_from = 2026-01-01
[tiers.member]
[tiers.student]
multiplier = 0.5
fund = "city"
[[components]]
per = "machine_time"
unit = "min"
price = 0.20
free = "30 min"
free_per = "month"
[[packs]]
id = "hundred"
component = "machine_time"
size = "100 min"
price = 15.00
"""
DEARER = LASER.replace("0.20", "0.30").replace("2026-01-01", "2027-01-01")


def visit(n: int, account: str, minutes: int, day: int, **more: object) -> Visit:
    begun = NOW_MS + day * DAY_MS + n * MINUTE_MS
    used = {Quantity.MACHINE_TIME_MS: minutes * MINUTE_MS}
    readings = (Reading(begun, {}), Reading(begun + minutes * MINUTE_MS, used))
    values = {"tier": "member", "machine": f"cutter-{n % 2}", "member": account} | more
    return Visit(f"{n:04}", readings, account=account, **values)  # type: ignore[arg-type]


@pytest.fixture
def till(floor: Floor) -> Till:
    made = Till(floor, [LASER])
    made.take(visit(1, "ann", 40, 0), "cutter")
    made.take(visit(2, "ann", 60, 1), "cutter")
    made.take(visit(3, "bea", 50, 1, tier="student"), "cutter")
    bought = Visit("p", (Reading(NOW_MS + 2 * DAY_MS, {}),) * 2, tier="member", account="cem", member="cem",
                   on=Occasion.PACK, pack="hundred")  # fmt: skip
    made.take(bought, "cutter")
    made.take(visit(4, "cem", 90, 3), "cutter")
    made.take(visit(5, "cem", 70, 4), "cutter")
    return made


def compared(floor: Floor, old: str, new: str, since_ms: int = 0, until_ms: int = FAR_MS) -> Comparison:
    with floor.db.read() as session:
        before = read(old, "old") if old else None
        return compare_past(session, Window("cutter", since_ms, until_ms), before, read(new, "new"))


def changes(made: Comparison) -> dict[str, tuple[int, int]]:
    return {account: (sums.old_micro, sums.new_micro) for account, sums in made.accounts.items()}


def test_past_use_costs_what_it_would_by_the_new_tariff(till: Till) -> None:
    entries = till.floor.entries()
    made = compared(till.floor, LASER, DEARER)
    # ann: 30 of 100 min are free; bea: 20 min at half; cem: a pack, then 30 of 160 min free and 100 drawn.
    assert changes(made) == {
        "ann": (14_000_000, 21_000_000),
        "bea": (2_000_000, 3_000_000),
        "cem": (21_000_000, 24_000_000),
    }
    assert (made.funds["city"].old_micro, made.funds["city"].new_micro) == (2_000_000, 3_000_000)
    assert {"cutter-0", "cutter-1"} <= made.machines.keys()
    assert made.unpriced == {}
    assert till.floor.entries() == entries


def test_a_kept_tariff_is_what_was_charged(till: Till) -> None:
    assert changes(compared(till.floor, "", LASER)) == changes(compared(till.floor, LASER, LASER))
    made = compared(till.floor, "", DEARER)
    assert (made.old, made.total.old_micro) == ("as charged", 37_000_000)


def test_what_was_waived_is_left_out_and_what_was_moved_is_where_it_is(till: Till) -> None:
    with till.floor.db.write() as session:
        charge = session.exec(select(Charge).where(Charge.account == "bea")).one()
        billing.reverse_charge(session, charge.id, "a fault", "staff", NOW_MS + 9 * DAY_MS)
    assert "bea" not in compared(till.floor, LASER, DEARER).accounts


def test_only_the_days_asked_for_are_counted_with_their_history(till: Till) -> None:
    since_ms = NOW_MS + DAY_MS // 2
    made = compared(till.floor, LASER, DEARER, since_ms, NOW_MS + 2 * DAY_MS)
    assert changes(made) == {"ann": (12_000_000, 18_000_000), "bea": (2_000_000, 3_000_000)}


def test_another_tariffs_use_is_not_compared(till: Till) -> None:
    with till.floor.db.read() as session, pytest.raises(Refused, match="no tariff mill"):
        compare_past(session, Window("mill", 0, FAR_MS), None, read(DEARER, "new"))


def test_people_are_named_with_their_numbers(floor: Floor) -> None:
    with floor.db.read() as session:
        named = labels(session, [floor.ada, "nobody"])
    assert named[floor.ada].startswith("Ada Byron (")
    assert "nobody" not in named


def test_a_year_warms_up_what_counts_by_the_year() -> None:
    yearly = read(LASER.replace('"month"', '"year"'), "new")
    assert warm_up_ms([read(LASER, "old")]) < 366 * DAY_MS == warm_up_ms([read(LASER, "old"), yearly])


def round_months(floor: Floor) -> None:
    """Round what is rounded once a month, as its close does."""
    with floor.db.write() as session:
        for month in sorted(set(session.exec(select(Charge.month)))):
            billing.round_statements(session, month, "test", NOW_MS)


@pytest.mark.parametrize("case", FOLDERS)
def test_every_price_list_compared_with_what_it_charged_changes_nothing(case: str, tmp_path: Path) -> None:
    quoted = quote_files(CASES / case / "tariff", CASES / case / "usage.toml")
    floor = make_floor(url_in(tmp_path), tmp_path)
    floor.db.zone = quoted.usage.zone
    till, versions = Till(floor, texts_of(CASES / case / "tariff")), {}
    for use, _ in quoted.bills:
        till.take(use.visit, use.versions[0].id)
        versions[use.versions[0].id] = use.versions
    for id, kept in versions.items():
        if len(kept) == 1:
            round_months(floor)
            with floor.db.read() as session:
                made = compare_past(session, Window(id, 0, FAR_MS), None, kept[0])
            assert made.unpriced == {}
            assert {account for account, sums in made.accounts.items() if sums.change_micro} == set(), id
    floor.db.close()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebFloor]:
    made = build(tmp_path)
    yield made
    made.context.database.close()


NEW = """
id = "laser"
name = "L"
commodity = "EUR"
valid_from = 2027-01-01
[[components]]
per = "flat"
price = 4
"""


async def test_the_api_compares_for_whoever_may_read_the_books(web: WebFloor) -> None:
    asked = {"new": NEW, "tariff": "laser", "since": "2026-05-01"}
    async with web.program("olga") as client:
        told = (await client.post("/api/v1/tariffs/compare", json=asked)).json()
        wrong = await client.post("/api/v1/tariffs/compare", json=asked | {"new": "x = 1"})
        absent = await client.post("/api/v1/tariffs/compare", json=asked | {"tariff": "mill"})
    assert told["total"] == {"uses": 2, "old": "10", "new": "8", "change": "-2", "percent": "-20"}
    assert told["most_affected"][0]["name"].startswith("Mira Quince (")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "tariff_invalid")
    assert absent.status_code == 404
    async with web.program("tomas") as client:
        assert (await client.post("/api/v1/tariffs/compare", json=asked)).status_code == 403


def test_the_command_compares_past_use(
    web: WebFloor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, new = typed(monkeypatch, capsys, tmp_path / "makerfloor.toml"), tmp_path / "new.toml"
    new.write_text(NEW)
    done = run("tariff", "compare", "laser", str(new), "--since", "2026-05-01", "--until", "2026-06-01")
    assert (done.code, done.err) == (0, "")
    assert "as charged → laser from 2027-01-01: 2 uses of 2 accounts, 2026-05-01 to before" in done.out
    assert "Mira Quince (" in done.out
    assert run("tariff", "compare", "mill", str(new), "--since", "2026-05-01").code == 1


OLD_FILE = """
id = "laser"
name = "Laser"
commodity = "EUR"
valid_from = 2026-01-01
[[components]]
per = "machine_time"
unit = "min"
price = 0.20
"""
USAGE = """
[[use]]
account = "ann"
start = 2026-01-02T10:00:00
used = { machine_time = "40 min" }
[[use]]
account = "ann"
start = 2026-01-01T10:00:00
used = { machine_time = "20 min" }
"""


def test_the_command_compares_files_over_a_usage_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = typed(monkeypatch, capsys, tmp_path / "absent.toml")
    old, new, usage = (tmp_path / name for name in ("old.toml", "new.toml", "usage.toml"))
    old.write_text(OLD_FILE)
    new.write_text(OLD_FILE.replace("0.20", "0.25"))
    usage.write_text(USAGE)
    said = run("tariff", "compare", str(old), str(new), "--usage", str(usage))
    assert (said.code, said.err) == (0, "")
    assert "laser from 2026-01-01 → laser from 2026-01-01: 2 uses of 1 accounts" in said.out
    assert "+3.00 (+25 %)" in said.out
    assert "pay more: 1    pay less: 0    pay the same: 0" in said.out
    data = run("tariff", "compare", str(old), str(new), "--usage", str(usage), "--json")
    assert '"change": "3"' in data.out
    absent = run("tariff", "compare", "laser", str(new), "--usage", str(usage))
    assert (absent.code, "a usage file needs both" in absent.err) == (2, True)
    undated = run("tariff", "compare", str(old), str(new))
    assert (undated.code, "--since" in undated.err) == (2, True)
