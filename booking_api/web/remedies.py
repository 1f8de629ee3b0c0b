"""What to do about an alarm, and what a machine's own words mean: a table of patterns, in both languages.

Sources: gnea/grbl doc/csv/alarm_codes_en_US.csv, grblHAL alarms.h, FluidNC Protocol.cpp; Marlin's
language_en.h and temperature.cpp; Klipper's mcu.py, verify_heater.py and docs "Config checks"; Bambu Lab's
wiki, "HMS". The texts of numbers are the drivers' (firmware_bridge/grbl/codes.py, bambu/wording.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from booking_api.web.language import Catalogue

GRAVE = frozenset(
    {
        "relay_mismatch", "relay_failed", "station_failed", "power_not_granted", "box_not_fail_safe",
        "emergency_stop", "interlock_opened", "extraction_lost", "chiller_lost", "fire_alarm",
        "input_unread", "journal_degraded", "session_contradicted", "no_roster",
    }
)  # fmt: skip
"""Alarms that cannot wait: power that does not obey, safety, records that may be lost."""

LOOK_AT_LINE = (
    "Look whether it is switched on and its cable or network is in order; then at its address and key."
)
REMEDIES: dict[str, str] = {
    "relay_mismatch": "Switch the machine off at its main switch. Check relay, contactor and feedback.",
    "relay_failed": "Keep the machine off. Check the wiring of the relay, then restart the gateway.",
    "station_failed": "Report the gateway's log of that minute; restart it when nobody works.",
    "machine_unreachable": LOOK_AT_LINE,
    "job_without_session": "Somebody started it at the machine itself. Find out who; remind them to tap.",
    "job_refused": "Nothing is broken. Whoever sent it has to tap first.",
    "order_failed": "Try the same at the machine itself; if that works, check the driver's settings.",
    "print_not_started": "Look whether the bed is free and the printer is ready, then queue it again.",
    "reader_lost": "Check the reader's cable, then unplug it and plug it in again.",
    "power_not_granted": "Switch the machine off at once. A relay may be welded, or someone has bridged it.",
    "box_not_fail_safe": "Wire this machine to a relay of the gateway, or to a box that falls off alone.",
    "no_roster": "Bring the gateway in touch with the server; until then nobody can begin.",
    "roster_ages": "Bring the gateway in touch with the server before its roster is too old.",
    "timezone_unknown": "Update the gateway's operating system (package tzdata).",
    "rules_unknown": "Update the gateway.",
    "journal_degraded": "Replace the card of this gateway soon. makerfloor-gateway check measures it.",
    "journal_forked": "Does another gateway run from a copied card? Switch it off. Else a disk lost entries.",
    "journal_stuck": "Raise max_packet_size and message_size_limit of the broker, and reload it.",
    "journal_torn": "Power was cut while it wrote. If it comes again, replace the card and the power supply.",
    "emergency_stop": "Make sure nobody is hurt. Find out why, release the button, then clear the machine.",
    "interlock_opened": "Close the door or the cover, then clear the machine.",
    "extraction_lost": "Let the fumes clear. Check fan, filter and its switch, then clear the machine.",
    "chiller_lost": "Check water, pump and flow switch before the tube is fired again.",
    "proof_missing": "Check that extraction and cooling start by themselves, and that their contacts close.",
    "taps_flooded": "Look who stands at the reader, or what lies on it: it taps on and on.",
    "fire_alarm": "Follow the house's fire plan. Clear it once for all machines when the house is safe.",
    "input_unread": "Check the wire of the safety contact: it is broken, or shorted.",
    "input_lost": "Check the wire of the contact.",
    "door_held_open": "Close the door. If it is closed, check its contact.",
    "door_opened": "Look who went in. If nobody did, check the door's contact and lock.",
    "fault_reported": "Look at the machine; open a work order or clear it.",
    "badge_replayed": "A badge may have been copied. Ask its holder, and replace the badge.",
    "session_contradicted": "Compare the gateway's journal with the session before it is charged.",
    "fact_unread": "Update the server.",
}

HOME = "Look what the machine ran into, reset it and home it. Check the zero point before work goes on."
TRAVEL = "Check where the work lies and its size, then home the machine."
MEANINGS: tuple[tuple[str, str, str], ...] = (
    (r"ALARM:1\b", "", HOME),
    (r"ALARM:2\b", "", TRAVEL),
    (r"ALARM:3\b", "", HOME),
    (r"ALARM:[45]\b", "", "Check the probe's clip and cable, then probe again."),
    (r"ALARM:(6|7|8|9|15)\b", "", "Clean and check the limit switches and their cables, then home again."),
    (r"ALARM:10\b", "", "Look why it was stopped, release the button, reset and home it."),
    (r"ALARM:1[1-4]\b", "", "Reset and home it; if it comes again, check limit switches and spindle."),
    (r"ALARM:\d+", "", "Look it up in the manual of the firmware."),
    (r"error:\d+", "", "The file does not suit this machine. Check the post-processor."),
    (r"(?i)thermal runaway|not heating at expected|heating failed", "A heater does not warm as it should",
     "Switch it off and let it cool. Check heater, sensor and their plugs: it is a risk of fire."),
    (r"(?i)M(?:AX|IN)TEMP|ADC out of range", "A temperature sensor is broken or unplugged",
     "Check the sensor's plug and cable; do not bypass it."),
    (r"(?i)lost communication with mcu|serial", "The connection to the machine's board was lost",
     "Check its USB cable and power, then restart the firmware."),
    (r"(?i)timer too close|stopped responding", "The printer's computer was too slow",
     "Stop other programs on it, check its power supply, then restart the firmware."),
    (r"(?i)endstop|homing fail", "It did not find its end of travel",
     "Clean and check the end stops and their cables, then home it."),
    (r"(?i)filament|runout|0700-8011", "The filament ran out or is stuck",
     "Load filament, and clear the path to the nozzle."),
    (r"HMS_|print error [0-9A-F]{4}", "", "Look the code up in the maker's wiki (wiki.bambulab.com, HMS)."),
    (r"(?i)API key|user name|password|\b40[13]\b", "It refuses the key",
     "Make a new key at the machine, and write it into the gateway's configuration."),
    (r"(?i)timed? ?out|did not answer|no answer|slow", "It does not answer in time", LOOK_AT_LINE),
    (r"(?i)refused|unreachable|no route|not known|resolve", "Nothing listens at its address", LOOK_AT_LINE),
)  # fmt: skip
"""A pattern of the machine's words, what they mean where they do not say so, and what to do."""
_MEANINGS = tuple((re.compile(pattern), means, remedy) for pattern, means, remedy in MEANINGS)
_NUMBERED = re.compile(r"((?:ALARM|error):\d+) \((.{1,100})\)")
_PART = re.compile(r"((?:print error|HMS_)[ 0-9A-F-]+) \((.{1,40})\)")


@dataclass(frozen=True, slots=True)
class Explained:
    """A machine's words as people read them; `means` and `remedy` are "" where nobody knows."""

    words: str
    means: str
    remedy: str


def explained(code: str, words: str, texts: Catalogue) -> Explained:
    """Return what an alarm's words say in the reader's language, what they mean and what to do."""
    gettext = texts.gettext
    said = words
    for numbered in (_NUMBERED, _PART):
        said = numbered.sub(lambda found: f"{found[1]} ({gettext(found[2])})", said)
    for pattern, means, remedy in _MEANINGS:
        if pattern.search(words):
            return Explained(said, gettext(means) if means else "", gettext(remedy))
    remedy = REMEDIES.get(code, "")
    return Explained(said, "", gettext(remedy) if remedy else "")
