"""What each alarm is called in a few words; what happened where stands in its own words."""

from __future__ import annotations

from booking_api.web.language import Catalogue

ALARMS = {
    "relay_mismatch": "The relay did not do as it was told",
    "relay_failed": "The relay could not be commanded",
    "station_failed": "The station's software failed",
    "machine_unreachable": "The machine does not answer",
    "job_without_session": "A job began without a tap",
    "job_refused": "A job was refused: nobody had tapped",
    "order_failed": "The machine did not take an order",
    "print_not_started": "A queued print did not begin",
    "reader_lost": "The badge reader cannot be read",
    "power_not_granted": "Power that nobody was granted",
    "box_not_fail_safe": "A hazardous machine at a box that is not fail-safe",
    "no_roster": "The gateway has no roster",
    "roster_ages": "Offline: soon nobody can begin",
    "break_glass": "Emergency access was used",
    "keep_refused": "Keeping the power is refused here",
    "timezone_unknown": "The gateway does not know the time zone",
    "rules_unknown": "The gateway does not understand the rules on use without a reservation",
    "journal_late": "The disk was slow once",
    "journal_degraded": "The disk is slow or refuses",
    "journal_forked": "The journal does not fit what the server has",
    "journal_stuck": "The journal does not pass the broker",
    "journal_torn": "The journal was broken and begun anew",
    "emergency_stop": "Emergency stop pressed",
    "interlock_opened": "Interlock opened",
    "extraction_lost": "The extraction stopped",
    "chiller_lost": "The cooling stopped",
    "proof_missing": "Extraction or cooling did not start",
    "fire_alarm": "Fire alarm",
    "input_unread": "A safety contact cannot be read",
    "door_held_open": "The door is held open",
    "door_opened": "Door opened, and nobody had tapped",
    "input_lost": "A contact cannot be read",
    "fault_reported": "A fault was reported at the machine",
    "taps_flooded": "Somebody taps on and on",
    "clear_refused": "It could not be cleared",
    "locked_out": "Taken out of order",
    "account_refused": "Another account could not be charged",
    "session_contradicted": "A session was told of twice, differently",
    "badge_replayed": "A badge's reading was shown again",
    "sign_off_refused": "A sign-off at a machine does not count",
    "fact_unread": "A gateway is newer than the server",
}


def alarm_title(code: str, texts: Catalogue) -> str:
    """Return what an alarm is called; the code itself for one of another version."""
    return texts.gettext(ALARMS[code]) if code in ALARMS else code
