"""What is for sale: materials and consumables with their prices and stock."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from booking_api.clock import make_id
from booking_api.happenings.service import happened
from booking_api.happenings.words import Happening
from booking_api.payments.models import SaleItem, StockChange
from floor.errors import Refused

RATE = re.compile(r"(0|1|0?\.[0-9]{1,6}|[0-9]{1,6}/[1-9][0-9]{0,5})")
PERCENT = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,4})?) ?%")


def read_rate(text: str) -> str:
    """Return a tax rate as an exact fraction: "0.19", "19 %" and "19/100" are the same. Raises ValueError."""
    percent = PERCENT.fullmatch(text.strip())
    if percent:
        return str(Fraction(percent[1]) / 100)
    if not RATE.fullmatch(text.strip()):
        raise ValueError(f"{text[:20]!r} is no tax rate; write it like 0.19 or 19 %")
    rate = Fraction(text.strip())
    if rate > 1:
        raise ValueError(f"{text[:20]!r} is more than the price itself; write it like 0.19 or 19 %")
    return str(rate)


MILLI_END = 1 << 50
Milli = Annotated[int, Field(ge=0, lt=MILLI_END, description="Thousandths of the item's unit.")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class ItemDetails(BaseModel):
    """An item. `price_micro` is for one unit, tax included; with `stock_milli` None it is not counted."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    id: Word
    name: Annotated[str, Field(min_length=1, max_length=100)]
    name_zh: Annotated[str, Field(max_length=100)] = ""
    unit: Annotated[str, Field(min_length=1, max_length=16)]
    price_micro: Annotated[int, Field(gt=0, lt=1 << 50)]
    tax_rate: Annotated[str, AfterValidator(read_rate)] = "0"
    stock_milli: Milli | None = None
    minimum_milli: Milli | None = None
    machine: Word | None = None
    pool: Word | None = None
    self_service: bool = True


class ItemChanges(BaseModel):
    """What to change of an item: only the fields that are given. Stock changes by a count or a delivery."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=100)] = ""
    name_zh: Annotated[str, Field(max_length=100)] = ""
    unit: Annotated[str, Field(min_length=1, max_length=16)] = ""
    price_micro: Annotated[int, Field(gt=0, lt=1 << 50)] = 1
    tax_rate: Annotated[str, AfterValidator(read_rate)] = "0"
    minimum_milli: Milli | None = None
    machine: Word | None = None
    pool: Word | None = None
    self_service: bool = True


def get(session: Session, id: str) -> SaleItem:
    """Return an item; raises Refused when there is none."""
    item = session.get(SaleItem, id)
    if item is None:
        raise Refused("item_not_found", "There is no such item.")
    return item


def listed(session: Session, *, archived: bool = False) -> list[SaleItem]:
    """Return the items for sale by name, with `archived` all that ever were."""
    query = select(SaleItem).order_by(col(SaleItem.name), col(SaleItem.id))
    if not archived:
        query = query.where(col(SaleItem.archived_ms).is_(None))
    return list(session.exec(query))


def low(session: Session) -> list[SaleItem]:
    """Return the items of which less is left than their minimum."""
    few = col(SaleItem.stock_milli) < col(SaleItem.minimum_milli)
    query = select(SaleItem).where(few, col(SaleItem.archived_ms).is_(None))
    return list(session.exec(query.order_by(col(SaleItem.name))))


def put(session: Session, details: ItemDetails, currency: str, author: str, now_ms: int) -> SaleItem:
    """Add an item, or change the one of this id to this; what was counted of a known one stays."""
    known = session.get(SaleItem, details.id)
    given = details.model_dump(exclude={"stock_milli"} if known and known.stock_milli is not None else set())
    if known is None:
        item = SaleItem(commodity=currency, created_ms=now_ms, **given)
    else:
        item = known
        item.sqlmodel_update(given | {"archived_ms": None})
    fresh = known is None or "stock_milli" in given
    session.add(item)
    session.flush()
    if fresh and item.stock_milli:
        _note(session, item, item.stock_milli, author, "first count", now_ms)
    return item


def change(session: Session, id: str, changes: ItemChanges) -> SaleItem:
    """Change what is known of an item; what was sold before stays as it was."""
    item = get(session, id)
    item.sqlmodel_update(changes.model_dump(exclude_unset=True))
    session.add(item)
    return item


def archive(session: Session, id: str, now_ms: int) -> SaleItem:
    """Take an item off the list."""
    item = get(session, id)
    item.archived_ms = now_ms
    session.add(item)
    return item


def count_stock(
    session: Session, id: str, left_milli: int, author: str, reason: str, now_ms: int
) -> SaleItem:
    """Take that so much is there now, in thousandths of the unit."""
    item = get(session, id)
    if left_milli < 0:
        raise Refused("count_malformed", "Write how much there is, like 12 or 0.5.")
    move(session, item, left_milli - (item.stock_milli or 0), author, reason or "count", now_ms, counted=True)
    return item


def deliver(session: Session, id: str, more_milli: int, author: str, reason: str, now_ms: int) -> SaleItem:
    """Take that so much came in, in thousandths of the unit."""
    item = get(session, id)
    if more_milli <= 0 or (item.stock_milli or 0) + more_milli >= MILLI_END:
        raise Refused("count_malformed", "Write how much there is, like 12 or 0.5.")
    move(session, item, more_milli, author, reason or "delivery", now_ms, counted=True)
    return item


def move(
    session: Session,
    item: SaleItem,
    change_milli: int,
    author: str,
    reason: str,
    now_ms: int,
    *,
    counted: bool = False,
) -> None:
    """Change an item's stock where it is counted; `counted` begins to count it."""
    session.refresh(item, with_for_update=True)  # of two who take the last, each sees what the other left
    if item.stock_milli is None and not counted:
        return
    before_milli = item.stock_milli
    item.stock_milli = (before_milli or 0) + change_milli
    session.add(item)
    session.flush()
    least_milli = item.minimum_milli or 0
    if item.stock_milli < least_milli and (before_milli is None or before_milli >= least_milli):
        left = f"{Decimal(item.stock_milli).scaleb(-3).normalize():f} {item.unit}"
        happened(session, Happening.PART_LOW, item.id, now_ms, name=item.name, left=left)
    _note(session, item, change_milli, author, reason, now_ms)


def history(session: Session, id: str, limit: int = 100) -> list[StockChange]:
    """Return why an item's stock changed, newest first."""
    query = select(StockChange).where(StockChange.item == id).order_by(col(StockChange.id).desc())
    return list(session.exec(query.limit(limit)))


def _note(session: Session, item: SaleItem, change_milli: int, author: str, reason: str, now_ms: int) -> None:
    session.add(
        StockChange(
            id=make_id(now_ms),
            item=item.id,
            at_ms=now_ms,
            change_milli=change_milli,
            left_milli=item.stock_milli or 0,
            author=author,
            reason=reason[:200],
        )
    )
