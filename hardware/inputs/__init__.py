"""Contacts that are read: emergency stops, interlocks, doors, buttons."""
