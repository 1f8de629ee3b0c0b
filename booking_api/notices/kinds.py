"""Of what people are told, in kinds that they choose by; and how each happening is worded."""

from __future__ import annotations

from enum import StrEnum

from booking_api.happenings.words import Happening as H
from booking_api.happenings.words import LetterKind


class Way(StrEnum):
    """How somebody is told of a kind."""

    MAIL = "mail"
    PUSH = "push"
    NOTHING = "nothing"


class Kind(StrEnum):
    """A kind of notices. `SECURITY` cannot be turned off; of `ALERTS` only staff is told."""

    RESERVATIONS = "reservations"
    TRAINING = "training"
    MEMBERSHIP = "membership"
    MONEY = "money"
    SESSIONS = "sessions"
    SECURITY = "security"
    ALERTS = "alerts"


REMINDER = "reservation.reminder"
ALERT = {"firing": "alert.firing", "resolved": "alert.resolved"}
"""Notices of an alert, by its state."""
DEFAULTS: dict[Kind, Way] = {
    Kind.RESERVATIONS: Way.MAIL,
    Kind.TRAINING: Way.MAIL,
    Kind.MEMBERSHIP: Way.MAIL,
    Kind.MONEY: Way.MAIL,
    Kind.SESSIONS: Way.NOTHING,
    Kind.SECURITY: Way.MAIL,
    Kind.ALERTS: Way.MAIL,
}
"""What holds for who chose nothing."""
NAMES: dict[Kind, str] = {
    Kind.RESERVATIONS: "Reservations, and a reminder before one begins",
    Kind.TRAINING: "Training, certifications and classes",
    Kind.MEMBERSHIP: "Membership and waivers",
    Kind.MONEY: "Invoices and payments",
    Kind.SESSIONS: "Each session, once it has ended",
    Kind.SECURITY: "Sign-in and badges",
    Kind.ALERTS: "Alerts of the floor",
}
WAYS: dict[Way, str] = {Way.MAIL: "By mail", Way.PUSH: "On my phone", Way.NOTHING: "Not at all"}

MEMBER: dict[str, tuple[Kind, str, str]] = {
    H.RESERVATION_MADE: (Kind.RESERVATIONS, "Reservation booked", "Your reservation is booked."),
    H.RESERVATION_CHANGED: (Kind.RESERVATIONS, "Reservation changed", "Your reservation was changed."),
    H.RESERVATION_CANCELLED: (
        Kind.RESERVATIONS,
        "Reservation cancelled",
        "Your reservation was cancelled.",
    ),
    H.RESERVATION_RELEASED: (
        Kind.RESERVATIONS,
        "Reservation released",
        "You did not come in time, so others may use your slot now.",
    ),
    H.RESERVATION_OFFERED: (
        Kind.RESERVATIONS,
        "A slot is free for you",
        "A slot that you wait for is free. Accept it on the page while it is kept for you.",
    ),
    H.RESERVATION_HANDED_OVER: (
        Kind.RESERVATIONS,
        "Reservation handed over",
        "A reservation was handed over.",
    ),
    H.RESERVATION_DISPLACED: (
        Kind.RESERVATIONS,
        "Reservation gave way",
        "Your reservation had to give way to one that goes before it.",
    ),
    REMINDER: (Kind.RESERVATIONS, "Your reservation begins soon", "Your reservation begins soon."),
    H.MEMBER_ADDED: (Kind.MEMBERSHIP, "Welcome", "You are a member now."),
    H.MEMBER_SUSPENDED: (
        Kind.MEMBERSHIP,
        "Membership suspended",
        "Your membership is suspended: your badge opens no machine for now.",
    ),
    H.MEMBER_RESTORED: (Kind.MEMBERSHIP, "Membership restored", "Your membership is in force again."),
    H.WAIVER_DUE: (
        Kind.MEMBERSHIP,
        "Please sign",
        "There is a text that you have to sign before you use machines again.",
    ),
    H.CERTIFICATION_GRANTED: (Kind.TRAINING, "Certification granted", "You may use a machine now."),
    H.CERTIFICATION_REVOKED: (
        Kind.TRAINING,
        "Certification withdrawn",
        "You may not use a machine any more.",
    ),
    H.CERTIFICATION_LAPSES: (Kind.TRAINING, "Certification ends soon", "A certification of yours ends soon."),
    H.CLASS_OFFERED: (
        Kind.TRAINING,
        "A place in a class is free for you",
        "A place in a class that you wait for is free. Accept it on the page while it is kept for you.",
    ),
    H.CLASS_CALLED_OFF: (Kind.TRAINING, "Class called off", "A class that you signed up for was called off."),
    H.BADGE_LOST: (
        Kind.SECURITY,
        "Badge reported lost",
        "A badge of yours was reported lost: it opens nothing any more.",
    ),
    H.SIGN_IN_CHANGED: (
        Kind.SECURITY,
        "Your sign-in was changed",
        "How you sign in was changed. If that was not you, write to the space at once.",
    ),
    H.SESSION_ENDED: (Kind.SESSIONS, "Session ended", "Your session has ended."),
    H.WORK_ORDER_DONE: (
        Kind.SESSIONS,
        "A fault that you reported is mended",
        "What you reported of a machine was looked after. Thank you for telling us.",
    ),
    H.INVOICE_ISSUED: (Kind.MONEY, "New invoice", "A new invoice was issued to you."),
    H.PAYMENT_RECEIVED: (Kind.MONEY, "Payment received", "Your payment was received. Thank you."),
    ALERT["firing"]: (Kind.ALERTS, "Alert", "Prometheus raised an alert."),
    ALERT["resolved"]: (Kind.ALERTS, "Alert over", "An alert is over."),
}
"""By happening: the kind, the subject and the sentence for the member whom it concerns."""

STAFF: dict[str, tuple[str, str]] = {
    H.ALARM_RAISED: ("Alarm", "An alarm was raised."),
    H.MACHINE_LOCKED_OUT: ("Machine out of order", "A machine was taken out of order."),
    H.MACHINE_CLEARED: ("Machine in order again", "A machine is in order again."),
    H.FAULT_REPORTED: ("Fault reported", "A fault of a machine was reported."),
    H.MAINTENANCE_DUE: ("Maintenance is due", "A machine is due for maintenance."),
    H.WORK_ORDER_DONE: ("Work order done", "A work order is done."),
    H.PART_LOW: ("Below its minimum", "Less of a part or a material is left than its minimum."),
    H.MEMBER_ASKED: ("Somebody wants to be a member", "Somebody asked to become a member."),
    ALERT["firing"]: ("Alert", "Prometheus raised an alert."),
    ALERT["resolved"]: ("Alert over", "An alert is over."),
    "webhook.paused": ("Webhook paused", "A webhook took nothing for days, and is sent nothing any more."),
}
"""What the space's staff are told, by the one address of `notices.staff`."""

LETTERS: dict[LetterKind, tuple[str, str]] = {
    LetterKind.INVITATION: (
        "You are invited",
        "You are invited to sign in. Choose how, at this address:",
    ),
    LetterKind.PASSWORD_RESET: (
        "Choose a new password",
        "Somebody, probably you, asked for a new password. Choose one at this address:",
    ),
    LetterKind.REGISTRATION: (
        "Please confirm your address",
        "Please confirm that this mail address is yours:",
    ),
    LetterKind.TEAM_INVITATION: (
        "You are invited into a team",
        "You are invited into a team, which pays for what you use for it. Join at this address:",
    ),
    LetterKind.EMAIL_CHANGED: (
        "Please confirm your new address",
        "Please confirm that your mails go to this address from now on:",
    ),
}
DECLINED = ("Your request was declined", "Your request to become a member was declined.")
KNOWN = (
    "You are a member already",
    "Somebody, probably you, asked to become a member with this address, which a member has. Sign in here:",
)
MOVED = (
    "Your mail address was changed",
    "The mail address of your membership was changed. If that was not you, write to the space at once.",
)
"""What letters say instead: to who is not admitted, to who is a member, and to the address that was left."""
UNASKED = "If you did not ask for this, do nothing."
"""What letters with a link end with."""

DETAILS: dict[str, str] = {
    "name": "Name",
    "team": "Team",
    "machine": "Machine",
    "plan": "Plan",
    "title": "What",
    "left": "Left",
    "alert": "Alert",
    "at_gateway": "Gateway",
    "came_ms": "Since",
    "skill": "Certification",
    "course": "Course",
    "class": "Class",
    "place": "Place",
    "begins_ms": "Begins",
    "starts_ms": "Begins",
    "ends_ms": "Ends",
    "until_ms": "Until",
    "expires_ms": "Until",
    "badge": "Badge",
    "label": "Badge",
    "code": "Alarm",
    "words": "What was said",
    "to_do": "What to do",
    "handbook": "Handbook",
    "reason": "Reason",
    "problem": "Problem",
    "what": "What",
    "change": "What",
    "new_address": "New address",
    "number": "Number",
    "amount_micro": "Amount",
    "total_micro": "Amount",
    "login": "Sign-in name",
}
"""The data of a happening that people are told, by what it is called, in order; all else is for programs."""
LINK = "link"
"""The value of a letter that is its address."""
