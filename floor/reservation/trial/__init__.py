"""A policy tried on requests that a file lists: what would be granted, what refused, and by which rule."""
