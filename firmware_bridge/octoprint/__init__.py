"""OctoPrint: a print server beside a printer, spoken to by its REST API and its push socket."""
