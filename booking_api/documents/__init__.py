"""Invoices, credit notes and statements, as page and as PDF."""
