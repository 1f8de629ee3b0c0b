"""Charges that members dispute, and what came of it."""
