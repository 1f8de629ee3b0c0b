"""What staff read of records, happenings and failures: words for what the server keeps by codes."""

from __future__ import annotations

from booking_api.web.formats import Formats

RECORDS = {
    "account": "account",
    "account_member": "person of an account",
    "alarm": "alarm",
    "allowance_lot": "allowance",
    "api_token": "API token",
    "badge": "badge",
    "badge_keys_given": "badge's keys",
    "bank_line": "line of the bank",
    "billing_address": "billing address",
    "cash_drawer": "cash drawer",
    "certification": "certification",
    "class_session": "class",
    "class_sign_up": "place in a class",
    "class_waiting": "waiting for a class",
    "cost_version": "costs",
    "course": "course",
    "credential": "password",
    "debit": "direct debit",
    "debit_run": "run of direct debits",
    "dispute": "dispute",
    "dispute_event": "step of a dispute",
    "fee": "fee",
    "fund": "fund",
    "gateway": "gateway",
    "household": "household",
    "household_member": "person of a household",
    "invoice": "invoice",
    "journal_quarantine": "quarantined journal",
    "ledger_entry": "entry in the books",
    "linked_identity": "linked sign-in",
    "machine": "machine",
    "machine_session": "session",
    "machine_downtime": "time out of order",
    "mailed_link": "mailed link",
    "maintenance_count": "count of a plan",
    "maintenance_plan": "maintenance plan",
    "mandate": "mandate",
    "member": "member",
    "member_care": "contact and guardian",
    "membership": "membership",
    "membership_pause": "pause of a membership",
    "notice": "notice",
    "notice_choice": "choice of notices",
    "notice_push": "address for notices",
    "passkey": "passkey",
    "payment_block": "block for debts",
    "period": "month of the books",
    "period_reopening": "reopened month",
    "plan_version": "plans",
    "print_job": "print job",
    "quiz_try": "try of a quiz",
    "recovery_code": "recovery code",
    "registration": "registration",
    "reminder": "reminder",
    "reservation": "reservation",
    "reservation_feed": "calendar address",
    "reservation_policy": "reservation rules",
    "reservation_waiting": "waiting for a machine",
    "sale": "sale",
    "sale_item": "item for sale",
    "second_factor": "second factor",
    "session_split": "split of a session",
    "skill": "skill",
    "stock_change": "change of stock",
    "supplier_cost": "supplier's cost",
    "supplier_invoice": "supplier's invoice",
    "suspension": "suspension",
    "tariff_version": "tariff",
    "waiver_signature": "signature",
    "waiver_version": "text to sign",
    "webhook": "webhook",
    "webhook_delivery": "delivery to a webhook",
    "work_note": "note of a work order",
    "work_order": "work order",
    "work_part": "part used",
    "work_photo": "photo of a work order",
}
"""What one row is of each table that the audit log follows."""
HAPPENINGS = {
    "reservation.made": "Reservation made",
    "reservation.changed": "Reservation changed",
    "reservation.cancelled": "Reservation cancelled",
    "reservation.released": "Reservation released",
    "reservation.offered": "Slot offered",
    "reservation.handed_over": "Reservation handed over",
    "reservation.displaced": "Reservation gave way",
    "reservation.reminder": "Your reservation begins soon",
    "member.asked": "Somebody asked to join",
    "member.added": "Member added",
    "member.changed": "Member changed",
    "member.suspended": "Member suspended",
    "member.restored": "Member's suspension ended",
    "member.erased": "Member erased",
    "waiver.due": "Text to be signed",
    "certification.granted": "Certification granted",
    "certification.revoked": "Certification revoked",
    "certification.lapses": "Certification ends soon",
    "class.offered": "Place in a class offered",
    "class.called_off": "Class called off",
    "badge.lost": "Badge lost",
    "session.ended": "Session ended",
    "machine.locked_out": "Machine out of order",
    "machine.cleared": "Machine in order again",
    "alarm.raised": "Alarm raised",
    "fault.reported": "Fault reported",
    "maintenance.due": "Maintenance is due",
    "work_order.done": "Work order done",
    "part.low": "A part runs short",
    "invoice.issued": "Invoice issued",
    "payment.received": "Payment received",
    "sign_in.changed": "Sign-in changed",
    "ping": "Test",
    "webhook.paused": "Webhook paused",
    "invitation": "Invitation",
    "team_invitation": "Invitation to a team",
    "password_reset": "New password",
    "registration": "Answer to a registration",
    "email_changed": "New email address",
}
"""What happened, and which letter it is: by the words of webhooks, notices and letters."""
PROBLEMS = {
    "notices.mail is not set": "No mail server is set up (notices.mail).",
    "notices.mail is no address of Apprise": "The mail server's address is wrong (notices.mail).",
    "notices.staff is not set": "No address for staff is set up (notices.staff).",
    "this is not one mail address": "This is not one email address.",
    "this kind of address is not allowed any more": "This kind of address is not allowed any more.",
    "Apprise does not know this address": "This kind of address is not known.",
    "the mail server did not take it": "The mail server did not take it.",
    "the service did not take it": "The service did not take it.",
}
"""Why a mail or notice did not go out; what a server answered stands as it came."""


def record(kind: str, formats: Formats) -> str:
    """Return what a row of a table is called; the table's own name where no word is known."""
    return formats.texts.gettext(RECORDS[kind]) if kind in RECORDS else kind


def happening(what: str, formats: Formats) -> str:
    """Return what happened, or which letter it is, in words."""
    return formats.texts.gettext(HAPPENINGS[what]) if what in HAPPENINGS else what


def problem(words: str, formats: Formats) -> str:
    """Return why something did not go out, in the reader's language where it is known."""
    return formats.texts.gettext(PROBLEMS[words]) if words in PROBLEMS else words
