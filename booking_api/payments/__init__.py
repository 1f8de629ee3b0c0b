"""Money that comes and goes: desk, bank, provider, reminders."""
