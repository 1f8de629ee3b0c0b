"""Commands for costs and the close of periods."""
