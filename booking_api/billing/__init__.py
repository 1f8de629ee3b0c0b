"""Billing: what was used, and what happened around it, becomes charges in the books."""
