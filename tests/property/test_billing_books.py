"""Whatever happens to accounts: every commodity sums to nothing, and the doctor finds nothing."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from fractions import Fraction

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlmodel import Session, col, select

from booking_api import doctor
from booking_api.billing import service as billing
from booking_api.billing.models import Charge
from booking_api.ledger import service as ledger
from booking_api.ledger.models import LedgerPosting
from booking_api.tariffs import service as tariffs
from floor.errors import Refused
from floor.tariff import Occasion
from tests.kit.histories import ACCOUNTS, DAY_MS, LISTS, NAMES, Use, copied, journals
from tests.kit.server import MINUTE_MS, NOW_MS, Floor

ACCOUNT = st.sampled_from(ACCOUNTS)
LIST = st.integers(0, len(NAMES) - 1)


class Books(RuleBasedStateMachine):
    """A floor to which anything may happen. Prices of charges are kept, to see that none is ever edited."""

    floor: Floor

    @initialize()
    def open(self) -> None:
        self.stack = ExitStack()
        self.floor = self.stack.enter_context(copied())
        self.now_ms, self.epoch = NOW_MS, 1
        self.posted: dict[str, tuple[object, ...]] = {}

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            assert doctor.examine(self.floor.db) == []
            self.stack.close()

    def now(self) -> int:
        self.now_ms += MINUTE_MS
        return self.now_ms

    @rule(
        account=st.integers(0, 1),
        list=LIST,
        gateway=st.integers(0, 1),
        start=st.integers(0, 5 * 1440),
        minutes=st.integers(1, 200),
        fault=st.booleans(),
    )
    def session(self, account: int, list: int, gateway: int, start: int, minutes: int, fault: bool) -> None:
        self.epoch += 1
        use = Use(account, list, gateway, start, minutes, fault)
        self.floor.apply(journals(self.floor, [use], self.epoch)[gateway].batch(), self.now())

    @rule(
        account=ACCOUNT,
        list=LIST,
        on=st.sampled_from([Occasion.SESSION, Occasion.PACK, Occasion.CLASS]),
        start=st.integers(0, 5 * 1440),
        minutes=st.integers(0, 90),
    )
    def fee(self, account: str, list: int, on: Occasion, start: int, minutes: int) -> None:
        begin = NOW_MS + start * MINUTE_MS
        details = billing.FeeDetails(
            occasion=on,
            member=self.floor.ben,
            tariff=NAMES[list],
            account=account,
            from_ms=begin,
            to_ms=begin + minutes * MINUTE_MS,
            pack="hour" if on is Occasion.PACK else "",
        )
        self.change(lambda session, now_ms: billing.charge_fee(session, details, "test", now_ms))

    @rule(account=ACCOUNT, units=st.integers(1, 90), days=st.integers(1, 9) | st.none())
    def grant(self, account: str, units: int, days: int | None) -> None:
        def act(session: Session, now_ms: int) -> object:
            end_ms = None if days is None else now_ms + days * DAY_MS
            amount, name = Fraction(units), "packed/machine_time"
            return billing.grant(session, account, name, amount, end_ms, True, f"g{now_ms}", "test", now_ms)

        self.change(act)

    @rule(to=ACCOUNT, n=st.integers(0, 9), units=st.integers(1, 40))
    def transfer(self, to: str, n: int, units: int) -> None:
        def act(session: Session, now_ms: int) -> object:
            lots = [lot for account in ACCOUNTS for lot in billing.lots(session, account, now_ms)]
            lot = lots[n % len(lots)].id if lots else "none"
            return billing.transfer(session, lot, to, Fraction(units), "test", now_ms)

        self.change(act)

    @rule(days=st.integers(0, 4))
    def expire(self, days: int) -> None:
        self.now_ms += days * DAY_MS
        self.change(billing.expire_lots)

    @rule(n=st.integers(0, 20), to=ACCOUNT)
    def move(self, n: int, to: str) -> None:
        self.on_charge(n, lambda s, one, now: billing.move(s, one.session or "", to, "test", "why", now))

    @rule(n=st.integers(0, 20), weights=st.tuples(*[st.integers(0, 7)] * 2, st.integers(0, 10**9)))
    def split(self, n: int, weights: tuple[int, ...]) -> None:
        names = (*ACCOUNTS, self.floor.ada)
        shares = tuple((name, weight) for name, weight in zip(names, weights, strict=True) if weight)

        def act(session: Session, one: Charge, now_ms: int) -> object:
            return billing.split(session, one.session or "", billing.Wanted(shares), "test", "why", now_ms)

        self.on_charge(n, act)

    @rule(n=st.integers(0, 20))
    def join(self, n: int) -> None:
        self.on_charge(n, lambda s, one, now: billing.undo_split(s, one.session or "", "test", "why", now))

    @rule(n=st.integers(0, 20))
    def waive(self, n: int) -> None:
        self.on_charge(n, lambda s, one, now: billing.reverse_charge(s, one.id, "why", "test", now))

    @rule(n=st.integers(0, 20), part=st.integers(1, 110))
    def credit(self, n: int, part: int) -> None:
        def act(session: Session, one: Charge, now_ms: int) -> object:
            return billing.credit(session, one.id, one.total_micro * part // 100, "why", "test", now_ms)

        self.on_charge(n, act)

    @rule(list=LIST, day=st.integers(1, 28))
    def dearer(self, list: int, day: int) -> None:
        text = LISTS[list].replace("2026-01-01", f"2026-08-{day:02}").replace("price = 0.", "price = 1.")
        self.change(lambda session, now_ms: tariffs.add(session, text, "test", now_ms))

    @rule()
    def round(self) -> None:
        self.change(lambda session, now_ms: billing.round_statements(session, "2026-09", "test", now_ms))

    @precondition(lambda self: hasattr(self, "floor"))
    @rule(amount=st.integers(1, 10**8))
    def pay(self, amount: int) -> None:
        self.change(lambda s, now_ms: ledger.take_payment(s, "lab", amount, "EUR", now_ms, "test"))

    def on_charge(self, n: int, act: object) -> None:
        def chosen(session: Session, now_ms: int) -> object:
            stands = select(Charge).where(col(Charge.replaced_ms).is_(None)).order_by(Charge.id)
            live = session.exec(stands).all()
            assert callable(act)
            return act(session, live[n % len(live)], now_ms) if live else None

        self.change(chosen)

    def change(self, act: object) -> None:
        """Do something that may be refused; what is refused leaves no trace."""
        assert callable(act)
        try:
            with self.floor.db.write() as session:
                act(session, self.now())
        except Refused:
            pass

    @invariant()
    def every_commodity_sums_to_nothing(self) -> None:
        if not hasattr(self, "floor"):
            return
        sums: Counter[str] = Counter()
        with self.floor.db.read() as session:
            for unit, amount in session.exec(select(LedgerPosting.commodity, LedgerPosting.amount_micro)):
                sums[unit] += amount
            said = {
                one.id: (one.account, one.total_micro, one.tariff_version, one.entry)
                for one in session.exec(select(Charge))
            }
        assert not any(sums.values()), sums
        assert {id: said[id] for id in self.posted} == self.posted, "a charge was edited"
        self.posted = said


TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=12, stateful_step_count=18, deadline=None, suppress_health_check=list(HealthCheck)
)
