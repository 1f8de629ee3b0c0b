"""A Prometheus beside the server: started, supplied with targets and asked, with figures kept 400 days."""
