"""The process on a Pi: stations that run floor.session, the journal, the roster, sync and metrics."""
