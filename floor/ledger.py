"""The books: balanced, immutable entries in a chain of hashes. A correction is a reversal.

Signs are those of double entry: what is owed to the space and what it holds is positive (a member's
`assets:member:ID`, `assets:cash`), what it earned is negative (`income:…`). Every entry sums to 0 in each
commodity.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

GENESIS = "0" * 64
REASON = "reason:"


class EntryKind(StrEnum):
    """Why an entry stands in the books."""

    CHARGE = "charge"
    PAYMENT = "payment"
    REFUND = "refund"
    FEE = "fee"
    SALE = "sale"
    CREDIT = "credit"
    GRANT = "grant"
    TRANSFER = "transfer"
    EXPIRY = "expiry"
    CONVERSION = "conversion"
    COST = "cost"
    ROUNDING = "rounding"
    CLOSE = "close"
    REBATE = "rebate"
    OPENING = "opening"
    VISIT = "visit"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Posting:
    """One account's part of an entry, in micro-units of a commodity; positive is a debit."""

    account: str
    commodity: str
    amount_micro: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, once. `source` names its cause and may stand once in a book: the same cause posts once.

    `occurred_ms` and `posted_ms` are UTC milliseconds. `memo` is for people and is not hashed, so that a
    name may be erased from it and the chain still holds; the chain covers opaque ids only.
    """

    id: str
    kind: EntryKind
    source: str
    occurred_ms: int
    posted_ms: int
    postings: tuple[Posting, ...]
    reverses: str | None = None
    author: str = "system"
    memo: str = ""
    detail: str = field(default="")

    def __post_init__(self) -> None:
        off = imbalance(self.postings)
        if off:
            raise ValueError(f"entry {self.id} does not balance: {off}")
        if len(self.postings) < 2:
            raise ValueError(f"entry {self.id} has {len(self.postings)} postings; an entry has at least two")


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry in its place: `seq` counts from 1 in a book; `hash` covers it and the hash before it."""

    seq: int
    entry: Entry
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Break:
    """The first place at which a chain does not hold."""

    seq: int
    entry: str
    problem: str


def imbalance(postings: Iterable[Posting]) -> dict[str, int]:
    """Return what each commodity sums to, where that is not 0."""
    sums: dict[str, int] = {}
    for posting in postings:
        sums[posting.commodity] = sums.get(posting.commodity, 0) + posting.amount_micro
    return {commodity: amount for commodity, amount in sums.items() if amount}


def digest(previous: str, seq: int, entry: Entry) -> str:
    """Return the SHA-256 that seals an entry after `previous`; `memo` stays outside."""
    body = [
        previous,
        seq,
        entry.id,
        entry.kind,
        entry.source,
        entry.occurred_ms,
        entry.posted_ms,
        entry.reverses,
        entry.author,
        entry.detail,
        [[p.account, p.commodity, p.amount_micro] for p in entry.postings],
    ]
    return hashlib.sha256(json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode()).hexdigest()


def seal(previous: str, seq: int, entry: Entry) -> Sealed:
    """Put an entry in its place."""
    return Sealed(seq, entry, previous, digest(previous, seq, entry))


def breaks(chain: Iterable[Sealed]) -> Iterator[Break]:
    """Yield each place where a chain read from a book does not hold, in order."""
    previous, expected = GENESIS, 1
    for sealed in chain:
        if sealed.seq != expected:
            yield Break(expected, sealed.entry.id, f"entry {expected} is missing: {sealed.seq} follows")
        elif sealed.previous != previous:
            yield Break(sealed.seq, sealed.entry.id, "the hash before it is not that of the entry before it")
        if digest(sealed.previous, sealed.seq, sealed.entry) != sealed.hash:
            yield Break(sealed.seq, sealed.entry.id, "its content is not what was sealed")
        elif not reason_stands(sealed.entry):
            yield Break(sealed.seq, sealed.entry.id, "its reason is not what was sealed")
        previous, expected = sealed.hash, sealed.seq + 1


def reason_seal(id: str, reason: str) -> str:
    """Return what stands in the `detail` of entry `id`, so that the chain covers a reason in its memo.

    The memo may be erased, and the chain still says that there was a reason; a word in its place shows. The
    id goes in, so that the same reason twice does not look the same.
    """
    return REASON + hashlib.sha256(f"{id}\n{reason}".encode()).hexdigest()


def reason_stands(entry: Entry) -> bool:
    """Return whether the memo is the sealed reason, or was erased; True for an entry that seals none."""
    if not entry.detail.startswith(REASON) or not entry.memo:
        return True
    return entry.detail == reason_seal(entry.id, entry.memo)


def reversal(
    entry: Entry, *, id: str, posted_ms: int, author: str, reason: str, not_before_ms: int = 0
) -> Entry:
    """Return the entry that undoes another; raises ValueError without a reason, or for a reversal.

    It occurs when the other did, or at `not_before_ms` (UTC milliseconds), where the open period begins.
    """
    if not reason.strip():
        raise ValueError("a reversal needs a reason")
    if entry.kind is EntryKind.REVERSAL:
        raise ValueError("a reversal is not reversed; post the charge again")
    return Entry(
        id=id,
        kind=EntryKind.REVERSAL,
        source=f"reversal:{entry.id}",
        occurred_ms=max(entry.occurred_ms, not_before_ms),
        posted_ms=posted_ms,
        postings=tuple(Posting(p.account, p.commodity, -p.amount_micro) for p in entry.postings),
        reverses=entry.id,
        author=author,
        memo=reason,
        detail=reason_seal(id, reason),
    )
