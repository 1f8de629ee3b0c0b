"""Cost sharing on the server: rate studies of cost files."""
