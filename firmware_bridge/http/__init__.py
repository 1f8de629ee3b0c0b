"""Any machine that answers over HTTP what it does, by a mapping file."""
