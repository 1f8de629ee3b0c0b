"""Boxes in the field: a reader, a relay and sometimes a display in one, that ask the gateway for each tap."""
