"""Gateways: their identity, their keys, and the roster by which they decide alone."""
