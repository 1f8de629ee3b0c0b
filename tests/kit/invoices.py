"""Invoices of a small floor: settings with an issuer, sessions that are billed, and what was issued."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import select

from booking_api.documents import content as contents
from booking_api.documents import outlook, service
from booking_api.documents.content import Content
from booking_api.documents.models import Invoice
from booking_api.settings import Settings, read_settings
from tests.kit.server import NOW_MS, Floor, Writer

MONTH = "2026-09"
ISSUER = '''
[space]
name = "Kelp Street"
[invoice]
name = "Kelp Street e.V."
address = """
Quay 4
D02 Dublin
"""
country = "IE"
contact = "desk@kelp.test"
vat_id = "IE1234567T"
iban = "DE89 3704 0044 0532 0130 00"
bic = "COBADEFFXXX"
'''


def issuer(folder: Path, text: str = ISSUER) -> Settings:
    """Read settings with an issuer of invoices."""
    file = folder / "invoices.toml"
    file.write_text(text, encoding="utf-8")
    return read_settings(file, {})


def use(
    floor: Floor, *minutes: int, member: str = "", account: str = "", gateway: Writer | None = None
) -> list[str]:
    """Let a member use the laser, at a third of a euro a minute; returns the sessions."""
    writer = gateway or Writer()
    ids = [writer.session(member or floor.ada, each, account=account) for each in minutes]
    floor.apply(writer.batch())
    return ids


def issue(
    floor: Floor, account: str, settings: Settings, now_ms: int = NOW_MS, month: str = MONTH
) -> list[Content]:
    """Issue what waits on an account; it comes to what the page of invoices says beforehand."""
    with floor.db.write() as session:
        said = outlook.expected(session, month, settings.currency.code)
        made = service.issue(session, account, month, settings, "desk", now_ms)
        sums = {one.commodity: 0 for one in made}
        for one in made:
            sums[one.commodity] += one.total_micro
            account = one.account
        waited = {one.commodity: one.total_micro for one in said if one.account == account}
        # who was beaten by another run to what it saw waiting makes nothing
        assert not made or waited == {code: micro for code, micro in sums.items() if micro}
        assert account not in {
            one.account for one in outlook.expected(session, month, settings.currency.code)
        }
        return [contents.read(one.content) for one in made]


def issued(floor: Floor) -> list[Invoice]:
    """Return everything that was issued, by number."""
    with floor.db.read() as session:
        return sorted(session.exec(select(Invoice)), key=lambda one: (one.series, one.n))
