"""Reservations: who may book a machine and when, and who is next. Pure: no clock, no database."""
