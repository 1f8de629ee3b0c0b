"""Relays that give a machine its power: on a Pi's pins, and on a rig that outlives its owner."""
