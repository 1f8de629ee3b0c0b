"""Commands for invoices and statements."""
