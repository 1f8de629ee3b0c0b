"""Shelly plugs of generation 2 and later, by their RPC over MQTT."""
