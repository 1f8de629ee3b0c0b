"""Members as a CSV file that can be brought in again, and changes nothing then."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator

from sqlmodel import Session, col, select

from booking_api.accounts.models import Account
from booking_api.badges.models import Badge
from booking_api.certifications.models import Certification
from booking_api.db import zone_of
from booking_api.exports.books import decimal
from booking_api.exports.table import BOM, harmless
from booking_api.members.importing import CARE, OWN
from booking_api.members.models import Member, MemberCare
from booking_api.memberships.days import day_of
from booking_api.vault import Vault
from floor.words import BadgeKind

COLUMNS = (
    "number", *OWN, "valid_until", "credit_limit", *CARE, "guardian", "badges", "certifications",
)  # fmt: skip


def export(session: Session, vault: Vault) -> Iterator[str]:
    """Yield the lines of the file: every member, by last name; what a spreadsheet would run is defused.

    It holds the numbers of badges: whoever has it can copy those that are only a number.
    """
    zone = zone_of(session)
    care = {one.member: one for one in session.exec(select(MemberCare))}
    limits = dict(session.exec(select(Account.id, Account.credit_limit_micro)).all())
    badges, held = _badges(session, vault), defaultdict(list)
    for has in session.exec(select(Certification).where(col(Certification.revoked_ms).is_(None))):
        until = "" if has.expires_ms is None else f"/{day_of(has.expires_ms, zone)}"
        held[has.member].append(f"{has.skill} {day_of(has.granted_ms, zone)}{until}")
    people = session.exec(
        select(Member).where(col(Member.erased_ms).is_(None)).order_by(col(Member.sort), col(Member.id))
    ).all()
    numbers = {one.id: one.number for one in people}
    yield BOM + _line(COLUMNS)
    for one in people:
        kept = care.get(one.id) or MemberCare(member=one.id)
        limit = limits.get(one.account)
        values = [one.number, *(str(getattr(one, name) or "") for name in OWN)]
        values.append("" if one.valid_until_ms is None else day_of(one.valid_until_ms, zone).isoformat())
        values.append("" if limit is None else decimal(limit))
        values += [str(getattr(kept, name) or "") for name in CARE]
        values.append(numbers.get(kept.guardian or "", ""))
        values += ["; ".join(badges[one.id]), "; ".join(sorted(held[one.id]))]
        yield _line(tuple(harmless(value) for value in values))


def _badges(session: Session, vault: Vault) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in session.exec(select(Badge).where(col(Badge.lost_ms).is_(None)).order_by(Badge.id)):
        uid = vault.open(one.uid_sealed).hex().upper()
        found[one.member].append(uid if one.kind is BadgeKind.UID_13MHZ else f"{one.kind}={uid}")
    return found


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
