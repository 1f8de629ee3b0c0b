"""Commands for accounts, teams and funds."""
