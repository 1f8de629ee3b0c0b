"""A run of reminders: who is overdue, which level is due, the letters, the fees and the blocks.

No mail is sent: the letters are written to the folder `outbox` of the data directory, one file each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from babel.dates import format_date
from babel.numbers import is_currency
from sqlmodel import Session, select

from booking_api.db import DATA, zone_of
from booking_api.documents.models import BillingAddress
from booking_api.ledger.accounts import fee_income, member_account
from booking_api.members.models import Member
from booking_api.payments import books, overdue
from booking_api.payments.levels import Level
from booking_api.payments.models import Reminder
from booking_api.web.formats import Formats
from floor.errors import ConfigError
from floor.ledger import EntryKind, Posting
from floor.money import Commodity, plain

DAY_MS = 86_400_000
OUTBOX = "outbox"
WITHOUT_INVOICE = {"en": "as on your statement", "zh": "见您的账单"}
"""What `$invoices` says where nothing that is overdue stands on an invoice."""


@dataclass(frozen=True, slots=True)
class Due:
    """What a run does for one account: remind at `level` (1 and on; 0: not again), and block it or not.

    `debt` is the ledger entry that fell due first of what is unpaid, at `due_ms` (UTC milliseconds).
    """

    account: str
    name: str
    overdue_micro: int
    debt: str
    due_ms: int
    invoices: tuple[str, ...]
    level: int
    blocks: bool


def plan(
    session: Session, levels: Sequence[Level], block_after_days: int, currency: Commodity, now_ms: int
) -> list[Due]:
    """Return what a run would do now: of the levels that are due, the highest alone."""
    found: list[Due] = []
    reminded = set(session.exec(select(Reminder.account, Reminder.debt, Reminder.level)).all())
    names = books.names(session)
    blocked = {block.account for block in overdue.blocks(session)}
    owing = overdue.late_accounts(session, currency.code, now_ms)
    for account, unpaid in overdue.unpaid_of(session, currency.code, owing).items():
        late = [one for one in unpaid if one.due_ms <= now_ms]
        if not late:
            continue
        first = min(late, key=lambda one: one.due_ms)
        reached = [n for n, level in enumerate(levels, 1) if first.due_ms + level.days * DAY_MS <= now_ms]
        is_new = reached and (account, first.entry, reached[-1]) not in reminded
        level = reached[-1] if is_new else 0
        due_for_block = first.due_ms + block_after_days * DAY_MS <= now_ms
        blocks = bool(block_after_days) and due_for_block and account not in blocked
        if level or blocks:
            amount = sum(one.amount_micro for one in late)
            invoices = tuple(dict.fromkeys(one.invoice for one in late if one.invoice))
            name = names.get(account, account)
            due = Due(account, name, amount, first.entry, first.due_ms, invoices, level, blocks)
            found.append(due)
    return found


def run(
    session: Session,
    dues: Sequence[Due],
    levels: Sequence[Level],
    block_after_days: int,
    currency: Commodity,
    space: str,
    author: str,
    now_ms: int,
) -> list[Reminder]:
    """Write the letters, charge the fees, block who is to be blocked, and record it all."""
    books.hold(session)
    done: list[Reminder] = []
    for due in dues:
        if due.level:
            done.append(_remind(session, due, levels[due.level - 1], currency, space, author, now_ms))
        if due.blocks:
            before_ms = now_ms - block_after_days * DAY_MS
            overdue.block(session, due.account, before_ms, currency.code, author, now_ms)
    return done


def _remind(
    session: Session, due: Due, level: Level, currency: Commodity, space: str, author: str, now_ms: int
) -> Reminder:
    reminder = Reminder(
        account=due.account,
        debt=due.debt,
        level=due.level,
        overdue_micro=due.overdue_micro,
        commodity=currency.code,
        fee_micro=level.fee_micro,
        at_ms=now_ms,
        author=author,
    )
    if level.fee_micro:
        postings = (
            Posting(member_account(due.account), currency.code, level.fee_micro),
            Posting(fee_income("reminder"), currency.code, -level.fee_micro),
        )
        source = f"reminder:{due.account}:{due.debt}:{due.level}"
        words = f"reminder {due.level}"
        sealed = books.post(session, EntryKind.FEE, postings, author, now_ms, source=source, memo=words)
        reminder.entry = sealed.entry.id
    reminder.file = _write_letter(session, due, level, currency, space, now_ms)
    session.add(reminder)
    session.flush()
    return reminder


def _write_letter(
    session: Session, due: Due, level: Level, currency: Commodity, space: str, now_ms: int
) -> str:
    """Write a letter to the outbox and return its path within the data directory; raises ConfigError."""
    member = session.exec(select(Member).where(Member.account == due.account)).first()
    address = session.get(BillingAddress, due.account)
    language = (address.language if address else "") or (member.language if member else "en")
    email = (address.email if address else "") or (member.email if member else None) or ""
    formats = Formats("zh" if language.startswith("zh") else "en", zone_of(session))
    values = {
        "name": due.name,
        "amount": _money(due.overdue_micro, currency, formats),
        "due": format_date(formats.moment(due.due_ms).date(), "long", locale=formats.locale),
        "invoices": ", ".join(due.invoices) or WITHOUT_INVOICE[formats.language],
        "space": space,
        "fee": _money(level.fee_micro, currency, formats),
    }
    subject, text = level.written(formats.language, values)
    day = f"{formats.moment(now_ms):%Y-%m-%d}"
    number = re.sub(r"[^A-Za-z0-9]+", "-", member.number if member else due.account)
    name = f"{OUTBOX}/{day}-{number}-{due.level}-{due.debt[-8:]}.txt"
    path = Path(session.info[DATA]).joinpath(name)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(f"To: {email}\nSubject: {subject}\n\n{text}")
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise ConfigError(str(path), "", problem, "Make room for it.") from error
    return name


def _money(amount_micro: int, currency: Commodity, formats: Formats) -> str:
    """Write an amount in the reader's way, with the decimals that the space has."""
    return (
        formats.money(amount_micro, currency.code)
        if is_currency(currency.code)
        else plain(amount_micro, currency)
    )
