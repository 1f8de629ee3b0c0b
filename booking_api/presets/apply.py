"""A folder of plain files becomes a space: `makerfloor apply DIR`. Again, it changes what the files changed.

Nothing is ever deleted: what no file names any more stays, and is taken away by hand. Tariffs, plans and cost
files are versions: what has been said once stays, and a change needs a later `valid_from`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, select

from booking_api.certifications import skills
from booking_api.costing import versions as costs
from booking_api.costing.models import CostVersion
from booking_api.courses import classes
from booking_api.maintenance import plans as maintenance
from booking_api.memberships import plans
from booking_api.payments import items as sales
from booking_api.payments import price_list
from booking_api.payments.models import SaleItem
from booking_api.presets import tables
from booking_api.reservations import policies
from booking_api.tariffs import service as tariffs
from booking_api.tariffs.models import TariffVersion
from floor.errors import ConfigError, Refused
from floor.money import Commodity

ADDED, CHANGED, SAME = "added", "changed", "as it was"


@dataclass(frozen=True, slots=True)
class Step:
    """What a file said, and what came of it: `what` is "added", "changed" or "as it was"."""

    kind: str
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Work:
    """With what a folder is applied: the space's currency, who does it, when (UTC milliseconds)."""

    session: Session
    currency: Commodity
    author: str
    now_ms: int


Reader = Callable[[Work, str, str], Iterator[Step]]
"""Reads one file (its text, its name) and yields what it did."""


def apply(work: Work, folder: Path) -> list[Step]:
    """Bring a space to what a folder's files say; the caller's transaction keeps it, or nothing of it.

    Raises ConfigError with the file, where one is wrong or asks for what cannot be.
    """
    steps: list[Step] = []
    found = False
    for pattern, reader in READERS:
        for path in sorted(folder.glob(pattern)):
            found = True
            steps += _apply(work, path, reader)
            work.session.flush()
    if not found:
        names = ", ".join(pattern for pattern, _ in READERS)
        raise ConfigError(
            str(folder), "", "has none of the files that are applied", f"Write some of: {names}."
        )
    return steps


def _apply(work: Work, path: Path, reader: Reader) -> list[Step]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"cannot be read ({error})", "Save it as UTF-8 text.") from error
    try:
        return list(reader(work, text, str(path)))
    except Refused as refused:
        problem = refused.sentence.rstrip(".")
        raise ConfigError(str(path), "", problem, "Correct the file; nothing was kept.") from refused


def _tariff(work: Work, text: str, file: str) -> Iterator[Step]:
    before = set(work.session.exec(select(TariffVersion.id)))
    version = tariffs.add(work.session, text, work.author, work.now_ms, file)
    yield Step("tariff", version.tariff, SAME if version.id in before else ADDED)


def _plans(work: Work, text: str, file: str) -> Iterator[Step]:
    for added in plans.add_file(work.session, text, file, work.currency, work.author, work.now_ms):
        yield Step("plan", added.plan.id, ADDED if added.is_new else SAME)


def _skills(work: Work, text: str, file: str) -> Iterator[Step]:
    for skill, what in skills.put_file(work.session, text, file, work.now_ms):
        yield Step("skill", skill.id, what)


def _maintenance(work: Work, text: str, file: str) -> Iterator[Step]:
    for plan, what in maintenance.put_file(work.session, text, file, work.now_ms):
        yield Step("maintenance", plan.id, what)


def _classes(work: Work, text: str, file: str) -> Iterator[Step]:
    for course, what in classes.put_file(work.session, text, file, work.currency, work.author, work.now_ms):
        yield Step("course", course.id, what)


def _costs(work: Work, text: str, file: str) -> Iterator[Step]:
    before = set(work.session.exec(select(CostVersion.n)))
    version = costs.add(work.session, text, work.author, work.now_ms, file)
    yield Step("costs", f"from {version.valid_from}", SAME if version.n in before else ADDED)


def _reservations(work: Work, text: str, file: str) -> Iterator[Step]:
    before = policies.in_force(work.session, work.now_ms)
    version = policies.put(work.session, text, work.author, work.now_ms, file=file)
    is_same = before is not None and before.id == version.id
    yield Step("reservations", "rules", ADDED if before is None else SAME if is_same else CHANGED)


def _items(work: Work, text: str, file: str) -> Iterator[Step]:
    for details in price_list.read(text, file):
        known = work.session.get(SaleItem, details.id)
        before = known.model_dump() if known else None
        after = sales.put(work.session, details, work.currency.code, work.author, work.now_ms).model_dump()
        yield Step("item", details.id, ADDED if before is None else SAME if before == after else CHANGED)


def _table(kind: str, put: tables.Put) -> Reader:
    def read(work: Work, text: str, file: str) -> Iterator[Step]:
        for name, before, after in tables.put_all(work.session, put, text, file, work.now_ms):
            yield Step(kind, name, ADDED if before is None else SAME if before == after else CHANGED)

    return read


READERS: tuple[tuple[str, Reader], ...] = (
    ("tariffs/*.toml", _tariff),
    ("training.toml", _skills),
    ("machines.toml", _table("machine", tables.MACHINES)),
    ("funds.toml", _table("fund", tables.FUNDS)),
    ("teams.toml", _table("team", tables.TEAMS)),
    ("plans.toml", _plans),
    ("classes.toml", _classes),
    ("items.toml", _items),
    ("costs/*.toml", _costs),
    ("reservations.toml", _reservations),
    ("maintenance.toml", _maintenance),
)
"""Which files are applied, in this order: each names only what stands before it."""
