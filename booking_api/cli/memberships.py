"""Commands for memberships and classes."""
