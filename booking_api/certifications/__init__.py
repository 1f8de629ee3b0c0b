"""Certifications: the standing result of a training, for one member and one machine."""
