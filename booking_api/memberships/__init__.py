"""Memberships: what a member pays and gets each month, and classes."""
