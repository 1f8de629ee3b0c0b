"""Machines that can be found: by mDNS, by what they publish over MQTT, by what they answer on a port."""
