"""Books with names that break what is written without care, posted as any entry is."""

from __future__ import annotations

import random
from zoneinfo import ZoneInfo

from sqlmodel import Session

from booking_api.accounts.models import Account
from booking_api.ledger import service
from floor.ids import uuid7
from floor.ledger import Entry, EntryKind, Posting
from floor.money import share

ZONE = ZoneInfo("Europe/Berlin")
FIRST_MS = 1_767_222_000_000  # 2026-01-01 00:00 in Berlin, 2025 still in UTC
DAY_MS = 86_400_000
WORDS = (
    '=HYPERLINK("x")', "@sum", "+1", "-1", "'quoted", "\tTab", 'say "hi" \\ there', "a;b|c, d:e",
    "two\nlines\r\nthree", "激光切割机　一号", "🦊 fox 🦊", "50 % off %3B", "(code) * ! date:2026-99-99",
    "  spaces  inside  ", "e\u0301\u202e", "", "Z1A z ZZ", "user_1.x@y", "Ünïcode Straße",
    "0192f3a4-0000-7000-8000-00000000000a", "{curly} #tag ^link", "x" * 90,
)  # fmt: skip
COMMODITIES = ("EUR", "coins", "COINS", "laser-minutes", 'q"u;o', "Laser", "X", "TRUE", "3d", "激光", "a-")


def accounts() -> list[str]:
    """Every kind of account of the chart, with hostile ids."""
    kinds = (
        "assets:member:", "assets:fund:", "income:machine:", "income:fee:", "expense:pool:",
        "equity:carried:", "allowances:", "equity:allowances:", "strange root:",
    )  # fmt: skip
    found = [kind + word.replace(":", "")[:80] for kind in kinds for word in WORDS]
    return [*found, "assets:cash", "liabilities:tax", "allowances:granted", "assets", "a::b", "Assets:cash"]


def post_hostile_books(session: Session, count: int, seed: int) -> None:
    """Post entries in chunks, some of them reversed, in no order of time over a year."""
    chance, names = random.Random(seed), accounts()
    member = next(name for name in names if "=HYPERLINK" in name).removeprefix("assets:member:")
    session.add(Account(id=member, name='=Eve; "quoted"\n|', created_ms=FIRST_MS))
    made: list[Entry] = []
    for number in range(count):
        at_ms = FIRST_MS + chance.randrange(360) * DAY_MS + chance.randrange(DAY_MS)
        entry = Entry(
            id=uuid7(at_ms, number.to_bytes(10, "big")),
            kind=chance.choice([kind for kind in EntryKind if kind is not EntryKind.REVERSAL]),
            source=f"test:{number}:{chance.choice(WORDS)}",
            occurred_ms=FIRST_MS if number == 0 else at_ms,
            posted_ms=at_ms + 5_000,
            postings=tuple(_postings(chance, names)),
            author=chance.choice(WORDS)[:60] or "system",
            memo=chance.choice(WORDS),
        )
        made.append(entry)
    service.post(session, made)
    session.flush()
    for entry in chance.sample(made, count // 10):
        service.reverse(session, entry.id, chance.choice(WORDS).strip() or "a reason", "staff", FIRST_MS)


def _postings(chance: random.Random, names: list[str]) -> list[Posting]:
    found = []
    for commodity in chance.sample(COMMODITIES, chance.choice((1, 1, 2))):
        total, parts = chance.randrange(10**9), chance.randrange(1, 4)
        found.append(Posting(chance.choice(names), commodity, total))
        for part in share(total, [1] * parts):
            found.append(Posting(chance.choice(names), commodity, -part))
    return found
