"""classes.toml: courses as an operator writes them, and the price list that each is charged by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from fractions import Fraction

from booking_api.certifications.skill_file import read_requires
from booking_api.memberships.days import begin_ms
from booking_api.tariffs.source import at_line, parse
from floor.costing.model import written
from floor.errors import ConfigError
from floor.money import MICRO, Commodity
from floor.reader import At, Table

FILE_KEYS = frozenset({"valid_from", "commodity", "decimals", "courses"})
COURSE_KEYS = frozenset(
    {"id", "name", "valid_from", "price", "tax", "tiers", "minutes", "capacity", "certifies", "valid_months"}
    | {"cancel_hours", "requires", "machines", "opens_machines", "offer_hours"}
)
TIER_KEYS = frozenset({"price", "fund"})


@dataclass(frozen=True, slots=True)
class CourseRead:
    """A course of a file; `price_list` is the text of its tariff."""

    id: str
    names: dict[str, str]
    minutes: int
    capacity: int
    certifies: tuple[str, ...]
    valid_months: int | None
    cancel_hours: int
    requires: object
    machines: tuple[str, ...]
    opens_machines: bool
    offer_hours: int
    price_list: str


def read_file(text: str, file: str, currency: Commodity, zone: tzinfo) -> list[CourseRead]:
    """Read classes.toml; raises ConfigError with file, line, key and remedy."""
    table = parse(text, file)
    try:
        return _courses(table, file, currency, zone)
    except ConfigError as error:
        raise at_line(error, text) from error


def _courses(table: Table, file: str, currency: Commodity, zone: tzinfo) -> list[CourseRead]:
    at = At(file, "")
    at.only(table, FILE_KEYS)
    code = at.text(table, "commodity") if "commodity" in table else currency.code
    commodity = Commodity(code, at.whole(table, "decimals", currency.exponent, 0, 6))
    found: list[CourseRead] = []
    for n, own in enumerate(at.tables(table, "courses"), 1):
        below = At(file, f"courses[{n}].")
        below.only(own, COURSE_KEYS)
        course = _course({"valid_from": table.get("valid_from"), **own}, below, commodity, zone)
        if any(course.id == other.id for other in found):
            raise below.error("id", f"is {course.id!r}, as another's is", "Give each course its own id.")
        found.append(course)
    if not found:
        raise at.error("courses", "there is none", "Add a [[courses]] table with id, name and price.")
    return found


def _course(table: Table, at: At, commodity: Commodity, zone: tzinfo) -> CourseRead:
    id = at.text(table, "id")
    if len(id) > 40 or not id.replace("-", "").replace("_", "").isalnum() or not id.isascii():
        raise at.error("id", f"is {id[:60]!r}", "Write at most 40 letters, digits and hyphens.")
    return CourseRead(
        id=id,
        names=at.names(table),
        minutes=at.whole(table, "minutes", 120, 1, 10_000),
        capacity=at.whole(table, "capacity", 8, 1, 1_000),
        certifies=tuple(sorted(at.texts(table, "certifies"))),
        valid_months=at.whole(table, "valid_months", 12, 1, 120) if "valid_months" in table else None,
        cancel_hours=at.whole(table, "cancel_hours", 24, 0, 8_760),
        requires=read_requires(at, table),
        machines=tuple(sorted(at.texts(table, "machines"))),
        opens_machines=at.yes(table, "opens_machines", default=False),
        offer_hours=at.whole(table, "offer_hours", 24, 1, 720),
        price_list=_price_list(id, at, table, commodity, zone),
    )


def _price_list(id: str, at: At, table: Table, commodity: Commodity, zone: tzinfo) -> str:
    """Write the tariff of a course: one price a place, and tiers' own with the funds that pay the rest."""
    begin = datetime.fromtimestamp(begin_ms(at.day(table.get("valid_from"), "valid_from"), zone) // 1000, UTC)
    price, tax = at.price(table, "price"), at.part(table, "tax", 1, "0.19 is 19 %")
    name = next(iter(at.names(table).values()))
    text = (
        f'id = "class.{id}"\nname = {json.dumps(name, ensure_ascii=False)}\n'
        f"commodity = {json.dumps(commodity.code)}\ndecimals = {commodity.exponent}\n"
        f"valid_from = {begin.isoformat()}\n"
    )
    own = []
    for tier, value in at.table(table, "tiers").items():
        below = at.below(f"tiers.{tier}")
        if not isinstance(value, Mapping):
            raise at.error(f"tiers.{tier}", "is not a table", f"Write tiers.{tier} = {{ price = 50 }}.")
        below.only(value, TIER_KEYS)
        fund = f"fund = {json.dumps(below.text(value, 'fund'))}\n" if "fund" in value else ""
        text += f"\n[tiers.{json.dumps(tier)}]\n{fund}"
        own.append(f'{json.dumps(tier)} = "{_amount(below.price(value, "price"))}"')
    text += f'\n[[components]]\nid = "place"\non = "class"\nper = "flat"\nprice = "{_amount(price)}"\n'
    text += f"tiers = {{ {', '.join(own)} }}\n" if own else ""
    return text + (f'\n[tax]\nrate = "{written(tax)}"\n' if tax is not None else "")


def _amount(micro: int) -> str:
    return written(Fraction(micro, MICRO))
