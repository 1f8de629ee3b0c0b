"""PrusaLink: Prusa's own printers, over its REST API."""
