"""The rules of the floor: pure functions and frozen values, no I/O, no clock, no network, no ids made."""
