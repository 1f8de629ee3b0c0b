"""The heads of the books, appended to a file outside of the database: one line for each posting transaction.

A book that was cut short or rewritten as a whole has a chain that holds; the file shows it all the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = "ledger-heads.log"


@dataclass(frozen=True, slots=True)
class Head:
    """Entry `seq` of a book and its hash; `posted_ms` is UTC milliseconds."""

    book: str
    seq: int
    hash: str
    posted_ms: int


def append(data: Path, head: Head) -> None:
    """Write a head down, once it is committed."""
    with data.joinpath(FILE).open("a", encoding="ascii") as log:
        log.write(f"{head.book} {head.seq} {head.hash} {head.posted_ms}\n")


def read(data: Path) -> Iterator[Head]:
    """Yield the heads in order; a line that a power cut tore is left out."""
    try:
        lines = data.joinpath(FILE).read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        match line.split():
            case [book, seq, hash, posted_ms] if (
                seq.isdecimal() and posted_ms.isdecimal() and len(hash) == 64
            ):
                yield Head(book, int(seq), hash, int(posted_ms))
