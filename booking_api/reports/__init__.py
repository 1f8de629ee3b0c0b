"""Reports: what the machines did with their time."""
