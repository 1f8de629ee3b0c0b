"""Households: members who belong together, and pay from one account if they wish."""
