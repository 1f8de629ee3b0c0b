"""What the numbers of GRBL mean, in words of ours.

Sources: gnea/grbl v1.1 doc/csv/error_codes_en_US.csv and alarm_codes_en_US.csv; grblHAL core alarms.h;
FluidNC Protocol.cpp (AlarmNames). From 10 on, grblHAL and FluidNC give one alarm code different meanings.
"""

from __future__ import annotations

ERRORS = {
    1: "a word has no letter",
    2: "a number is missing or malformed",
    3: "the $ command is not known",
    4: "a value must not be negative",
    5: "homing is not enabled",
    6: "the step pulse is shorter than 3 µs",
    7: "settings could not be read and were set to defaults",
    8: "the $ command works only when idle",
    9: "G-code is locked out during an alarm or a jog",
    10: "soft limits need homing",
    11: "the line is too long",
    12: "the step rate is too high",
    13: "the door is open",
    14: "the stored line is too long",
    15: "the jog leaves the machine's travel",
    16: "the jog command is malformed",
    17: "laser mode needs a PWM output",
    20: "a G-code command is not supported",
    21: "two commands of one modal group stand in a line",
    22: "no feed rate was set",
    23: "a command needs a whole number",
    24: "two commands of a line need axis words",
    25: "a word stands twice in a line",
    26: "axis words are missing",
    27: "the line number is not valid",
    28: "a command lacks a value",
    29: "G59.x is not supported",
    30: "G53 goes only with G0 and G1",
    31: "axis words stand without a command",
    32: "an arc lacks axis words",
    33: "the target is not valid",
    34: "the radius of an arc is not valid",
    35: "an arc lacks offsets",
    36: "a line has unused words",
    37: "the tool length offset is on the wrong axis",
    38: "the tool number is too high",
}

ALARMS = {
    1: "hard limit: the position is likely lost, home the machine",
    2: "soft limit: a move would have left the machine's travel",
    3: "reset while moving: the position is likely lost, home the machine",
    4: "probe: it was touching before it started",
    5: "probe: it touched nothing within its travel",
    6: "homing: it was reset",
    7: "homing: the door was opened",
    8: "homing: a limit switch did not clear",
    9: "homing: no limit switch was found",
}
GRBLHAL_ALARMS = {
    10: "emergency stop",
    11: "homing is required",
    12: "a limit switch is engaged",
    13: "probe protection was triggered",
    14: "the spindle did not reach its speed",
    15: "homing: the second limit switch of an axis was not found",
    16: "the self-test failed",
    17: "motor fault",
    18: "homing: bad configuration",
    19: "Modbus failed",
    20: "the I/O expander failed",
    21: "the memory of settings failed",
}
FLUIDNC_ALARMS = {
    10: "spindle control failed",
    11: "a control input was active at the start",
    12: "homing: a limit switch is ambiguous",
    13: "hard stop",
    14: "homing is required",
    15: "the machine has just started",
}
LOCKED = {"grblhal": frozenset({11}), "fluidnc": frozenset({14, 15})}
"""Alarms that only say that the machine wants to be homed or unlocked first: no fault."""


def family(greeting: str) -> str:
    """Name the firmware of a greeting: `grbl`, `grblhal` or `fluidnc`."""
    lower = greeting.lower()
    return next((name for name in ("grblhal", "fluidnc") if name in lower), "grbl")


def error_words(code: int) -> str:
    """Say what `error:code` means; a number that is not known is said as it is."""
    return f"error:{code} ({ERRORS.get(code, 'see the manual of the firmware')})"


def alarm_words(code: int, firmware: str) -> str:
    """Say what `ALARM:code` means in a family of firmware."""
    table = ALARMS | {"grblhal": GRBLHAL_ALARMS, "fluidnc": FLUIDNC_ALARMS}.get(firmware, {})
    return f"ALARM:{code} ({table.get(code, 'see the manual of the firmware')})"
