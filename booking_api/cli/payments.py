"""Commands for payments, sales and reminders."""
