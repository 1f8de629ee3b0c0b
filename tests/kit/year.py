"""A year of a large floor in the floor of tests: for figures of pages, and to look at them full.

Rows are made by bulk inserts as settling each use would have left them, except that the ledger's chain is not
sealed: nothing here is for a test of sums.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, insert, text
from sqlmodel import SQLModel

from booking_api.accounts.models import Account
from booking_api.billing.models import Charge
from booking_api.certifications.models import Certification, Skill
from booking_api.documents.content import Content, Item, Party, sha256
from booking_api.documents.models import Invoice, InvoiceItem, InvoiceKind
from booking_api.gateways.models import Gateway
from booking_api.ledger.models import ChargeLine, LedgerEntry, LedgerPosting
from booking_api.machines.models import Machine
from booking_api.members.models import Member
from booking_api.members.names import search_key, sort_key
from booking_api.reservations.models import Reserved
from booking_api.sessions.models import MachineSession, Refusal
from tests.kit.web import NOW_MS, WebFloor

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BEGIN_MS = NOW_MS - 365 * DAY_MS
ISSUED_MS = NOW_MS - 30 * DAY_MS
CHUNK = 5_000
KINDS = {
    "printer": ("3D printer", 9),
    "laser": ("Laser cutter", 4),
    "cnc": ("CNC router", 3),
    "saw": ("Saw", 4),
}
"""What machines are called, and how many of twenty are of the kind."""
FIRST = ("Alder", "Birch", "Cedar", "Dahlia", "Elm", "Fern", "Ginkgo", "Hazel", "Iris", "桂花", "小梅", "松")
LAST = ("Agate", "Basalt", "Chalk", "Emery", "Flint", "Garnet", "Jasper", "Kaolin", "Marl", "王", "李", "陈")
HOURS = (0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 5, 5, 4, 5, 6, 6, 7, 9, 10, 9, 7, 4, 2, 1)
"""How much is used in each hour of a day, on the scale of the busiest: 10."""
DAYS = (6, 7, 8, 7, 6, 10, 5)
HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Size:
    """How large the floor is."""

    machines: int = 200
    members: int = 5_000
    sessions: int = 500_000
    reservations: int = 40_000
    refusals: int = 30_000


class Use(NamedTuple):
    """One session: its number, who used which machine, until when and for how long, and its price."""

    n: int
    member: str
    machine: str
    ended_ms: int
    length_ms: int

    @property
    def id(self) -> str:
        return f"year-{self.n}"

    @property
    def month(self) -> str:
        return f"{datetime.fromtimestamp(self.ended_ms / 1000, UTC):%Y-%m}"

    @property
    def price_micro(self) -> int:
        return -(-self.length_ms // 600_000) * 2_000_000


def fill(floor: WebFloor, size: Size, seed: int = 7) -> None:
    """Make the year before NOW_MS; who is in `floor.people` uses machines more than others do."""
    with floor.context.database.engine.begin() as connection:
        made = Year(connection, floor, size, random.Random(seed))
        made.machines()
        made.members()
        made.sessions()
        made.reservations()
        made.refusals()
        made.payments()
        made.balances()
        connection.execute(text("ANALYZE"))


def _content(n: int, account: str, micro: int) -> Content:
    item = Item(at_ms=ISSUED_MS, what="Machines", full_micro=micro, amount_micro=micro, commodity="EUR")
    return Content(
        kind=InvoiceKind.INVOICE,
        number=f"Y{n}",
        account=account,
        language="en",
        timezone="Europe/Dublin",
        month="2026-04",
        commodity="EUR",
        issued_ms=ISSUED_MS,
        due_ms=ISSUED_MS + 14 * DAY_MS,
        seller=Party(name="Kelp Street e.V."),
        recipient=Party(name=account),
        items=(item,),
        total_micro=micro,
        due_micro=micro,
    )


class Year:
    """The rows of one year, in the order in which their keys need each other."""

    def __init__(self, connection: Connection, floor: WebFloor, size: Size, chance: random.Random) -> None:
        self._connection, self._size, self._chance = connection, size, chance
        self._named = [*floor.people.values()]
        self._others = [f"member-{n:05}" for n in range(size.members - len(self._named))]
        self._members = [*self._named, *self._others]
        kinds = [kind for kind, (_, share) in KINDS.items() for _ in range(share)]
        self._kinds = {f"{kinds[n % 20]}-y{n:03}": kinds[n % 20] for n in range(size.machines)}
        self._machines = [*self._kinds]
        self._tariff = self._one("SELECT MIN(id) FROM tariff_version WHERE tariff = 'laser'")
        self._open = f"{datetime.fromtimestamp(NOW_MS / 1000, UTC):%Y-%m}"

    def machines(self) -> None:
        """Gateways of 16 machines each, and a skill for each kind."""
        sealed = self._one("SELECT badge_key_sealed FROM gateway")
        halls = [f"hall-{n:02}" for n in range((self._size.machines + 15) // 16)]
        names = "name broker_username broker_password_sealed badge_key_sealed enrolled_ms"
        self._put(Gateway, names, ((hall, hall, "", sealed, BEGIN_MS) for hall in halls))
        names = (
            "id names unused_days hours practice_hours practice_days lasting instructors at_machine warn_days"
        )
        skills = (
            (f"use-{kind}", {"en": word}, 0, 0, 0, 0, False, [], True, 30)
            for kind, (word, _) in KINDS.items()
        )
        self._put(Skill, f"{names} updated_ms", ((*skill, BEGIN_MS) for skill in skills))
        names = "id name kind gateway location policy tariff requires_certification requires"
        self._put(Machine, names, (
            (id, f"{KINDS[kind][0]} {n + 1}", kind, halls[n // 16], f"Hall {n // 40 + 1}", {}, "laser", True,
             f"use-{kind}")
            for n, (id, kind) in enumerate(self._kinds.items())
        ))  # fmt: skip

    def members(self) -> None:
        """Members with an account each, and what two kinds of machines they may use."""
        pick = self._chance.choice
        people = [(id, pick(FIRST), pick(LAST), str(1000 + n)) for n, id in enumerate(self._others)]
        accounts = ((id, "member", f"{one} {two}", BEGIN_MS) for id, one, two, _ in people)
        self._put(Account, "id kind name created_ms", accounts)
        names = (
            "id account number first_name last_name shown_name email tier language role created_ms sort"
            " search"
        )
        self._put(Member, names, (
            (id, id, number, one, two, one, f"{number}@kelp.test", "member", "en", "member", BEGIN_MS,
             sort_key(two, one), search_key(one, two, one, number, f"{number}@kelp.test"))
            for id, one, two, number in people
        ))  # fmt: skip
        self._put(Certification, "member skill granted_by granted_ms", (
            (member, f"use-{kind}", self._named[0], BEGIN_MS)
            for member in self._members for kind in self._chance.sample([*KINDS], 2)
        ))  # fmt: skip

    def sessions(self) -> None:
        """Sessions with a charge each; those of former months stand on an invoice of their account's."""
        every = list(self._uses())
        self._invoices(every)
        uses = iter(every)
        while chunk := list(islice(uses, CHUNK)):
            self._sessions(chunk)
            self._entries(chunk)
            self._charges(chunk)
            self._put(InvoiceItem, "entry account commodity invoice amount_micro", (
                (use.id, use.member, "EUR", f"old-{use.member}", use.price_micro)
                for use in chunk if use.month != self._open
            ))  # fmt: skip

    def _invoices(self, uses: list[Use]) -> None:
        """One for each member, of all that they used in former months."""
        sums = Counter[str]()
        for use in uses:
            sums[use.member] += use.price_micro if use.month != self._open else 0
        names = (
            "id number series year n kind account month commodity net_micro tax_micro total_micro due_micro"
        )
        made = ((n, member, sums[member], _content(n, member, sums[member]).frozen())
                for n, member in enumerate(self._members))  # fmt: skip
        self._put(Invoice, f"{names} issued_ms due_ms content sha256 author", (
            (f"old-{member}", f"Y{n}", "Y", 2026, n, "invoice", member, "2026-04", "EUR", micro, 0, micro,
             micro, ISSUED_MS, ISSUED_MS + 14 * DAY_MS, content, sha256(content), "year")
            for n, member, micro, content in made
        ))  # fmt: skip

    def _instant(self) -> int:
        """Return an instant of the year, as machines are used: in the evening and on Saturdays more."""
        chance = self._chance
        while True:
            day, hour = chance.randrange(365), chance.choices(range(24), HOURS)[0]
            if chance.random() * 10 < DAYS[day % 7]:
                return BEGIN_MS + day * DAY_MS + hour * HOUR_MS + chance.randrange(HOUR_MS)

    def _uses(self) -> Iterator[Use]:
        chance = self._chance
        for n, ended_ms in enumerate(sorted(self._instant() for _ in range(self._size.sessions)), 1):
            member = chance.choice(self._named if n % 250 == 0 else self._members)
            length_ms = min(round(chance.lognormvariate(7.6, 0.8)) * 1000, 8 * HOUR_MS)
            yield Use(n, member, chance.choice(self._machines), ended_ms, length_ms)

    def _sessions(self, uses: list[Use]) -> None:
        names = (
            "id gateway machine member account tier badge boot_id state exception started_ms"
            " start_monotonic_ms ended_ms received_ms elapsed_ms stop_type words counters late_journal"
            " tariff_version commodity total_micro"
        )
        self._put(MachineSession, names, (
            (use.id, "hall-00", use.machine, use.member, use.member, "member", "b", "", "priced", "",
             use.ended_ms - use.length_ms, 0, use.ended_ms, use.ended_ms, use.length_ms, "tap_out", "",
             {"machine_time_ms": use.length_ms, "energy_mwh": use.length_ms // 20}, False, self._tariff,
             "EUR", use.price_micro)
            for use in uses
        ))  # fmt: skip

    def _entries(self, uses: list[Use]) -> None:
        names = "id book seq kind source occurred_ms posted_ms author memo detail previous hash"
        self._put(LedgerEntry, names, (
            (use.id, "main", use.n + 10_000, "charge", use.id, use.ended_ms, use.ended_ms, "year", "", "",
             HASH, HASH)
            for use in uses
        ))  # fmt: skip
        sides = (
            (use.id, n, account, "EUR", sign * use.price_micro)
            for use in uses
            for n, account, sign in (
                (1, f"assets:member:{use.member}", 1),
                (2, f"income:machine:{use.machine}", -1),
            )
        )
        self._put(LedgerPosting, "entry n account commodity amount_micro", sides)

    def _charges(self, uses: list[Use]) -> None:
        names = (
            "id entry session occasion account member machine month period ended_ms tariff_version tier"
            " commodity gross_micro taxes nets rounding_micro total_micro funds unfunded priced_ms"
        )
        self._put(Charge, names, (
            (use.id, use.id, use.id, "session", use.member, use.member, use.machine, use.month, use.month,
             use.ended_ms, self._tariff, "member", "EUR", use.price_micro, {}, {}, 0,
             use.price_micro, {}, {}, use.ended_ms)
            for use in uses
        ))  # fmt: skip
        names = (
            "charge n session tariff_version tier component unit window metered billed price_micro"
            " amount_micro bound"
        )
        self._put(ChargeLine, names, (
            (use.id, 1, use.id, self._tariff, "member", "machine_time", "min", "", 
             str(use.length_ms // 60_000), str(use.length_ms // 60_000), "200000", use.price_micro, "")
            for use in uses
        ))  # fmt: skip

    def reservations(self) -> None:
        """Reservations of the year and of the week to come, one a machine and hour."""
        chance, slots = self._chance, set[tuple[str, int]]()
        while len(slots) < self._size.reservations:
            slots.add((chance.choice(self._machines), chance.randrange(-364 * 24, 7 * 24)))
        names = (
            "id machine member kind tier words begins_ms ends_ms blocks_from_ms blocks_to_ms standing"
            " made_ms made_by begun_ms changed_ms closed_ms excused reason"
        )
        self._put(Reserved, names, (
            (f"slot-{n}", machine, chance.choice(self._members), "use", "member", "", at_ms,
             at_ms + HOUR_MS, at_ms, at_ms + HOUR_MS, "ended" if hour < 0 else "booked",
             at_ms - 2 * DAY_MS, self._named[0], at_ms if hour < 0 else 0, at_ms - 2 * DAY_MS,
             at_ms + HOUR_MS if hour < 0 else None, False, "")
            for n, (machine, hour) in enumerate(sorted(slots)) for at_ms in (NOW_MS + hour * HOUR_MS,)
        ))  # fmt: skip

    def refusals(self) -> None:
        """Taps that were refused."""
        pick = self._chance.choice
        reasons = ("not_certified", "in_use", "unknown_badge", "reserved")
        self._put(Refusal, "gateway epoch seq machine badge member reason at_ms", (
            ("hall-00", 9, n, pick(self._machines), "b", pick(self._members), pick(reasons), self._instant())
            for n in range(self._size.refusals)
        ))  # fmt: skip

    def payments(self) -> None:
        """What nineteen of twenty accounts paid: all but their last month."""
        owed = "SELECT p.account, SUM(p.amount_micro) FROM ledger_posting p"
        owed += " JOIN ledger_entry e ON e.id = p.entry"
        which = f"WHERE p.account LIKE 'assets:member:%' AND e.occurred_ms < {NOW_MS - 30 * DAY_MS}"
        rows = self._connection.execute(text(f"{owed} {which} GROUP BY p.account ORDER BY p.account")).all()
        paid = [(n, account, micro) for n, (account, micro) in enumerate(rows, 1) if n % 20]
        first = self._size.sessions + 20_000
        names = "id book seq kind source occurred_ms posted_ms author memo detail previous hash"
        self._put(LedgerEntry, names, (
            (f"paid-{n}", "main", first + n, "payment", f"paid-{n}", NOW_MS - DAY_MS, NOW_MS - DAY_MS, "year",
             "", "", HASH, HASH)
            for n, _, _ in paid
        ))  # fmt: skip
        sides = (
            (f"paid-{n}", side, of, "EUR", sign * micro)
            for n, account, micro in paid
            for side, of, sign in ((1, "assets:bank", 1), (2, account, -1))
        )
        self._put(LedgerPosting, "entry n account commodity amount_micro", sides)

    def balances(self) -> None:
        """The cached balances, from the postings; the book goes on behind the last entry."""
        self._connection.execute(text("UPDATE book SET seq = (SELECT MAX(seq) FROM ledger_entry)"))
        self._connection.execute(text("DELETE FROM account_balance"))
        sums = "SELECT account, commodity, SUM(amount_micro) FROM ledger_posting GROUP BY account, commodity"
        into = "INSERT INTO account_balance (account, commodity, amount_micro)"
        self._connection.execute(text(f"{into} {sums}"))
        self._connection.execute(text("DELETE FROM invoice_waiting"))
        waits = "SELECT c.account, 'EUR', c.month, COUNT(*), SUM(c.total_micro) FROM charge c"
        waits += " LEFT JOIN invoice_item i ON i.entry = c.entry WHERE i.entry IS NULL"
        into = "INSERT INTO invoice_waiting (account, commodity, month, entries, amount_micro)"
        self._connection.execute(text(f"{into} {waits} GROUP BY c.account, c.month"))

    def _one(self, query: str) -> Any:
        return self._connection.execute(text(query)).scalar_one()

    def _put(self, model: type[SQLModel], names: str, rows: Iterable[tuple[Any, ...]]) -> None:
        table: Table = model.__table__  # type: ignore[attr-defined] # SQLModel declares it for tables only
        columns, left = names.split(), iter(rows)
        while chunk := [dict(zip(columns, row, strict=True)) for row in islice(left, CHUNK)]:
            self._connection.execute(insert(table), chunk)
