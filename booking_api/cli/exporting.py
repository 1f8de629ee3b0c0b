"""Commands that write the books for other programs."""
