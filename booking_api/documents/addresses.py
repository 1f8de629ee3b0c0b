"""Who invoices are made out to: the billing address of an account, else its member or its name."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field
from sqlmodel import Session, select

from booking_api.accounts.models import Account
from booking_api.documents.content import Party
from booking_api.documents.models import BillingAddress
from booking_api.members.models import Member
from floor.errors import Refused
from floor.texts import LANGUAGES

Line = Annotated[str, Field(max_length=100)]


class AddressDetails(BaseModel):
    """A billing address; `lines` stand below the name. An empty `language` is that of the member."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    lines: Annotated[list[Line], Field(max_length=6)] = []
    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    vat_id: Annotated[str, Field(max_length=32)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    language: Annotated[str, Field(max_length=2)] = ""


def address_of(session: Session, account: str) -> AddressDetails | None:
    """Return the billing address of an account, None where none was given."""
    kept = session.get(BillingAddress, account)
    return AddressDetails.model_validate(kept, from_attributes=True) if kept else None


def set_address(session: Session, account: str, details: AddressDetails, now_ms: int) -> None:
    """Keep a billing address for the invoices to come; raises Refused for no account or another language."""
    if session.get(Account, account) is None:
        raise Refused("account_not_found", "There is no such account or member.")
    if details.language and details.language not in LANGUAGES:
        raise Refused("language_unknown", "Invoices are written in English or Chinese: en or zh.")
    values = details.model_dump() | {"account": account, "changed_ms": now_ms}
    session.merge(BillingAddress(**values))
    session.flush()


def recipient(session: Session, account: Account) -> tuple[Party, str]:
    """Return who an account's invoices are made out to, and their language ("" where nobody said)."""
    member = session.exec(select(Member).where(Member.account == account.id)).first()
    language = member.language[:2] if member and member.language[:2] in LANGUAGES else ""
    kept = session.get(BillingAddress, account.id)
    if kept is not None:
        party = Party(name=kept.name, lines=tuple(kept.lines), country=kept.country, vat_id=kept.vat_id)
        return party, kept.language or language
    name = member.whole_name if member else account.name
    return Party(name=name), language
