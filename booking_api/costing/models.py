"""Tables of costing."""
