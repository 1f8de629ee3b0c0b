"""Plugs that measure: what Shelly, Tasmota and Zigbee2MQTT have in common."""
