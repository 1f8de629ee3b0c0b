"""Zigbee plugs behind Zigbee2MQTT."""
