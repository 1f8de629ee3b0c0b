"""Waivers: what members sign before they use machines, in versions; who signed which, and who has to."""
