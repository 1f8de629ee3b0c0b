"""The closed vocabularies of the floor. Texts for people stand in floor.texts, one in each language."""

from enum import StrEnum


class DenialReason(StrEnum):
    """Why a tap, or a request to use a machine, was refused."""

    UNKNOWN_BADGE = "unknown_badge"
    BADGE_LOST = "badge_lost"
    BADGE_TOO_WEAK = "badge_too_weak"
    BADGE_NOT_PROVEN = "badge_not_proven"
    MEMBER_SUSPENDED = "member_suspended"
    MEMBERSHIP_EXPIRED = "membership_expired"
    NOT_CERTIFIED = "not_certified"
    CERTIFICATION_EXPIRED = "certification_expired"
    MACHINE_LOCKED_OUT = "machine_locked_out"
    MACHINE_UNREACHABLE = "machine_unreachable"
    IN_USE = "in_use"
    NO_CREDIT = "no_credit"
    ROSTER_TOO_OLD = "roster_too_old"
    CLOCK_UNKNOWN = "clock_unknown"
    MACHINE_NOT_SAFE = "machine_not_safe"
    PROOF_MISSING = "proof_missing"
    CLOSING = "closing"
    NO_SUPERVISOR = "no_supervisor"
    RESERVED = "reserved"
    WAIVER_MISSING = "waiver_missing"
    WALK_IN = "walk_in"


class Purpose(StrEnum):
    """What a session is for; every other than use is marked in the journal."""

    USE = "use"
    REPAIR = "repair"
    BREAK_GLASS = "break_glass"


class StopType(StrEnum):
    """How a session ended."""

    TAP_OUT = "tap_out"
    CARD_REMOVED = "card_removed"
    IDLE = "idle"
    MAX_DURATION = "max_duration"
    JOB_DONE = "job_done"
    TAKEOVER = "takeover"
    RESERVATION = "reservation"
    WALK_IN = "walk_in"
    CREDIT_SPENT = "credit_spent"
    FAULT = "fault"
    LOCKOUT = "lockout"
    EMERGENCY_STOP = "emergency_stop"
    INTERLOCK = "interlock"
    FIRE_ALARM = "fire_alarm"
    CLOSING = "closing"
    REMOTE_STOP = "remote_stop"
    POWER_LOST = "power_lost"


class Trip(StrEnum):
    """What at a station itself took its machine out of order, gravest first. It latches until cleared."""

    EMERGENCY_STOP = "emergency_stop"
    INTERLOCK = "interlock"
    EXTRACTION_LOST = "extraction_lost"
    CHILLER_LOST = "chiller_lost"
    INPUT_UNREAD = "input_unread"
    REPORTED = "reported"
    FIRE_ALARM = "fire_alarm"


class InputRole(StrEnum):
    """What a contact that is wired to a gateway stands for."""

    EMERGENCY_STOP = "emergency_stop"
    INTERLOCK = "interlock"
    DOOR = "door"
    END = "end"
    OOPS = "oops"
    EXTRACTION = "extraction"
    CHILLER = "chiller"
    CLOSING = "closing"
    FIRE_ALARM = "fire_alarm"
    HAND_OVER = "hand_over"
    SIGN_OFF = "sign_off"

    @property
    def safety(self) -> bool:
        """Whether the machine may have power only while this contact is proven to be inactive."""
        return self in {InputRole.EMERGENCY_STOP, InputRole.INTERLOCK, InputRole.FIRE_ALARM}

    @property
    def proof(self) -> bool:
        """Whether the machine may have power only while this contact is proven to be active."""
        return self in {InputRole.EXTRACTION, InputRole.CHILLER}

    @property
    def shared(self) -> bool:
        """Whether it stands for the whole gateway rather than for one station."""
        return self in {InputRole.CLOSING, InputRole.FIRE_ALARM}

    @property
    def button(self) -> bool:
        """Whether it is pressed, rather than being in a state."""
        return self in {InputRole.END, InputRole.OOPS, InputRole.HAND_OVER, InputRole.SIGN_OFF}


class Activity(StrEnum):
    """What a machine does now, by its own account or by its current draw."""

    UNREACHABLE = "unreachable"
    IDLE = "idle"
    BUSY = "busy"
    HELD = "held"
    FAULTED = "faulted"


class JobOutcome(StrEnum):
    """How a job (a print, a cut) ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class StationState(StrEnum):
    """What a person sees of a station on the board."""

    OFFLINE = "offline"
    FREE = "free"
    STARTING = "starting"
    IN_USE = "in_use"
    HOLDING = "holding"
    RUN_ON = "run_on"
    LOCKED_OUT = "locked_out"


class Role(StrEnum):
    """What a person may do on the server; each role includes what the ones before it may do, but see docs."""

    MEMBER = "member"
    INSTRUCTOR = "instructor"
    TECHNICIAN = "technician"
    OPERATOR = "operator"
    ADMIN = "admin"


class BadgeKind(StrEnum):
    """What proves that a badge is the badge. A bare UID can be copied: it is weak."""

    UID_125KHZ = "uid_125khz"
    UID_13MHZ = "uid_13mhz"
    WIEGAND = "wiegand"
    NTAG424 = "ntag424"
    DESFIRE = "desfire"
    PHONE = "phone"

    @property
    def weak(self) -> bool:
        """Whether a copy of the badge cannot be told from the badge."""
        return self not in {BadgeKind.NTAG424, BadgeKind.DESFIRE, BadgeKind.PHONE}
