"""Any machine that tells what it does over MQTT, by a mapping file."""
