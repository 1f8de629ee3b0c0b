"""What happens in the house, told once, in the transaction that makes it so; webhooks and notices follow."""
