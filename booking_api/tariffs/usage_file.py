"""A usage file: what was used, by whom and when, in the order that `makerfloor quote` prices it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from booking_api.tariffs.source import at_line, parse
from floor.errors import ConfigError
from floor.meter import Quantity, Reading
from floor.money import round_fraction
from floor.reader import Table
from floor.tariff import Occasion, Tariff, Visit
from floor.tariff.calendar import instant, local
from floor.tariff.load import PER
from floor.tariff.model import units_of
from floor.tariff.reader import TariffAt

USAGE_KEYS = frozenset({"zone", "use"})
USE_KEYS = frozenset(
    {"id", "account", "member", "tier", "since", "machine", "tariff", "on", "start", "end", "used"}
    | {"counts", "readings", "coupon", "credit", "pack", "expect", "faulted"}
)
TEXT_MAX = 16_777_216
RESERVED = (Occasion.RESERVATION, Occasion.NO_SHOW, Occasion.LATE_CANCEL)


@dataclass(frozen=True, slots=True)
class Use:
    """A visit with the tariff versions that price it, and what the file expects it to cost (micro-units)."""

    visit: Visit
    versions: Sequence[Tariff]
    expect_micro: int | None


@dataclass(frozen=True, slots=True)
class UsageFile:
    """What a usage file says; times without an offset were read in `zone`."""

    zone: tzinfo
    uses: tuple[Use, ...]


def read_usage(text: str, file: str, tariffs: Mapping[str, Sequence[Tariff]]) -> UsageFile:
    """Read a usage file against tariffs by id; raises ConfigError with file, line, key and remedy."""
    table = parse(text, file, TEXT_MAX)
    try:
        at = TariffAt(file, "")
        at.only(table, USAGE_KEYS)
        zone = _zone(at, table)
        uses: list[Use] = []
        for n, row in enumerate(at.tables(table, "use"), 1):
            after_ms = uses[-1].visit.ended_ms if uses else None
            uses.append(_Row(TariffAt(file, f"use[{n}]."), row, n, zone, tariffs).use(after_ms))
        if not uses:
            raise at.error("use", "there is none", "Add a [[use]] table with what was used.")
    except ConfigError as error:
        raise at_line(error, text) from error
    return UsageFile(zone, tuple(uses))


def zone_of(text: str, file: str) -> tzinfo:
    """Return the clock that a usage file is written by; raises ConfigError."""
    return _zone(TariffAt(file, ""), parse(text, file, TEXT_MAX))


def _zone(at: TariffAt, table: Table) -> tzinfo:
    name = at.text(table, "zone") if "zone" in table else "UTC"
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise at.error("zone", f"is {name!r}", 'Write a zone such as zone = "Europe/Berlin".') from None


class _Row:
    """One [[use]] table."""

    def __init__(
        self, at: TariffAt, row: Table, n: int, zone: tzinfo, tariffs: Mapping[str, Sequence[Tariff]]
    ) -> None:
        at.only(row, USE_KEYS)
        self.at, self.row, self.n, self.zone = at, row, n, zone
        self.versions = self._versions(tariffs)

    def _versions(self, tariffs: Mapping[str, Sequence[Tariff]]) -> Sequence[Tariff]:
        if "tariff" not in self.row and len(tariffs) == 1:
            return next(iter(tariffs.values()))
        id = self.at.text(self.row, "tariff")
        if id not in tariffs:
            raise self.at.error("tariff", f"is {id!r}", f"Write one of: {', '.join(sorted(tariffs))}.")
        return tariffs[id]

    def text(self, key: str, default: str = "") -> str:
        return self.at.text(self.row, key) if key in self.row else default

    def use(self, after_ms: int | None) -> Use:
        """Read the row; without times it begins where the row before it ended, or when the tariff began."""
        on = self.at.choice(self.row, "on", Occasion, Occasion.SESSION)
        since = self.at.day(self.row["since"], "since") if "since" in self.row else None
        member = self.text("member")
        visit = Visit(
            id=self.text("id", f"{self.n:06}"),
            readings=self._readings(on, after_ms),
            tier=self.text("tier"),
            account=self.text("account", member or "account"),
            member=member,
            machine=self.text("machine"),
            on=on,
            counts=self._counts(),
            since=since,
            coupon=self.at.part(self.row, "coupon", 1, "0.2 is 20 % off") or Fraction(0),
            credit_micro=self.at.amount(self.row, "credit") or 0,
            pack=self.text("pack"),
            faulted=self.at.yes(self.row, "faulted", default=False),
        )
        if visit.started_ms < min(version.valid_from_ms for version in self.versions):
            problem = "lies before the tariff's valid_from"
            raise self.at.error("start", problem, "Write a later start, or add an earlier version.")
        self._check_pack(visit)
        return Use(visit, self.versions, self._expect())

    def _expect(self) -> int | None:
        """Read what the use should cost; less than 0 where it gives something back."""
        value = self.row.get("expect")
        if isinstance(value, int | Decimal) and value == value and value < 0:  # NaN is less than nothing
            back = self.at.amount({"expect": -value}, "expect")
            return None if back is None else -back
        return self.at.amount(self.row, "expect")

    def _check_pack(self, visit: Visit) -> None:
        sold = {pack.id for version in self.versions for pack in version.packs}
        if visit.on is Occasion.PACK and visit.pack not in sold:
            known = ", ".join(sorted(sold)) or "none is sold"
            raise self.at.error("pack", f"is {visit.pack!r}", f"Write a pack of the tariff ({known}).")

    def _readings(self, on: Occasion, after_ms: int | None) -> tuple[Reading, ...]:
        used = self._used(self.at, self.row, "used")
        start, end = self._instant(self.row, "start"), self._instant(self.row, "end")
        lasts = max(used.get(Quantity.MACHINE_TIME_MS, 0), used.get(Quantity.RESERVED_TIME_MS, 0))
        if start is None:
            first = min(version.valid_from_ms for version in self.versions)
            start = (first if after_ms is None else after_ms) if end is None else end - lasts
        elif end is not None:
            time = Quantity.RESERVED_TIME_MS if on in RESERVED else Quantity.MACHINE_TIME_MS
            used.setdefault(time, end - start)
        end = start + lasts if end is None else end
        if end < start:
            raise self.at.error("end", "lies before the start", "Swap start and end.")
        between = [self._reading(value, n, start, end) for n, value in enumerate(self._rows(), 1)]
        if any(one.at_ms > two.at_ms for one, two in pairwise(between)):
            raise self.at.error("readings", "run backwards in time", "Write them in order.")
        last = {**(between[-1].counters if between else {}), **used}
        return Reading(start, {}), *between, Reading(end, last)

    def _rows(self) -> list[Table]:
        return self.at.tables(self.row, "readings")

    def _reading(self, value: Table, n: int, start: int, end: int) -> Reading:
        at = self.at.below(f"readings[{n}]")
        moment = self._instant(value, "at", at)
        if moment is None or not start <= moment <= end:
            raise at.error("at", "is missing, or not in the use", "Write at = 2026-01-31T14:00:00.")
        counters = {key: amount for key, amount in value.items() if key != "at"}
        return Reading(moment, {Quantity.MACHINE_TIME_MS: moment - start} | self._amounts(at, counters))

    def _used(self, at: TariffAt, table: Table, key: str) -> dict[Quantity, int]:
        return self._amounts(at.below(key), at.table(table, key))

    def _amounts(self, at: TariffAt, table: Table) -> dict[Quantity, int]:
        """Read amounts such as `machine_time = "41 min"`, each to the nearest base unit."""
        found: dict[Quantity, int] = {}
        for per in table:
            if per not in PER:
                raise at.error(per, "is not metered", f"Use one of: {', '.join(sorted(PER))}.")
            quantity = PER[per]
            unit = next(iter(units_of(quantity)))
            amount = at.measure(table, per, quantity, unit)
            assert amount is not None, "the key is there"
            found[quantity] = round_fraction(amount * units_of(quantity)[unit])
        return found

    def _counts(self) -> dict[str, int]:
        table = self.at.table(self.row, "counts")
        known = {name: None for version in self.versions for name in version.counts}
        at = self.at.below("counts")
        at.only(table, frozenset(known))
        return {name: at.whole(table, name, 0, 0, 10**12) for name in table}

    def _instant(self, table: Table, key: str, at: TariffAt | None = None) -> int | None:
        """Read a time: on the space's clock, unless it has an offset of its own."""
        value: Any = table.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = None
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=self.zone)
        if not isinstance(value, datetime):
            raise (at or self.at).error(key, "is not a time", f"Write {key} = 2026-01-31T14:00:00.")
        return instant(value if value.tzinfo else value.replace(tzinfo=self.zone))


def shown(at_ms: int, zone: tzinfo) -> str:
    """Write an instant as the space's clock shows it, to the second."""
    return local(at_ms, zone).strftime("%Y-%m-%d %H:%M:%S")
