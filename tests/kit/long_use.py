"""Years of use in a moment: rows as they would stand after many sessions."""

from __future__ import annotations

from sqlalchemy import insert
from sqlmodel import Session, select

from booking_api.accounts.service import Charged, charged
from booking_api.billing.models import Charge
from booking_api.ledger.models import LedgerEntry, LedgerPosting
from booking_api.sessions.models import MachineSession, SessionState
from booking_api.tariffs.models import TariffVersion
from floor.ledger import GENESIS, EntryKind
from tests.kit.server import NOW_MS

EUR = 1_000_000


def live(session: Session, member: str, first: int, last: int) -> None:
    """Give a member and the team `bots` a history, as rows: half of it their own, half the team's."""
    version = session.exec(select(TariffVersion.id)).one()
    seq = first + 1_000_000
    entry = LedgerEntry(
        id=f"e{first}", book="main", seq=seq, kind=EntryKind.CHARGE, source=f"old:{first}",
        occurred_ms=NOW_MS, posted_ms=NOW_MS, author="test", previous=GENESIS, hash=GENESIS,
    )  # fmt: skip
    session.add(entry)
    session.flush()
    # One of each is made as it should be, and the others are copies: thousands of objects take their time.
    whole = MachineSession(
        id="", gateway="gw", machine="laser-1", member=member, account="", tier="member",
        badge="b", state=SessionState.PRICED, started_ms=NOW_MS, ended_ms=NOW_MS, limit_micro=5 * EUR,
    ).model_dump()  # fmt: skip
    charge = Charge(
        id="", session="", account="", member=member, machine="laser-1",
        month="2026-09", ended_ms=NOW_MS, tariff_version=version, tier="member", commodity="EUR",
        gross_micro=1, total_micro=1,
    ).model_dump()  # fmt: skip
    posting = LedgerPosting(entry=entry.id, n=0, account="", commodity="EUR", amount_micro=1).model_dump()
    whose = [(n, member if n % 2 else "bots") for n in range(first, last)]
    used = [whole | {"id": f"s{n}", "account": who} for n, who in whose]
    charges = [charge | {"id": f"c{n}", "session": f"s{n}", "account": who} for n, who in whose]
    postings = [posting | {"n": n, "account": f"assets:member:{who}"} for n, who in whose]
    for table, rows in ((MachineSession, used), (Charge, charges), (LedgerPosting, postings)):
        session.execute(insert(table), rows)
    half = (last - first) // 2
    charged(session, [Charged(one, member, "2026-09", "EUR", half) for one in (member, "bots")])
