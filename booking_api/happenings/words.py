"""The closed list of what is told to programs (webhooks) and to people (notices)."""

from enum import StrEnum


class Happening(StrEnum):
    """Something happened; docs/webhooks.md says what each carries."""

    RESERVATION_MADE = "reservation.made"
    RESERVATION_CHANGED = "reservation.changed"
    RESERVATION_CANCELLED = "reservation.cancelled"
    RESERVATION_RELEASED = "reservation.released"
    RESERVATION_OFFERED = "reservation.offered"
    RESERVATION_HANDED_OVER = "reservation.handed_over"
    RESERVATION_DISPLACED = "reservation.displaced"
    MEMBER_ASKED = "member.asked"
    MEMBER_ADDED = "member.added"
    MEMBER_CHANGED = "member.changed"
    MEMBER_SUSPENDED = "member.suspended"
    MEMBER_RESTORED = "member.restored"
    MEMBER_ERASED = "member.erased"
    WAIVER_DUE = "waiver.due"
    CERTIFICATION_GRANTED = "certification.granted"
    CERTIFICATION_REVOKED = "certification.revoked"
    CERTIFICATION_LAPSES = "certification.lapses"
    CLASS_OFFERED = "class.offered"
    CLASS_CALLED_OFF = "class.called_off"
    BADGE_LOST = "badge.lost"
    SESSION_ENDED = "session.ended"
    MACHINE_LOCKED_OUT = "machine.locked_out"
    MACHINE_CLEARED = "machine.cleared"
    ALARM_RAISED = "alarm.raised"
    FAULT_REPORTED = "fault.reported"
    MAINTENANCE_DUE = "maintenance.due"
    WORK_ORDER_DONE = "work_order.done"
    PART_LOW = "part.low"
    INVOICE_ISSUED = "invoice.issued"
    PAYMENT_RECEIVED = "payment.received"
    SIGN_IN_CHANGED = "sign_in.changed"


class LetterKind(StrEnum):
    """A letter that goes to an address, whoever has it, and carries what only its reader may know."""

    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"
    REGISTRATION = "registration"
    EMAIL_CHANGED = "email_changed"
    TEAM_INVITATION = "team_invitation"
