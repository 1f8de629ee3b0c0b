"""The account that was chosen at the machine pays for the session and holds its credit, or staff are told."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlmodel import select

from booking_api.accounts.models import Account, AccountKind, AccountMember
from booking_api.sessions.models import Alarm, SessionState
from floor.wire.journal import AccountChosen, HoldRaised
from tests.kit.server import MINUTE_MS, NOW_MS, Floor, Writer, ended, started

TEAM = "robotics"


@dataclass
class Told:
    """A session that was started, and what is told of it next."""

    floor: Floor
    journal: Writer
    id: str = "s1"

    def tell(self, *facts: object) -> None:
        first = len(self.journal.entries) + 1
        for fact in facts:
            self.journal.write(fact)  # type: ignore[arg-type]
        self.floor.apply(self.journal.batch(first))

    def account(self) -> str:
        return self.floor.sessions()[self.id].account

    def alarms(self) -> list[str]:
        with self.floor.db.read() as session:
            return [f"{alarm.code}: {alarm.words}" for alarm in session.exec(select(Alarm))]


@pytest.fixture
def told(floor: Floor) -> Told:
    with floor.db.write() as session:
        session.add(Account(id=TEAM, kind=AccountKind.TEAM, name="Robotics", created_ms=NOW_MS))
        session.add(Account(id="secret", kind=AccountKind.TEAM, name="Secret", created_ms=NOW_MS))
        session.flush()
        session.add(AccountMember(account=TEAM, member=floor.ada))
    made = Told(floor, Writer())
    fact = started(made.id, floor.ada).model_copy(update={"limit_micro": 9_000_000})
    made.tell(fact)
    return made


def chosen(account: str, limit_micro: int | None = None) -> AccountChosen:
    return AccountChosen(session_id="s1", account=account, limit_micro=limit_micro)


def test_the_account_that_was_chosen_pays_and_holds(told: Told) -> None:
    told.tell(chosen(TEAM, 5_000_000))
    row = told.floor.sessions()["s1"]
    assert (row.account, row.limit_micro, row.state) == (TEAM, 5_000_000, SessionState.OPEN)
    told.tell(HoldRaised(session_id="s1", limit_micro=8_000_000))
    assert told.floor.sessions()["s1"].limit_micro == 8_000_000
    told.tell(ended("s1", 10 * MINUTE_MS))
    assert told.account() == TEAM
    assert told.alarms() == []


def test_a_choice_and_the_end_in_one_batch(told: Told) -> None:
    told.tell(chosen(TEAM), ended("s1", 10 * MINUTE_MS))
    assert told.account() == TEAM


def test_one_may_choose_back(told: Told) -> None:
    told.tell(chosen(TEAM), chosen(told.floor.ada, 4_000_000), ended("s1", 10 * MINUTE_MS))
    assert told.account() == told.floor.ada


@pytest.mark.parametrize("account", ["secret", "nowhere"])
def test_an_account_that_is_not_theirs_is_refused_and_staff_are_told(told: Told, account: str) -> None:
    told.tell(chosen(account), ended("s1", 10 * MINUTE_MS))
    assert told.account() == told.floor.ada
    (alarm,) = told.alarms()
    assert alarm == (
        f"account_refused: s1 stays on {told.floor.ada}, not {account}: the member may not charge to it"
    )


def test_what_is_chosen_after_the_end_changes_no_bill(told: Told) -> None:
    told.tell(ended("s1", 10 * MINUTE_MS))
    told.tell(chosen(TEAM))
    assert told.account() == told.floor.ada
    (alarm,) = told.alarms()
    assert alarm.endswith("it had ended before")


def test_a_choice_without_a_start_waits_for_nobody(told: Told) -> None:
    told.tell(AccountChosen(session_id="s9", account=TEAM))
    assert told.floor.sessions()["s9"].account == ""
    (alarm,) = told.alarms()
    assert "its start has not arrived" in alarm


def test_a_journal_that_begins_anew_tells_the_choice_again_and_nobody_is_alarmed(told: Told) -> None:
    told.tell(chosen(TEAM), ended("s1", 10 * MINUTE_MS))
    anew = Writer(epoch=2)
    for entry in told.journal.entries:
        anew.write(entry.fact)
    told.floor.apply(anew.batch())
    assert told.account() == TEAM
    assert told.alarms() == []
