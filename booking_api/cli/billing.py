"""Commands for fees, packs and allowances."""
