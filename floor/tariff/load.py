"""A tariff's TOML, already read into a table, becomes a Tariff; every error names file, key and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from fractions import Fraction

from floor.money import Commodity, RoundingMode
from floor.reader import Table
from floor.tariff.load_components import COMPONENT_KEYS, PER, component, taken_words
from floor.tariff.load_rules import adjustment, cap, pack, tax, window
from floor.tariff.model import BillAt, Component, Pack, Rounding, RoundWhere, Tariff, Tier, Worth
from floor.tariff.reader import TariffAt

__all__ = ["COMPONENT_KEYS", "PER", "TARIFF_KEYS", "TIER_KEYS", "load"]

TARIFF_KEYS = frozenset(
    {"id", "name", "commodity", "decimals", "valid_from", "minimum", "maximum", "tiers", "rounding"}
    | {"components", "bill_at", "counts", "windows", "caps", "adjustments", "packs", "tax", "worth"}
)
TIER_KEYS = frozenset({"multiplier", "fund"})


def load(table: Table, file: str, zone: tzinfo = UTC) -> Tariff:
    """Build a tariff; raises ConfigError with the file, the key, what is wrong and what would be right.

    `zone` is the clock of a `valid_from` that says none.
    """
    at = TariffAt(file, "")
    at.only(table, TARIFF_KEYS)
    commodity = Commodity(at.text(table, "commodity"), at.whole(table, "decimals", 2, 0, 6))
    tiers = {name: _tier(name, value, file) for name, value in at.table(table, "tiers").items()}
    counts = _counts(at, table)
    windows = tuple(window(value, n, file) for n, value in enumerate(at.tables(table, "windows"), 1))
    _unique(at, "windows", [one.id for one in windows])
    names = {one.id: one for one in windows}
    components = tuple(
        component(value, n, file, tiers, counts, names)
        for n, value in enumerate(at.tables(table, "components"), 1)
    )
    adjustments = tuple(
        adjustment(value, n, file, tiers) for n, value in enumerate(at.tables(table, "adjustments"), 1)
    )
    _unique(at, "components", [one.id for one in components])
    _unique(at, "adjustments", [one.id for one in adjustments])
    if not components:
        raise at.error("components", "there is none", "Add a [[components]] table with a price.")
    low, high = at.bounds(table)
    return Tariff(
        id=at.text(table, "id"),
        name=at.text(table, "name"),
        commodity=commodity,
        components=components,
        tiers=tiers,
        valid_from_ms=at.instant(table, "valid_from", zone),
        minimum_micro=low,
        maximum_micro=high,
        rounding=_rounding(at.table(table, "rounding"), commodity, file),
        bill_at=at.choice(table, "bill_at", BillAt, BillAt.SPLIT),
        counts=counts,
        windows=windows,
        caps=tuple(cap(value, n, file) for n, value in enumerate(at.tables(table, "caps"), 1)),
        adjustments=adjustments,
        packs=_packs(at, table, components),
        tax=tax(at.table(table, "tax"), file) if "tax" in table else None,
        worth=_worth(at.table(table, "worth"), file) if "worth" in table else None,
    )


def _unique(at: TariffAt, key: str, ids: list[str]) -> None:
    for id in ids:
        if ids.count(id) > 1:
            raise at.error(f"{key}.id", f"two {key} are called {id!r}", "Give each its own id.")


def _packs(at: TariffAt, table: Table, components: tuple[Component, ...]) -> tuple[Pack, ...]:
    found = tuple(pack(value, n, at.file, components) for n, value in enumerate(at.tables(table, "packs"), 1))
    _unique(at, "packs", [one.id for one in found])
    return found


def _counts(at: TariffAt, table: Table) -> frozenset[str]:
    counts = at.texts(table, "counts")
    for name in sorted(counts):
        if name in taken_words() or " " in name:
            raise at.error("counts", f"{name!r} is taken or has a space", "Give it another word.")
    return counts


def _tier(name: str, value: object, file: str) -> Tier:
    at = TariffAt(file, f"tiers.{name}.")
    if not isinstance(value, Mapping):
        raise TariffAt(file, "tiers.").error(name, "is not a table", f"Write [tiers.{name}].")
    at.only(value, TIER_KEYS)
    multiplier = at.part(value, "multiplier", 10, "0.5 is half price")
    fund = at.text(value, "fund") if "fund" in value else ""
    return Tier(name, Fraction(1) if multiplier is None else multiplier, fund)


def _rounding(table: Table, commodity: Commodity, file: str) -> Rounding:
    at = TariffAt(file, "rounding.")
    at.only(table, frozenset({"unit", "mode", "where"}))
    unit = at.amount(table, "unit")
    if unit == 0:
        raise at.error("unit", "is 0", "Write the smallest amount on a bill, such as 0.01.")
    mode = at.choice(table, "mode", RoundingMode, RoundingMode.HALF_UP)
    where = at.choice(table, "where", RoundWhere, RoundWhere.SESSION)
    return Rounding(unit or commodity.minor_micro, mode, where)


def _worth(table: Table, file: str) -> Worth:
    at = TariffAt(file, "worth.")
    at.only(table, frozenset({"amount", "commodity"}))
    return Worth(at.price(table, "amount"), at.text(table, "commodity"))
