"""Which tables the audit log follows, and why it follows the others not. A table in neither list is followed,
and fails a test until somebody decides.
"""

from __future__ import annotations

EVERYBODY = frozenset(
    {
        "credential",
        "api_token",
        "account_member",
        "passkey",
        "second_factor",
        "recovery_code",
        "linked_identity",
        "mailed_link",
    }
)
"""Recorded whoever does it: how somebody signs in, and who may spend a team's money."""

RECORDED = EVERYBODY | {
    "account", "allowance_lot", "badge", "badge_keys_given", "bank_line", "billing_address", "cash_drawer",
    "certification", "class_session", "class_sign_up", "cost_version", "course", "debit", "debit_run",
    "dispute", "dispute_event", "fee", "fund", "gateway", "invoice", "machine", "mandate", "member",
    "membership", "membership_pause", "payment_block", "period", "period_reopening", "plan_version",
    "print_job", "reminder", "sale", "sale_item", "stock_change", "supplier_cost", "supplier_invoice",
    "tariff_version", "alarm", "journal_quarantine", "machine_session", "webhook", "webhook_delivery",
    "notice", "notice_choice", "notice_push", "household", "household_member", "member_care",
    "registration", "suspension", "waiver_version", "waiver_signature", "skill", "quiz_try", "class_waiting",
    "reservation", "reservation_policy", "reservation_waiting", "reservation_feed",
    "session_split", "maintenance_plan", "maintenance_count", "machine_downtime",
    "setting_change", "work_order", "work_note", "work_photo", "work_part", "report_fact",
    "site_pass", "visitor",
}  # fmt: skip

_LEDGER = "the books have a chain of their own; the act names the entry"
_DERIVED = "follows from what is recorded or metered, by rules"
_MACHINERY = "the machinery's own, written by no decision of a person"
_FLOOR = "what gateways tell; nobody acts"

NOT_RECORDED: dict[str, str] = {
    "ledger_entry": _LEDGER,
    "ledger_posting": _LEDGER,
    "account_balance": _LEDGER,
    "book": _LEDGER,
    "charge": _DERIVED,
    "charge_line": _DERIVED,
    "charge_part": _DERIVED,
    "account_history": _DERIVED,
    "account_month": _DERIVED,
    "membership_bill": _DERIVED,
    "membership_grant": _DERIVED,
    "invoice_item": _DERIVED,
    "invoice_series": _DERIVED,
    "invoice_waiting": _DERIVED,
    "credit_slice": _DERIVED,
    "roster_change": _DERIVED,
    "reservation_offer": _DERIVED,
    "member_import": "the file as it came; whom it brings in is recorded one by one",
    "roster_state": _MACHINERY,
    "ceremony": _MACHINERY,
    "throttled": _MACHINERY,
    "happened": _DERIVED,
    "letter": "goes out by what is recorded, and holds the link that its reader alone may have",
    "notice_reminded": _MACHINERY,
    "idempotent_answer": _MACHINERY,
    "browser_session": "a sign-in of staff is recorded by a word of its own, without the cookie's hash",
    "online_payment": "told by the payment provider; the books have the entry",
    "provider_event": "told by the payment provider",
    "phone_code_used": "a tap of a member, recorded as their session",
    "badge_event": "a log itself, kept for good",
    "badge_reading": _FLOOR,
    "boot_clock": _FLOOR,
    "away": _FLOOR,
    "floor_watched": _MACHINERY,
    "gateway_wiring": _FLOOR,
    "site_charge": _LEDGER,
    "site_bill": _LEDGER,
    "site_settlement": _LEDGER,
    "site_mark": _MACHINERY,
    "site_known": _MACHINERY,
    "job": _FLOOR,
    "journal_head": _FLOOR,
    "machine_use": _DERIVED,
    "monthly_use": _DERIVED,
    "monthly_person": _DERIVED,
    "monthly_money": _DERIVED,
    "counted_to": _MACHINERY,
    "journal_record": _FLOOR,
    "refusal": _FLOOR,
    "session_reading": _FLOOR,
    "audit_act": "the log itself",
    "audit_part": "the log itself",
    "audit_head": "the log itself",
}
"""Each other table, with the reason."""

PERSONS = frozenset({"member", "account", "registration", "household", "bank_line", "mailed_link"})
"""Tables whose rows are a person's under their own key, where no column names a member or an account."""

DERIVED = frozenset({("member", "sort"), ("member", "search")})
"""Columns that follow from others of the same row, and so are not recorded."""

_SECRET = (
    "hash", "sealed", "secret", "password", "lookup", "csrf", "token", "nonce", "iban", "public_key",
    "pending",
)  # fmt: skip
_NO_SECRET = frozenset({"sha256"})


def is_secret(column: str) -> bool:
    """Whether a column's value is kept out of the log: it says only that it changed."""
    return column not in _NO_SECRET and any(word in column for word in _SECRET)
