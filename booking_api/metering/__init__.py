"""Metering: the journals of the gateways, applied exactly once."""
