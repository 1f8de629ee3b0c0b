"""The session at a station as it is recorded and priced: checkpoints, price, who pays, what is held.

Whatever is held or counted here names the journal's entry that tells the server of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from floor import access, session_events
from floor.access import AccountStanding, Lease, MemberStanding
from floor.job_codes import code_of, codes_in
from floor.policy import MachinePolicy
from floor.wire.journal import AccountChosen, HoldRaised, SessionEnded, SessionMetered, SessionStarted
from floor.words import StopType
from gateway.metering import Mark, Marks
from gateway.prices import Price
from gateway.wiring import Choice, Services


class Tab:
    """The tab of one station; its session is the one whose lease it is given."""

    def __init__(self, machine: str, services: Services) -> None:
        self._machine = machine
        self._services = services
        self._marks = Marks(0, lambda *_: False)

    def afford(self, member: MemberStanding) -> MemberStanding:
        """Return a member with what is left of their default account; what costs nothing has no limit."""
        machine = self._services.roster.machines.get(self._machine)
        costs = machine is None or bool(machine.tariffs)
        left = self._left(access.accounts_of(member)[0]) if costs else None
        return replace(member, spendable_micro=left)

    async def open(self, lease: Lease) -> bool:
        """Begin a session: record its start durably; False when the disk did not have it in time.

        A journal that is known to be slow is not waited for, and that is no news.
        """
        self._begin(lease)
        self._hold(lease, 0)
        journal = self._services.journal
        started = SessionStarted.of(lease, late_journal=bool(journal.degraded))
        return await journal.append_durably(started) or started.late_journal

    def _begin(self, lease: Lease) -> None:
        self._marks = Marks(lease.granted_ms, partial(self._services.prices.divides, self._machine))
        if self._services.roster.rules.count:
            self._services.uses.began(lease)

    def restore(self, lease: Lease, marks: Iterable[Mark]) -> None:
        """End a session that was cut off, at the last of its checkpoints."""
        self._begin(lease)
        last = Mark(0, {})
        for last in marks:
            self._marks.add(last)
        self.close(lease, last, StopType.POWER_LOST)

    def resume(self, lease: Lease, marks: Iterable[Mark]) -> None:
        """Go on with a session that another process began; what it holds is held already."""
        self._begin(lease)
        for mark in marks:
            self._marks.add(mark)

    def mark(self, lease: Lease, mark: Mark, job: str = "") -> None:
        """Record a checkpoint, and the job that runs where that is to be known after a restart."""
        self._marks.add(mark)
        self._services.journal.append(
            SessionMetered(
                session_id=lease.session_id,
                elapsed_ms=mark.elapsed_ms,
                counters=dict(mark.counters),
                job=job[:400],
            )
        )

    def price(self, lease: Lease, now: Mark) -> Price | None:
        """Return what the session costs if it ends now; None for a machine without a tariff in force."""
        return self._services.prices.of(self._marks.visit(lease, now))

    def watch(
        self, lease: Lease, now: Mark, policy: MachinePolicy, at_ms: int
    ) -> session_events.Event | None:
        """Return what is due when the price comes near to what is held: more of it, or that it is spent."""
        price = self.price(lease, now) if lease.limit_micro is not None else None
        if price is None or price.money_micro is None or lease.limit_micro is None:
            return None
        account = self._services.roster.account(lease.member, lease.account)
        left = self._left(account) if account else 0
        if more := access.raise_hold(lease, left, price.money_micro, policy):
            return session_events.HoldGrew(more, at_ms)
        return session_events.CreditSpent(at_ms) if price.money_micro >= lease.limit_micro else None

    def choose(self, lease: Lease, account: str, now: Mark, policy: MachinePolicy) -> Lease | Choice:
        """Return the lease with another account to pay for all of the session, or why it is not to be."""
        wanted = self._services.roster.account(lease.member, account)
        if wanted is None:
            return Choice.NOT_THEIRS
        left = self._left(wanted)
        price = self.price(replace(lease, account=account), now)
        used = (price.money_micro or 0) if price else 0
        chosen = access.choose(lease, replace(wanted, spendable_micro=left), used, policy)
        return chosen or Choice.NO_CREDIT

    def coded(self, lease: Lease, job: str) -> str | None:
        """Return the account that a job's name says shall pay, where the member may charge it; or nothing."""
        member, codes = self._services.roster.member(lease.member), codes_in(job)
        mine = access.accounts_of(member) if member and codes else ()
        named = [one.id for one in mine if code_of(one.id) in codes]
        return named[0] if len(named) == 1 and named[0] != lease.account else None

    def accounts(self, lease: Lease) -> list[AccountStanding]:
        """Return the accounts that the member may choose, each with what is left beside this session."""
        member = self._services.roster.member(lease.member)
        mine = access.accounts_of(member) if member else ()
        return [replace(account, spendable_micro=self._left(account)) for account in mine]

    def move(self, before: Lease, lease: Lease) -> None:
        """Record that another account pays for all of the session, and hold that one's."""
        self._services.credit.release(before.session_id)
        self._hold(lease, 0)
        self._services.journal.append(
            AccountChosen(session_id=lease.session_id, account=lease.account, limit_micro=lease.limit_micro)
        )

    def grow(self, before: Lease, lease: Lease) -> None:
        """Record and hold what the session may spend more; without a limit it holds nothing."""
        if lease.limit_micro is None:
            self._services.credit.release(lease.session_id)
        self._hold(lease, before.limit_micro or 0)
        self._services.journal.append(HoldRaised(session_id=lease.session_id, limit_micro=lease.limit_micro))

    def close(self, lease: Lease, now: Mark, stop_type: StopType, words: str = "") -> Price | None:
        """Record the end, hold the price in place of the limit, and count what was used; return the price."""
        services = self._services
        visit = self._marks.visit(lease, now, faulted=stop_type is StopType.FAULT)
        price = services.prices.ended(visit, services.journal.epoch, services.journal.next_seq)
        if price:
            services.credit.ended(lease.session_id, price.money_micro or 0)
        at = services.journal.epoch, services.journal.next_seq
        services.uses.ended(lease.session_id, lease.granted_ms + now.elapsed_ms, at)
        services.journal.append(
            SessionEnded(
                session_id=lease.session_id,
                stop_type=stop_type,
                elapsed_ms=now.elapsed_ms,
                counters=dict(now.counters),
                words=words[:400],
            )
        )
        services.metrics.sessions.labels(self._machine, stop_type).inc()
        return price

    def _left(self, account: AccountStanding) -> int | None:
        return self._services.credit.left(account, self._services.roster.budgets)

    def _hold(self, lease: Lease, from_micro: int) -> None:
        services, limit = self._services, lease.limit_micro
        if limit is not None and limit > from_micro:
            account = services.roster.account(lease.member, lease.account)
            account = account or AccountStanding(lease.account, lease.account_name)
            at = services.journal.epoch, services.journal.next_seq
            services.credit.hold(lease.session_id, account, (from_micro, limit), at)
