"""Which wire goes where, from the settings: as data, as a table, as a drawing."""
