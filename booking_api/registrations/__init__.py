"""People who want to join: they write who they are, confirm their address, sign, and staff answer."""
