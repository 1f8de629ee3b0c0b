"""The print queue: files that members submit, what they will cost, and what became of them."""
