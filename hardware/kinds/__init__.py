"""Kinds of devices: the settings of each, and how it is built. The registry loads those that are named."""
