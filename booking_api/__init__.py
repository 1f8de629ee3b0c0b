"""The server: one folder a noun."""
