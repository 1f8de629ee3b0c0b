"""Periods: the calendar months of the books, open until they are closed."""
