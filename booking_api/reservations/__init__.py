"""Reservations: kept so that no machine is booked twice, made, changed, waited for and put into calendars."""
