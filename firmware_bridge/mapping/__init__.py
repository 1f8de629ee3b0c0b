"""Machines without a driver of their own: a file says where each value stands, and what it means."""
