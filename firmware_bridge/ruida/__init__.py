"""Ruida laser controllers, over UDP."""
