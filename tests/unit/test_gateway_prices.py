"""The price at the machine is what the server bills: same rules, same readings, same history, same clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.events import ReadingTaken
from floor import tariff
from floor.access import MemberStanding
from floor.meter import Quantity, Reading
from floor.policy import MachinePolicy
from floor.tariff import History, Visit, price_visit
from floor.wire.journal import SessionEnded, SessionMetered, SessionStarted
from floor.wire.roster import RosterMachine
from gateway.metering import Mark, Marks
from gateway.prices import Prices
from gateway.recovery import recall
from gateway.wiring import Tick
from tests.kit.gateway import ADA, Bench

BERLIN = "Europe/Berlin"
BEGIN = round(datetime(2026, 10, 24, 19, 30, tzinfo=UTC).timestamp() * 1000)
"""A Saturday evening in Berlin; in the night the clock goes back an hour."""
OLD: dict[str, object] = {
    "id": "laser",
    "name": "Laser",
    "commodity": "EUR",
    "valid_from": "2026-01-01",
    "windows": [{"id": "night", "from": "22:00", "to": "06:00", "multiplier": "0.5"}],
    "caps": [{"per": "month", "above": "30.00", "rate": "0.25"}],
    "components": [
        {
            "id": "time",
            "per": "machine_time",
            "unit": "h",
            "price": "4.00",
            "free": "90 min",
            "free_per": "month",
        },
        {
            "id": "plastic",
            "per": "filament_mass",
            "unit": "g",
            "price": "0.05",
            "brackets_per": "month",
            "brackets": [{"above": "100 g", "price": "0.03"}],
        },
        {"id": "visit", "per": "day", "price": "1.00"},
    ],
    "packs": [{"id": "spool", "component": "plastic", "size": "60 g", "price": "2.50"}],
}
NEW = OLD | {
    "valid_from": "2026-10-25",
    "components": [
        {
            "id": "time",
            "per": "machine_time",
            "unit": "h",
            "price": "7.00",
            "free": "90 min",
            "free_per": "month",
        },
        {"id": "plastic", "per": "filament_mass", "unit": "g", "price": "0.06"},
        {"id": "visit", "per": "day", "price": "2.00"},
    ],
}
POSITIONS = {
    "free|laser/time||2026-10": "1/2",
    "pack|laser/plastic||ever": "25",
    "gross|laser/EUR||2026-10": "12340000",
}


def machine(*tables: dict[str, object]) -> RosterMachine:
    return RosterMachine(id="laser", name="Laser", policy=MachinePolicy(), tariffs=list(tables))


def ada(**changes: object) -> MemberStanding:
    plain = MemberStanding("ada", "Ada", "standard", "ada", allowed={"laser": 0}, since=date(2025, 3, 14))
    return replace(plain, **changes)  # type: ignore[arg-type]


class Shop:
    """A bench whose sessions are priced beside it, as the server does from the journal."""

    def __init__(self, bench: Bench, seed: int = 0) -> None:
        self.bench, self.random, self.filament = bench, Random(seed), 0
        bench.clock.wall = BEGIN
        self.tell(members={"ada": ada(positions=POSITIONS)}, machines=[machine(OLD, NEW)], timezone=BERLIN)

    def tell(self, **changes: object) -> None:
        version = self.bench.roster.version
        assert version
        self.bench.roster.take(self.bench.server.delta(version.n, version.n + 1, **changes))
        self.bench.prices.roster_came(1, self.bench.journal.acknowledged, all_known=False)

    async def use(self, minutes: int) -> int | None:
        """Run a session; return what the display showed last before the tap-out."""
        await self.bench.tap(ADA)
        await self.work(minutes)
        shown = self.bench.station.view.wire().price_micro
        await self.bench.tap(ADA)
        return shown

    async def work(self, minutes: int) -> None:
        for _ in range(minutes * 2):
            if self.random.random() < 0.3:
                self.filament += self.random.randrange(3_000)
                reading = ReadingTaken({Quantity.FILAMENT_MG: self.filament})
                await self.bench.station.handle(reading, 0.0)
            self.bench.clock.pass_s(30)
            await self.bench.station.handle(Tick(), 0.0)

    async def billed(self, positions: dict[str, str] = POSITIONS, after: int = 0) -> list[int]:
        """Return the bills of the sessions in the journal, with every checkpoint, in order.

        The first `after` of them are in the positions already.
        """
        history = History({key: Fraction(value) for key, value in positions.items()})
        versions = [tariff.load(table, "laser") for table in (OLD, NEW)]
        bills: list[int] = []
        start, readings = 0, list[Reading]()
        for entry in await self.bench.entries():
            match entry.fact:
                case SessionStarted() as fact:
                    start, readings = entry.recorded_ms, [Reading(entry.recorded_ms, {})]
                    lease = fact
                case SessionMetered(elapsed_ms=elapsed_ms, counters=counters):
                    readings.append(Reading(start + elapsed_ms, counters))
                case SessionEnded(elapsed_ms=elapsed_ms, counters=counters):
                    readings.append(Reading(start + elapsed_ms, counters))
                    visit = Visit(
                        lease.session_id,
                        readings,
                        lease.tier,
                        lease.account,
                        lease.member,
                        lease.machine,
                        since=date(2025, 3, 14),
                    )
                    after -= 1
                    if after < 0:
                        bill, history = price_visit(visit, versions, history, ZoneInfo(BERLIN))
                        bills.append(bill.total_micro)
        return bills


@pytest.fixture
async def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.journal.close()


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_shown_is_what_will_be_billed(bench, seed):
    """Through windows, midnight, the end of summer time and a new version; one session after another."""
    shop = Shop(bench, seed)
    shown = [await shop.use(minutes) for minutes in (37, 190, 1, 400)]
    assert shown == await shop.billed()
    assert len({*shown}) == 4


async def test_a_roster_that_knows_of_a_session_takes_its_place_in_the_count(bench):
    shop = Shop(bench)
    await shop.use(100)
    bench.journal.acknowledge(bench.journal.next_seq - 1)
    known = {"free|laser/time||2026-10": "3/2", "gross|laser/EUR||2026-10": "29000000"}
    shop.tell(members={"ada": ada(positions=known)})
    shown = [await shop.use(60), await shop.use(60)]
    assert shown == await shop.billed(known, after=1)


async def test_a_roster_that_cannot_know_of_a_session_does_not_make_it_forgotten(bench):
    shop = Shop(bench)
    await shop.use(100)
    shop.tell(members={"ada": ada(positions=POSITIONS)})
    assert await shop.use(60) == (await shop.billed())[1]


async def test_the_end_of_a_session_is_priced_once_however_many_came_before(bench, monkeypatch):
    """Offline for weeks, a tap takes as long as on the first day."""
    shop = Shop(bench)
    for _ in range(20):
        await shop.use(1)
    calls: list[object] = []

    def counted(*told: object) -> object:
        calls.append(told)
        return price_visit(*told)  # type: ignore[arg-type]

    monkeypatch.setattr("gateway.prices.price_visit", counted)
    await bench.tap()
    await bench.tap()
    assert len(calls) == 1


async def test_a_restart_counts_again_what_the_server_lacks(bench):
    shop = Shop(bench)
    await shop.use(100)
    await bench.facts()
    again = Prices(bench.roster)
    assert recall(bench.journal, bench.roster, bench.credit, again) == []
    now = Mark(3_600_000, {Quantity.MACHINE_TIME_MS: 3_600_000})
    start = bench.clock.wall
    visit = Visit(
        "next",
        [Reading(start, {}), Reading(start + 3_600_000, now.counters)],
        "standard",
        "ada",
        "ada",
        "laser",
    )
    assert again.of(visit) == bench.prices.of(visit)
    assert Prices(bench.roster).of(visit) != bench.prices.of(visit)


async def test_a_member_who_leaves_the_roster_goes_on_at_the_price_that_they_had(bench):
    shop = Shop(bench)
    await bench.tap()
    await shop.work(60)
    before = bench.station.view.wire().price_micro
    shop.tell(members={"ada": None})
    assert bench.station.view.wire().price_micro == before


async def test_a_time_zone_that_is_not_known_here_breaks_nothing(bench):
    shop = Shop(bench)
    for name in ("Mars/Olympus", "", "../../etc/passwd", "x" * 400):
        shop.tell(timezone=name)
        assert "is not known here" in bench.roster.zone_problem
        assert bench.roster.zone is UTC
    await bench.tap()
    await shop.work(1)
    assert bench.station.view.wire().price_micro is not None
    shop.tell(timezone=BERLIN)
    assert bench.roster.zone_problem == ""


async def test_an_own_unit_is_limited_by_what_it_is_worth(bench):
    table = {
        "id": "laser",
        "name": "Laser",
        "valid_from": "2026-01-01",
        "commodity": "coins",
        "worth": {"amount": "0.10", "commodity": "EUR"},
        "components": [{"per": "machine_time", "unit": "min", "price": "2"}],
    }
    shop = Shop(bench)
    shop.tell(members={"ada": ada(spendable_micro=1_000_000)}, machines=[machine(table)], commodity="EUR")
    await bench.tap()
    await shop.work(4)
    price = bench.station.view.price(bench.clock.monotonic)
    assert (price.total_micro, price.money_micro) == (8_000_000, 800_000)
    assert not bench.station.state.spent
    await shop.work(1)
    assert bench.station.state.spent


@pytest.mark.parametrize(("currency", "limited"), [("EUR", False), ("", True), ("coins", True)])
async def test_an_own_unit_without_a_worth_is_not_limited_by_money(bench, currency, limited):
    table = {
        "id": "laser",
        "name": "Laser",
        "valid_from": "2026-01-01",
        "commodity": "coins",
        "components": [{"per": "machine_time", "unit": "min", "price": "2"}],
    }
    shop = Shop(bench)
    shop.tell(members={"ada": ada(spendable_micro=1_000_000)}, machines=[machine(table)], commodity=currency)
    await bench.tap()
    await shop.work(10)
    assert bench.station.state.spent is limited


def test_of_a_long_session_few_checkpoints_are_kept(tmp_path):
    """A session of a month has 89,280 checkpoints of thirty seconds."""
    hours = 3_600_000
    marks = Marks(0, lambda a, b: a // (12 * hours) != (b - 1) // (12 * hours))
    for n in range(1, 89_281):
        marks.add(Mark(n * 30_000, {}))
    assert len(marks._kept) <= 4 * 62
