"""Runs of direct debits: what is due is asked of the bank by a file, and posted when the bank books it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from defusedxml.ElementTree import fromstring
from sepaxml import SepaDD
from sepaxml.validation import ValidationError
from sqlmodel import Session, col, select
from text_unidecode import unidecode  # type: ignore[import-untyped] # it has no types

from booking_api.clock import make_id
from booking_api.db import zone_of
from booking_api.payments import books, mandates, overdue
from booking_api.payments.models import Debit, DebitRun, DebitState, Mandate
from booking_api.vault import Vault
from floor.errors import Refused

SCHEMAS = ("pain.008.001.02", "pain.008.001.08")
CENT_MICRO = 10_000
_NOT_SEPA = re.compile(r"[^A-Za-z0-9/?:().,'+ -]")


@dataclass(frozen=True, slots=True)
class Creditor:
    """Who collects: name, SEPA creditor identifier, and the account that the money comes to."""

    name: str
    id: str
    iban: str
    bic: str


@dataclass(frozen=True, slots=True)
class Collection:
    """What would be collected by a mandate, in micro-units of the euro."""

    mandate: Mandate
    amount_micro: int
    invoices: tuple[str, ...]


def plan(session: Session, collection: date, *, everything: bool = False) -> list[Collection]:
    """Return what is due by the day of collection and not on its way; with `everything` all that is owed.

    An account of which a debit was sent and not booked yet is left out, so that nothing is collected twice.
    """
    end = datetime(collection.year, collection.month, collection.day, tzinfo=zone_of(session))
    by_ms = round((end + timedelta(days=1)).timestamp() * 1000)
    sent = set(session.exec(select(Debit.account).where(Debit.state == DebitState.SENT)))
    found: list[Collection] = []
    for mandate in mandates.listed(session):
        if mandate.account in sent or (mandate.collected and not mandate.recurring):
            continue
        open_ = overdue.unpaid(session, mandate.account, "EUR")
        due = [one for one in open_ if everything or one.due_ms < by_ms or not _invoiced(one)]
        amount = sum(one.amount_micro for one in due) // CENT_MICRO * CENT_MICRO
        if amount > 0:
            numbers = tuple(dict.fromkeys(one.invoice for one in due if one.invoice))
            found.append(Collection(mandate, amount, numbers))
    return found


def run(
    session: Session,
    vault: Vault,
    creditor: Creditor,
    collection: date,
    author: str,
    now_ms: int,
    *,
    schema: str = SCHEMAS[1],
    everything: bool = False,
) -> tuple[DebitRun, list[Debit], bytes]:
    """Make the file of a run, valid by its schema, and keep what was asked; nothing is posted yet.

    Raises Refused when nothing is due, for a day that is not ahead, and for what a bank would refuse.
    """
    books.hold(session)
    _check(session, creditor, collection, now_ms, schema)
    collections = plan(session, collection, everything=everything)
    if not collections:
        raise Refused("nothing_due", "Nothing is due that a mandate could collect.")
    file = SepaDD(_config(creditor), schema=schema, clean=True)
    run_id = make_id(now_ms)
    made = DebitRun(
        id=run_id, collection=collection.isoformat(), message=file.msg_id[:64], made_ms=now_ms, author=author
    )
    session.add(made)
    session.flush()
    debits = [_debit(run_id, one, now_ms) for one in collections]
    for debit, one in zip(debits, collections, strict=True):
        file.add_payment(_payment(debit, one, vault, collection, creditor))
    try:
        xml: bytes = file.export(validate=True)
    except ValidationError as error:
        words = f"The file is not valid by {schema}: {str(error.__cause__)[:200]}"
        raise Refused("file_invalid", words) from error
    batches = _batches(xml)
    for debit, one in zip(debits, collections, strict=True):
        debit.batch = batches[debit.id]
        one.mandate.collected = True
        session.add(debit)
        session.add(one.mandate)
    session.flush()
    return made, debits, xml


def drop(session: Session, run: str) -> int:
    """Take back a run whose file never went to the bank; returns how many debits were in it.

    Raises Refused when the bank has booked any of them.
    """
    debits = list(session.exec(select(Debit).where(Debit.run == run)))
    if not debits:
        raise Refused("run_not_found", "There is no such run.")
    if any(debit.state in {DebitState.COLLECTED, DebitState.RETURNED} for debit in debits):
        raise Refused("run_booked", "The bank has booked debits of this run.")
    for debit in debits:
        debit.state = DebitState.DROPPED
        session.add(debit)
    return len(debits)


def runs(session: Session, limit: int = 20) -> list[tuple[DebitRun, list[Debit]]]:
    """Return the last runs with their debits, newest first."""
    query = select(DebitRun).order_by(col(DebitRun.id).desc()).limit(limit)
    found = list(session.exec(query))
    return [(one, list(session.exec(select(Debit).where(Debit.run == one.id)))) for one in found]


def _check(session: Session, creditor: Creditor, collection: date, now_ms: int, schema: str) -> None:
    today = datetime.fromtimestamp(now_ms // 1000, UTC).astimezone(zone_of(session)).date()
    if collection <= today:
        raise Refused("collection_past", "Collect on a later day than today: banks need at least one day.")
    if schema not in SCHEMAS:
        raise Refused("schema_malformed", "Choose pain.008.001.02 or pain.008.001.08.")
    if not creditor.id or not creditor.iban:
        words = "Write payments.creditor_id and invoice.iban into the settings first."
        raise Refused("creditor_missing", words)
    if schema == SCHEMAS[0] and not creditor.bic:
        raise Refused("creditor_bic_missing", "This older form needs invoice.bic in the settings.")


def _config(creditor: Creditor) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": _sepa(creditor.name, 70),
        "IBAN": creditor.iban,
        "batch": True,
        "creditor_id": creditor.id,
        "currency": "EUR",
    }
    return config | ({"BIC": creditor.bic} if creditor.bic else {})


def _debit(run: str, one: Collection, now_ms: int) -> Debit:
    return Debit(
        id=make_id(now_ms).replace("-", "")[:35],
        run=run,
        mandate=one.mandate.id,
        account=one.mandate.account,
        amount_micro=one.amount_micro,
        commodity="EUR",
    )


def _payment(debit: Debit, one: Collection, vault: Vault, day: date, creditor: Creditor) -> dict[str, Any]:
    mandate = one.mandate
    sequence = ("RCUR" if mandate.collected else "FRST") if mandate.recurring else "OOFF"
    words = " ".join((creditor.name, *one.invoices)) if one.invoices else f"{creditor.name} balance"
    payment: dict[str, Any] = {
        "name": _sepa(mandate.holder, 70),
        "IBAN": mandates.iban_of(mandate, vault),
        "amount": debit.amount_micro // CENT_MICRO,
        "type": sequence,
        "collection_date": day,
        "mandate_id": mandate.id,
        "mandate_date": date.fromisoformat(mandate.signed),
        "description": _sepa(words, 140),
        "endtoend_id": debit.id,
    }
    return payment | ({"BIC": mandate.bic} if mandate.bic else {})


def _batches(xml: bytes) -> dict[str, str]:
    """Return under which PmtInfId each EndToEndId stands: banks name it when they book the sum."""
    found: dict[str, str] = {}
    for information in fromstring(xml, forbid_dtd=True).iterfind(".//{*}PmtInf"):
        batch = information.findtext("{*}PmtInfId") or ""
        for reference in information.iterfind(".//{*}EndToEndId"):
            found[reference.text or ""] = batch
    return found


def _sepa(text: str, limit: int) -> str:
    """Write a text in the characters that every bank takes (EPC217-08)."""
    return _NOT_SEPA.sub(" ", str(unidecode(text))).strip()[:limit] or "-"


def _invoiced(one: overdue.Unpaid) -> bool:
    return bool(one.invoice) or one.due_ms == overdue.NEVER_MS
