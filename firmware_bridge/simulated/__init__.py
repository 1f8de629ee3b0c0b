"""A machine that exists only in memory: the whole floor runs on a laptop."""
