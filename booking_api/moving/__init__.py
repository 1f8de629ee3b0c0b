"""Moves a space from one kind of database to the other: all of it, verified, or nothing."""
