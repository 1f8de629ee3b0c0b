"""Mandates: leave to collect by SEPA direct debit. IBANs are checked, and kept sealed."""

from __future__ import annotations

import re
from datetime import date

from sqlmodel import Session, col, select
from stdnum import bic as bic_number
from stdnum import iban as iban_number

from booking_api.payments.models import Mandate
from booking_api.vault import Vault
from floor.errors import Refused

MANDATE_ID = re.compile(r"[A-Za-z0-9+?/:().,'-]{1,35}")
"""What a mandate may be called: the characters of the EPC's rulebook, without spaces."""


def add(
    session: Session,
    vault: Vault,
    *,
    id: str,
    account: str,
    holder: str,
    iban: str,
    bic: str,
    signed: date,
    recurring: bool,
    now_ms: int,
) -> Mandate:
    """Keep a mandate; raises Refused for a wrong IBAN, BIC or id, and when the account has one already."""
    if not MANDATE_ID.fullmatch(id):
        raise Refused(
            "mandate_malformed", "A mandate's id has 1 to 35 letters, digits and + ? / - : ( ) . , '"
        )
    if not iban_number.is_valid(iban):
        raise Refused("iban_malformed", "This is not an IBAN: its check digits are wrong.")
    if bic and not bic_number.is_valid(bic):
        raise Refused("bic_malformed", "This is not a BIC.")
    if session.get(Mandate, id) is not None:
        raise Refused("mandate_exists", "There is a mandate of this id already.")
    if of_account(session, account) is not None:
        raise Refused("mandate_exists_for_account", "The account has a mandate. Revoke that one first.")
    plain = str(iban_number.compact(iban))
    mandate = Mandate(
        id=id,
        account=account,
        holder=holder.strip()[:70],
        iban_sealed=vault.seal(plain.encode()),
        tail=plain[-4:],
        bic=str(bic_number.compact(bic)) if bic else "",
        signed=signed.isoformat(),
        recurring=recurring,
        created_ms=now_ms,
    )
    session.add(mandate)
    session.flush()
    return mandate


def revoke(session: Session, id: str, now_ms: int) -> Mandate:
    """Collect no more by a mandate; raises Refused when there is none, or it is revoked."""
    mandate = session.get(Mandate, id)
    if mandate is None or mandate.revoked_ms is not None:
        raise Refused("mandate_not_found", "There is no such mandate in force.")
    mandate.revoked_ms = now_ms
    session.add(mandate)
    return mandate


def of_account(session: Session, account: str) -> Mandate | None:
    """Return the mandate in force of an account, None for none."""
    query = select(Mandate).where(Mandate.account == account, col(Mandate.revoked_ms).is_(None))
    return session.exec(query).first()


def listed(session: Session) -> list[Mandate]:
    """Return every mandate in force, by id."""
    return list(session.exec(select(Mandate).where(col(Mandate.revoked_ms).is_(None)).order_by(Mandate.id)))


def iban_of(mandate: Mandate, vault: Vault) -> str:
    """Return a mandate's IBAN; raises ConfigError when the key of this data directory does not fit."""
    return vault.open(mandate.iban_sealed).decode()
