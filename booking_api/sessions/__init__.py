"""Sessions: what was used, by whom, and what came of it; refusals, jobs and alarms beside them."""
