"""Many spaces in one installation: who of one may use another, what it cost there, and what sites owe."""
