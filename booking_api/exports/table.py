"""The books as CSV (RFC 4180), one row a posting, for spreadsheets.

UTF-8 with a byte order mark: without one Excel reads another encoding. A text that a spreadsheet would take
for a formula gets an apostrophe in front, and so does one that begins with an apostrophe: a program that
reads the file drops one from each text that begins so. Amounts are numbers and have none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from booking_api.exports.books import Outline, Written, decimal, moment

BOM = "\ufeff"
COLUMNS = (
    "date", "seq", "entry", "kind", "account", "commodity", "amount", "name", "memo", "source", "author",
    "occurred", "posted", "reverses", "detail", "hash",
)  # fmt: skip
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠")


def head(_of: Outline) -> Iterator[str]:
    """Yield the names of the columns."""
    yield BOM + ",".join(COLUMNS) + "\r\n"


def entry(one: Written, of: Outline) -> str:
    """Return an entry's postings as rows."""
    row, out = one.row, io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    for posting in one.postings:
        texts = (row.id, row.kind, posting.account, posting.commodity)
        more = (of.names.get(posting.account, ""), row.memo, row.source, row.author)
        last = (row.reverses or "", row.detail, row.hash)
        rows.writerow(
            [
                one.day,
                row.seq,
                *map(harmless, texts),
                decimal(posting.amount_micro),
                *map(harmless, more),
                moment(row.occurred_ms, of.zone).isoformat(),
                moment(row.posted_ms, of.zone).isoformat(),
                *map(harmless, last),
            ]
        )
    return out.getvalue()


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text
