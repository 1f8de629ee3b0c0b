"""Commands for disputed charges."""
