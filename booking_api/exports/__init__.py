"""The books for other programs: CSV, hledger, Beancount."""
