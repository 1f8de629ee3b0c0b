"""Every table that names a person, and what becomes of it when they are erased: blanked, deleted or kept.

A room that keeps something of members adds an Eraser to ERASERS, or its table with a reason to KEPT. Erasers
write by statements and not through objects: what was there before must not end in the audit log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from booking_api.members.models import Member
from booking_api.privacy import erasers

BOOKS = "the books: ids that say nothing by themselves, amounts and times"
LAW = "business papers that the law keeps for years"
ACTS = "who of the staff did what, by an id that says nothing by itself"
USE = "what was done at machines, by an id that says nothing by itself"


@dataclass(frozen=True, slots=True)
class Eraser:
    """How a room forgets a member: the tables that it sees to, and what it does (`now_ms`: floor time)."""

    tables: tuple[str, ...]
    erase: Callable[[Session, Member, int], None]


ERASERS: tuple[Eraser, ...] = (
    Eraser(
        ("audit_act", "audit_part", "notice", "notice_choice", "notice_push", "notice_reminded"),
        erasers.forget_told,
    ),
    Eraser(("registration", "letter", "happened"), erasers.forget_letters),
    Eraser(("household_member", "household", "account_member"), erasers.leave_groups),
    Eraser(("member_care", "suspension", "member_import"), erasers.forget_care),
    Eraser(("waiver_signature",), erasers.blank_signatures),
    Eraser(("badge", "badge_reading", "phone_code_used"), erasers.forget_badges),
    Eraser(
        (
            "credential",
            "browser_session",
            "api_token",
            "passkey",
            "second_factor",
            "recovery_code",
            "linked_identity",
            "mailed_link",
            "ceremony",
            "idempotent_answer",
        ),
        erasers.forget_sign_in,
    ),
    Eraser(("certification",), erasers.forget_certifications),
    Eraser(("quiz_try", "class_waiting"), erasers.forget_training),
    Eraser(
        ("reservation", "reservation_waiting", "reservation_offer", "reservation_feed"),
        erasers.forget_reservations,
    ),
    Eraser(("machine_session", "job", "refusal", "print_job"), erasers.blank_use),
    Eraser(("work_order", "work_note", "work_photo"), erasers.forget_faults),
    Eraser(("dispute_event", "fee", "ledger_entry", "session_split"), erasers.blank_words),
    Eraser(("billing_address", "mandate"), erasers.forget_addresses),
    Eraser(("member", "account"), erasers.blank_member),
)
"""In this order: what others are found by goes last."""
KEPT: dict[str, str] = {
    "account_balance": BOOKS,
    "invoice_waiting": BOOKS,
    "account_history": BOOKS,
    "account_month": BOOKS,
    "alarm": ACTS,
    "allowance_lot": BOOKS,
    "badge_event": ACTS,
    "badge_keys_given": ACTS,
    "bank_line": LAW,
    "cash_drawer": ACTS,
    "charge": BOOKS,
    "charge_part": BOOKS,
    "class_session": ACTS,
    "class_sign_up": BOOKS,
    "cost_version": ACTS,
    "credit_slice": BOOKS,
    "debit": BOOKS,
    "debit_run": ACTS,
    "dispute": BOOKS,
    "invoice": LAW,
    "invoice_item": LAW,
    "journal_quarantine": ACTS,
    "ledger_posting": BOOKS,
    "machine": ACTS,
    "maintenance_count": ACTS,
    "work_part": ACTS,
    "membership": BOOKS,
    "monthly_money": BOOKS,
    "monthly_person": USE,
    "online_payment": BOOKS,
    "payment_block": BOOKS,
    "period_reopening": ACTS,
    "plan_version": ACTS,
    "period": ACTS,
    "reminder": LAW,
    "report_fact": ACTS,
    "reservation_policy": ACTS,
    "sale": BOOKS,
    "site_bill": BOOKS,
    "site_charge": BOOKS,
    "site_pass": BOOKS,
    "stock_change": ACTS,
    "supplier_invoice": ACTS,
    "tariff_version": ACTS,
    "setting_change": ACTS,
    "visitor": BOOKS,
    "waiver_version": ACTS,
    "webhook": ACTS,
}
"""Tables that stay as they are, and why."""


def erase_traces(session: Session, member: Member, now_ms: int) -> None:
    """Have every room forget a member; whoever calls this has checked that it may be done."""
    session.flush()
    for eraser in ERASERS:
        eraser.erase(session, member, now_ms)
    session.expire_all()
