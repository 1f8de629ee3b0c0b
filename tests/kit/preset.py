"""A space set up from a preset, and a month in it: people, use as a gateway records it, the bills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from booking_api import doctor
from booking_api.accounts import teams
from booking_api.accounts.models import Account, TeamRole
from booking_api.courses import attendance, classes
from booking_api.courses.classes import ClassDetails
from booking_api.db import Database
from booking_api.documents import service as documents
from booking_api.documents.content import Content
from booking_api.documents.content import read as read_invoice
from booking_api.documents.statements import statement_paper
from booking_api.gateways import enrol
from booking_api.ledger import service as ledger
from booking_api.ledger.accounts import fund_account, member_account
from booking_api.machines import service as machines
from booking_api.machines.service import MachineChanges
from booking_api.members import service as members
from booking_api.memberships import billing, service
from booking_api.memberships.service import By, Wish
from booking_api.metering.ingest import ingest
from booking_api.periods import service as periods
from booking_api.periods.statement import CloseStated, PoolStated
from booking_api.presets import library
from booking_api.presets.apply import Work, apply
from booking_api.settings import FILE, Settings, read_settings
from booking_api.start import open_database
from booking_api.vault import open_vault
from booking_api.web.formats import Formats
from floor.ids import uuid7
from floor.meter import Quantity
from floor.money import MICRO
from floor.wire.journal import Fact, SessionEnded, SessionStarted
from floor.words import StopType
from tests.kit.engine import setting
from tests.kit.server import Writer

GATEWAY = "gw"
MONTH = "2026-10"
SET_UP = "2026-09-20T09:00"
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Use:
    """A session: who, on what, when (on the space's clock), how long; counters in base units."""

    member: str
    machine: str
    begin: str
    minutes: int
    account: str = ""
    counters: dict[str, int] = field(default_factory=dict)


class Space:
    """A space of a preset. Money goes in and out as Decimal, in the space's currency."""

    def __init__(self, name: str, folder: Path, zone: str = "") -> None:
        preset = library.read(name)
        library.write(name, folder)
        lines = f'name = "{preset.space}"\ntimezone = "{zone or preset.timezone}"\n'
        more = f'language = "{preset.language}"\ncurrency = "{preset.currency}"\n'
        (folder / FILE).write_text(f"[space]\n{lines}{more}{setting(folder)}")
        self.folder = folder
        self.settings: Settings = read_settings(folder / FILE, {})
        self.zone = ZoneInfo(self.settings.timezone)
        self.db: Database = open_database(self.settings, migrate=True)
        with self.db.write() as session:
            work = Work(session, self.settings.currency, "test", self.at(SET_UP))
            self.steps = apply(work, folder)
            enrol.enrol(session, open_vault(self.settings.data), GATEWAY, self.at(SET_UP))
            for machine in machines.listed(session):
                machines.change(session, machine.id, MachineChanges(gateway=GATEWAY), self.at(SET_UP))

    def at(self, moment: str) -> int:
        """An instant of the space's clock, UTC milliseconds."""
        return round(datetime.fromisoformat(moment).replace(tzinfo=self.zone).timestamp() * 1000)

    def person(self, name: str, tier: str = "guest") -> str:
        with self.db.write() as session:
            details = members.MemberDetails(
                first_name=name, last_name="Test", tier=tier, language=self.settings.language
            )
            return members.add(session, details, self.at(SET_UP)).id

    def team(self, id: str, owner: str, *people: str) -> str:
        with self.db.write() as session:
            if session.get(Account, id) is None:
                teams.add(session, teams.TeamDetails(id=id, name=id.title()), self.at(SET_UP), owner)
            else:
                role = teams.PersonDetails(role=TeamRole.OWNER)
                teams.put_person(session, id, owner, role, self.at(SET_UP))
            for person in people:
                teams.put_person(session, id, person, teams.PersonDetails(), self.at(SET_UP))
        return id

    def join(self, member: str, plan: str, day: str, **wish: object) -> str:
        with self.db.write() as session:
            by = By("staff", self.at(f"{day}T08:00"))
            return service.join(session, member, Wish.model_validate({"plan": plan} | wish), by).id

    def attend(self, course: str, instructor: str, begin: str, *people: str) -> None:
        """Let people sign up for a class two days before, and come."""
        with self.db.write() as session:
            now_ms = self.at(begin) - 2 * 86_400_000
            details = ClassDetails(course=course, instructor=instructor, starts_ms=self.at(begin))
            planned = classes.plan(session, details, now_ms)
            for person in people:
                classes.sign_up(session, planned.id, person, "test", now_ms)
                attendance.attend(session, planned.id, person, self.at(begin) + 1)

    def tier(self, member: str) -> str:
        with self.db.read() as session:
            return members.get(session, member).tier

    def use(self, uses: Sequence[Use], now: str = "2026-10-31T23:00") -> None:
        """Let the gateway record sessions, in the order in which they began, and send its journal."""
        facts: list[tuple[int, Fact]] = []
        for n, one in enumerate(uses):
            begin_ms, elapsed_ms = self.at(one.begin), one.minutes * MINUTE_MS
            id = uuid7(begin_ms, n.to_bytes(10, "big"))
            counters = {Quantity.MACHINE_TIME_MS: elapsed_ms}
            counters |= {Quantity(name): amount for name, amount in one.counters.items()}
            started = SessionStarted(
                session_id=id,
                machine=one.machine,
                member=one.member,
                account=one.account or one.member,
                badge="b" * 32,
                tier=self.tier(one.member),
                max_duration_s=86_400,
            )
            ended = SessionEnded(
                session_id=id, stop_type=StopType.TAP_OUT, elapsed_ms=elapsed_ms, counters=counters
            )
            facts += [(begin_ms, started), (begin_ms + elapsed_ms, ended)]
        writer = Writer(gateway=GATEWAY, start_ms=self.at("2026-10-01T00:00"))
        for at_ms, fact in sorted(facts, key=lambda pair: pair[0]):
            writer.write(fact, at_ms - writer.start_ms - writer.monotonic_ms)
        for batch in writer.batches(50):
            with self.db.write() as session:
                assert ingest(session, batch, self.at(now)).quarantined == 0

    def bill(self, day: str, month: str = "") -> None:
        with self.db.write() as session:
            billing.run(session, self.at(f"{day}T00:05"), "test", month)

    def owed(self, account: str) -> Decimal:
        """What an account owes."""
        return self._stands(member_account(account))

    def fund(self, fund: str) -> Decimal:
        """What a funder owes."""
        return self._stands(fund_account(fund))

    def stands(self, account: str) -> Decimal:
        return self._stands(account)

    def _stands(self, account: str) -> Decimal:
        with self.db.read() as session:
            return money(ledger.balance(session, account, self.settings.currency.code))

    def close(self) -> CloseStated:
        """Close the month; closing again changes nothing."""
        with self.db.write() as session:
            now_ms = self.at("2026-11-02T09:00")
            done = periods.close(session, MONTH, self.settings.currency, "test", now_ms)
            assert done.posted
        with self.db.write() as session:
            again = periods.close(session, MONTH, self.settings.currency, "test", now_ms)
            assert (again.posted, again.statement) == (False, done.statement)
        return done.statement

    def invoice(self, account: str) -> Content:
        """Issue the one invoice of an account, whose total is what it owes."""
        with self.db.write() as session:
            now_ms = self.at("2026-11-03T09:00")
            (made,) = documents.issue(session, account, MONTH, self.settings, "test", now_ms)
            content = read_invoice(made.content)
        return content

    def statement(self, account: str) -> str:
        """The account's month on paper, as one text."""
        with self.db.read() as session:
            now_ms = self.at("2026-11-03T09:00")
            f = Formats(self.settings.language, self.zone)
            return str(statement_paper(session, account, MONTH, self.settings, now_ms, f))

    def sound(self) -> None:
        """The books are sound, and everything in them sums to nothing."""
        assert doctor.examine(self.db) == []
        self.db.close()


def money(micro: int) -> Decimal:
    return Decimal(micro) / MICRO


def pool(stated: CloseStated, id: str) -> PoolStated:
    return next(one for one in stated.pools if one.id == id)


def cents(amount: Decimal) -> Decimal:
    """To a cent, a half up."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
