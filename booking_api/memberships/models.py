"""Tables of memberships."""
