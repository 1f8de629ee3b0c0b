"""Plugs with the Tasmota firmware, by MQTT."""
