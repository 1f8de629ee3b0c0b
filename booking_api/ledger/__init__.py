"""The books: balanced entries that nobody changes, sealed in a chain."""
