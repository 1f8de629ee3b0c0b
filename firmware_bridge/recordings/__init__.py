"""Recordings of a machine's traffic: written free of secrets, and played to a driver again."""
