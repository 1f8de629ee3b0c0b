"""Backups: all that a server needs in one sealed file, and a server made of it again."""
