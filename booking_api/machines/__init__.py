"""Machines: where they stand, how they behave, what they cost, whether they are out of order."""
