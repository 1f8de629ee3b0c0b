"""Bambu Lab printers, spoken to in the local network: MQTT over TLS, and files over FTPS."""
