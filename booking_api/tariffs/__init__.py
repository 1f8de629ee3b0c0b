"""Tariffs: versions of price lists, kept as they were written."""
