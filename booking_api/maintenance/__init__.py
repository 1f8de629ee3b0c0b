"""Upkeep: plans and what is due, work orders with photos and parts, faults, times out of order."""
