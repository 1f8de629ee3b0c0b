"""Alerts that Prometheus raises: taken from Alertmanager, and told to staff once each."""
