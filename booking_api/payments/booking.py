"""One booking of a bank account as a file tells it, whatever the file's format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

BYTES_MAX = 16 << 20
BOOKINGS_MAX = 50_000
NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "NOT PROVIDED", "NOREF", "0"})
"""What banks write where there is no reference."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What came in (`amount_micro` > 0) or went out on `day` (ISO 8601).

    `reference` is the bank's own for it, unique with the bank account `owner`, or "". `name` and `iban` are
    the other side's. `returned` is a booking that gives back an earlier one, `reason` why.
    """

    day: str
    amount_micro: int
    commodity: str
    owner: str = ""
    reference: str = ""
    name: str = ""
    iban: str = ""
    remittance: str = ""
    end_to_end: str = ""
    batch: str = ""
    returned: bool = False
    reason: str = ""


def trimmed(booking: Booking) -> Booking:
    """Return the booking with no text longer than is kept, and no reference that says that there is none."""
    return replace(
        booking,
        reference=_reference(booking.reference),
        name=_clean(booking.name)[:200],
        iban=_clean(booking.iban)[:64],
        remittance=_clean(booking.remittance)[:2_000],
        end_to_end=_reference(booking.end_to_end)[:64],
        batch=_reference(booking.batch)[:64],
        reason=_clean(booking.reason)[:200],
    )


def digest(booking: Booking) -> str:
    """Return a hash of all that a booking says."""
    said = [booking.owner, booking.reference, booking.day, str(booking.amount_micro), booking.commodity]
    said += [booking.name, booking.iban, booking.remittance, booking.end_to_end, booking.batch]
    return hashlib.sha256("\x1f".join(said).encode("utf-8", "surrogatepass")).hexdigest()


def keyed(bookings: Iterable[Booking]) -> list[tuple[str, str, Booking]]:
    """Return each booking with the keys by which it is kept once: the bank's reference, and a hash of it all.

    The second of two equal bookings in a file is a booking of its own, with `#2` behind both keys.
    """
    seen: dict[str, int] = {}
    found: list[tuple[str, str, Booking]] = []
    for booking in bookings:
        content = digest(booking)
        known = f"{booking.owner}/{booking.reference}" if booking.reference else content
        key = known if len(known) <= 150 else hashlib.sha256(known.encode("utf-8", "replace")).hexdigest()
        found.append((_numbered(seen, key), _numbered(seen, f"sha256:{content}"), booking))
    return found


def _numbered(seen: dict[str, int], key: str) -> str:
    seen[key] = seen.get(key, 0) + 1
    return key if seen[key] == 1 else f"{key}#{seen[key]}"


def _reference(text: str) -> str:
    cleaned = _clean(text)
    return "" if cleaned.upper() in NO_REFERENCE else cleaned


def _clean(text: str) -> str:
    """Take out what no database keeps (NUL, lone surrogates), and spaces at the ends."""
    return "".join(one for one in text if one != "\x00" and not "\ud800" <= one <= "\udfff").strip()
